//! The clocks: of the wall, for what the journal and the status note down, and of how much time has passed. No operator sees either.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970.
pub(super) fn now_micros() -> i64 {
    #[cfg(test)]
    if let Some(wall) = crate::simulation::wall() {
        return wall;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A moment that others are measured from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(Instant);

impl Moment {
    /// This one.
    pub(super) fn now() -> Self {
        #[cfg(test)]
        if let Some(passed) = crate::simulation::passed() {
            return Self(crate::simulation::origin() + passed);
        }
        Self(Instant::now())
    }

    /// How much time has passed since.
    pub(super) fn elapsed(self) -> Duration {
        Self::now().0.saturating_duration_since(self.0)
    }
}
