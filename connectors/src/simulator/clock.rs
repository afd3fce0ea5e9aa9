//! Virtual time: the wall's, faster than the wall's, or set by hand.

use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use engine::clock::now_micros;

/// How virtual time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClockMode {
    /// Virtual time is the wall's time.
    Real,
    /// Virtual time starts at the wall's time and passes this many times as fast.
    Scaled(f64),
    /// Virtual time stands at the given instant until it is set or advanced.
    Manual(DateTime<Utc>),
}

/// A clock mode that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a clock; write `real`, `scaled:60` (times as fast), or `manual`")]
pub struct UnknownClock(String);

/// Where a manual clock stands when nothing else is said: Monday, 2026-01-05T00:00:00Z.
pub(super) const MANUAL_START: DateTime<Utc> = match DateTime::from_timestamp(1_767_571_200, 0) {
    Some(start) => start,
    None => DateTime::UNIX_EPOCH,
};

impl FromStr for ClockMode {
    type Err = UnknownClock;

    /// Reads `real`, `scaled:60` or `manual` (which then stands at 2026-01-05T00:00:00Z).
    fn from_str(text: &str) -> Result<Self, UnknownClock> {
        match text {
            "real" => Ok(Self::Real),
            "manual" => Ok(Self::Manual(MANUAL_START)),
            _ => text
                .strip_prefix("scaled:")
                .and_then(|factor| factor.parse::<f64>().ok())
                .filter(|factor| factor.is_finite() && *factor > 0.0 && *factor <= 1e6)
                .map(Self::Scaled)
                .ok_or_else(|| UnknownClock(text.to_owned())),
        }
    }
}

/// A running clock.
#[derive(Debug)]
pub(super) struct Clock {
    mode: ClockMode,
    /// Microseconds of virtual time at `anchor`; of a manual clock, the time itself.
    micros: AtomicI64,
    anchor: Instant,
}

impl Clock {
    pub(super) fn start(mode: ClockMode) -> Self {
        let begin = match mode {
            ClockMode::Manual(start) => start,
            ClockMode::Real | ClockMode::Scaled(_) => Utc::now(),
        };
        Self { mode, micros: AtomicI64::new(begin.timestamp_micros()), anchor: Instant::now() }
    }

    /// Virtual time in microseconds since 1970.
    pub(super) fn micros(&self) -> i64 {
        let begin = self.micros.load(Ordering::SeqCst);
        match self.mode {
            ClockMode::Manual(_) => begin,
            ClockMode::Real => now_micros(),
            ClockMode::Scaled(factor) => begin + (self.anchor.elapsed().as_micros() as f64 * factor) as i64,
        }
    }

    /// Virtual time in whole seconds since 1970: the world changes no faster.
    pub(super) fn seconds(&self) -> i64 {
        self.micros().div_euclid(1_000_000)
    }

    /// Sets a manual clock; says whether it is one.
    pub(super) fn set(&self, to: DateTime<Utc>) -> bool {
        let manual = matches!(self.mode, ClockMode::Manual(_));
        if manual {
            self.micros.store(to.timestamp_micros(), Ordering::SeqCst);
        }
        manual
    }

    /// Advances a manual clock; says whether it is one.
    pub(super) fn advance(&self, by: Duration) -> bool {
        let manual = matches!(self.mode, ClockMode::Manual(_));
        if manual {
            let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            let _ =
                self.micros.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(micros)));
        }
        manual
    }
}

/// A virtual second as Twitch writes it: `2026-01-05T00:00:00Z`.
pub(super) fn rfc3339(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map_or_else(String::new, |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_read_as_written() {
        assert_eq!("real".parse(), Ok(ClockMode::Real));
        assert_eq!("scaled:60".parse(), Ok(ClockMode::Scaled(60.0)));
        assert_eq!("manual".parse(), Ok(ClockMode::Manual(MANUAL_START)));
        for wrong in ["", "scaled", "scaled:0", "scaled:-1", "scaled:nan", "fast"] {
            assert!(wrong.parse::<ClockMode>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::start(ClockMode::Manual(MANUAL_START));
        assert_eq!(rfc3339(clock.seconds()), "2026-01-05T00:00:00Z");
        assert!(clock.advance(Duration::from_secs(20)));
        assert_eq!(rfc3339(clock.seconds()), "2026-01-05T00:00:20Z");
        assert!(!Clock::start(ClockMode::Real).set(MANUAL_START));
    }

    #[test]
    fn a_real_clock_is_the_walls() {
        let clock = Clock::start(ClockMode::Real);
        assert!((clock.micros() - Utc::now().timestamp_micros()).abs() < 5_000_000);
    }
}
