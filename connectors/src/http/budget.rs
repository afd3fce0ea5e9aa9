//! The rate limit as the client keeps it: a bucket of points, one a call, that never holds more than the server says.

use std::time::{Duration, Instant};

/// How many calls a server grants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Points in a full bucket.
    pub capacity: f64,
    /// Points that come back in a second.
    pub per_second: f64,
}

impl RateLimit {
    /// Twitch: 800 points. The documentation implies 800 a minute; 600 is what really comes back.
    pub const TWITCH: Self = Self { capacity: 800.0, per_second: 10.0 };
}

/// The bucket.
#[derive(Debug)]
pub(super) struct Budget {
    limit: RateLimit,
    points: f64,
    at: Instant,
}

impl Budget {
    pub(super) fn new(limit: RateLimit, now: Instant) -> Self {
        Self { limit, points: limit.capacity, at: now }
    }

    /// Takes a point.
    ///
    /// # Errors
    /// How long to wait until there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.points >= 1.0 {
            self.points -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.points) / self.limit.per_second))
    }

    /// The server says how many points remain; less than we thought is believed.
    pub(super) fn sync(&mut self, remaining: f64, now: Instant) {
        self.refill(now);
        self.points = self.points.min(remaining.max(0.0));
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.points = (self.points + passed * self.limit.per_second).min(self.limit.capacity);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let start = Instant::now();
        let mut budget = Budget::new(RateLimit::TWITCH, start);
        assert!((0..800).all(|_| budget.take(start).is_ok()));
        assert_eq!(budget.take(start), Err(Duration::from_millis(100)));
        assert_eq!(budget.take(start + Duration::from_millis(101)), Ok(()));
    }

    #[test]
    fn the_server_can_only_lower_it() {
        let start = Instant::now();
        let mut budget = Budget::new(RateLimit::TWITCH, start);
        budget.sync(1.0, start);
        assert_eq!(budget.take(start), Ok(()));
        assert!(budget.take(start).is_err());
        budget.sync(500.0, start);
        assert!(budget.take(start).is_err());
    }
}
