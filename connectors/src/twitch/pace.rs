//! When polls are made.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use engine::clock::now_micros;

use crate::simulator::RunningSimulator;

/// The start of the simulated day, 2026-01-05T00:00:00Z, in unix seconds.
pub(super) const DAY_START: i64 = 1_767_571_200;
const DAY: Duration = Duration::from_secs(86_400);

/// When polls are made.
#[derive(Debug)]
pub(super) enum Pace {
    /// By the wall's clock: the first at once, then every so often.
    Live {
        /// From one poll to the next.
        every: Duration,
        /// When the next is due.
        next: Instant,
        /// The simulator that is polled, kept up as long as it is, and the owner of the time.
        simulator: Option<RunningSimulator>,
    },
    /// One, at once.
    Once,
    /// At every step of a simulated day, as fast as can be.
    Day {
        /// The step.
        every: Duration,
        /// Whose clock is set.
        simulator: RunningSimulator,
    },
    /// No more.
    Over,
}

/// Whether a poll is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Now; it bears this time, in microseconds since 1970.
    Now(i64),
    /// Not before this time has passed.
    In(Duration),
    /// Never again.
    Never,
}

impl Pace {
    /// Whether poll `number` is due at `now`. If it is, the poll after it is scheduled; slots that have passed meanwhile are left out.
    pub(super) fn due(&mut self, number: u64, now: Instant) -> Due {
        match self {
            Self::Live { next, .. } if *next > now => Due::In(*next - now),
            Self::Live { every, next, simulator } => {
                *next = slot_after(*next, *every, now);
                Due::Now(simulator.as_ref().map_or_else(now_micros, RunningSimulator::now_micros))
            }
            Self::Once => {
                *self = Self::Over;
                Due::Now(now_micros())
            }
            Self::Day { every, simulator } => {
                let passed = every.saturating_mul(u32::try_from(number - 1).unwrap_or(u32::MAX));
                let at = DateTime::from_timestamp(DAY_START, 0).map(|start: DateTime<Utc>| start + passed.min(DAY));
                match at.filter(|_| passed < DAY) {
                    Some(at) => {
                        simulator.set_time(at);
                        Due::Now(at.timestamp_micros())
                    }
                    None => {
                        *self = Self::Over;
                        Due::Never
                    }
                }
            }
            Self::Over => Due::Never,
        }
    }

    /// Whether polls follow the wall's clock, so that a failed one can be followed by a better one.
    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }
}

/// The first of `slot + every`, `slot + 2 * every`, … that lies after `now`.
fn slot_after(slot: Instant, every: Duration, now: Instant) -> Instant {
    let missed = now.saturating_duration_since(slot).as_nanos() / every.as_nanos().max(1);
    slot + every.saturating_mul(u32::try_from(missed + 1).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_slots_are_left_out() {
        let start = Instant::now();
        let every = Duration::from_secs(20);
        let mut pace = Pace::Live { every, next: start, simulator: None };
        assert!(matches!(pace.due(1, start), Due::Now(_)));
        assert_eq!(pace.due(2, start + Duration::from_secs(5)), Due::In(Duration::from_secs(15)));
        assert!(matches!(pace.due(2, start + Duration::from_secs(65)), Due::Now(_)));
        assert_eq!(pace.due(3, start + Duration::from_secs(66)), Due::In(Duration::from_secs(14)));
    }

    #[test]
    fn once_is_once() {
        let mut pace = Pace::Once;
        assert!(matches!(pace.due(1, Instant::now()), Due::Now(_)));
        assert_eq!(pace.due(2, Instant::now()), Due::Never);
    }
}
