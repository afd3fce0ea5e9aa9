//! The clocks: of the wall, for what the journal and the status note down and for the times that records get, and of how much time has passed, which does
//! not jump. No operator sees either.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970.
#[must_use]
pub fn now_micros() -> i64 {
    #[cfg(test)]
    if let Some(wall) = crate::simulation::wall() {
        return wall;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    #[cfg(debug_assertions)]
    let micros = micros.saturating_add(jumps::passed());
    micros
}

/// A moment that others are measured from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(Instant);

impl Moment {
    /// This one.
    pub(crate) fn now() -> Self {
        #[cfg(test)]
        if let Some(passed) = crate::simulation::passed() {
            return Self(crate::simulation::origin() + passed);
        }
        Self(Instant::now())
    }

    /// How much time has passed since.
    pub(crate) fn elapsed(self) -> Duration {
        Self::now().0.saturating_duration_since(self.0)
    }
}

/// The clock jumps in tests.
#[cfg(debug_assertions)]
pub mod jumps {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A jump of the clock.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Jump {
        /// By how many seconds.
        pub seconds: i64,
        /// From which reading of the clock on, counted from one.
        pub nth: u64,
    }

    /// As `-3600@2`.
    impl std::str::FromStr for Jump {
        type Err = String;

        fn from_str(text: &str) -> Result<Self, String> {
            let wrong = || format!("`{text}` is not of the form SECONDS@N");
            let (seconds, nth) = text.split_once('@').ok_or_else(wrong)?;
            Ok(Self { seconds: seconds.parse().map_err(|_| wrong())?, nth: nth.parse().map_err(|_| wrong())? })
        }
    }

    static JUMPS: OnceLock<(Vec<Jump>, AtomicU64)> = OnceLock::new();

    /// Lets the clock jump, once a process, before anything runs.
    pub fn plan(jumps: Vec<Jump>) {
        let _ = JUMPS.set((jumps, AtomicU64::new(0)));
    }

    /// By how many microseconds it has jumped at this reading.
    pub(super) fn passed() -> i64 {
        let Some((jumps, readings)) = JUMPS.get() else { return 0 };
        let reading = readings.fetch_add(1, Ordering::SeqCst) + 1;
        let passed = jumps.iter().filter(|jump| jump.nth <= reading);
        passed.map(|jump| jump.seconds * 1_000_000).sum()
    }
}
