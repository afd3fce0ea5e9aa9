//! The rate limit that every client has: a bucket of 800 points, one a call, refilled with virtual time.

/// Points in a full bucket.
pub(super) const LIMIT: u32 = 800;

/// One client's bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    points: f64,
    micros: i64,
    per_second: f64,
}

/// What the three `Ratelimit-*` headers say after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Whether the call had a point left.
    pub(super) granted: bool,
    /// `Ratelimit-Remaining`.
    pub(super) remaining: u32,
    /// `Ratelimit-Reset`: the second at which the bucket is full again.
    pub(super) reset: i64,
}

impl Bucket {
    /// A full bucket that is refilled by so many points a minute.
    pub(super) fn full(micros: i64, per_minute: u32) -> Self {
        Self { points: f64::from(LIMIT), micros, per_second: f64::from(per_minute) / 60.0 }
    }

    /// Takes a point at this virtual time. A clock set back fills the bucket.
    pub(super) fn take(&mut self, micros: i64) -> Standing {
        if micros < self.micros {
            (self.points, self.micros) = (f64::from(LIMIT), micros);
        }
        let passed = (micros - self.micros) as f64 / 1e6;
        self.points = (self.points + passed * self.per_second).min(f64::from(LIMIT));
        self.micros = micros;
        let granted = self.points >= 1.0;
        if granted {
            self.points -= 1.0;
        }
        let missing = (f64::from(LIMIT) - self.points) / self.per_second;
        Standing { granted, remaining: self.points as u32, reset: (micros as f64 / 1e6 + missing).ceil() as i64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_refills_what_was_spent() {
        let mut bucket = Bucket::full(0, 800);
        assert!((0..800).all(|_| bucket.take(0).granted));
        assert_eq!(bucket.take(0), Standing { granted: false, remaining: 0, reset: 60 });
        assert_eq!(bucket.take(60_000_000).remaining, 799);
    }

    #[test]
    fn a_slower_refill_shows_in_the_reset() {
        let mut bucket = Bucket::full(0, 600);
        assert!((0..800).all(|_| bucket.take(0).granted));
        assert_eq!(bucket.take(0), Standing { granted: false, remaining: 0, reset: 80 });
        assert_eq!(bucket.take(60_000_000).remaining, 599);
    }
}
