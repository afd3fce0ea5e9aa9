//! The rate limit that every client has: a bucket of 800 points, one a call, refilled by 800 a minute of virtual time.

/// Points in a full bucket.
pub(super) const LIMIT: u32 = 800;
const PER_SECOND: f64 = LIMIT as f64 / 60.0;

/// One client's bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    points: f64,
    micros: i64,
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
    pub(super) fn full(micros: i64) -> Self {
        Self { points: f64::from(LIMIT), micros }
    }

    /// Takes a point at this virtual time. A clock set back fills the bucket.
    pub(super) fn take(&mut self, micros: i64) -> Standing {
        if micros < self.micros {
            *self = Self::full(micros);
        }
        let passed = (micros - self.micros) as f64 / 1e6;
        self.points = (self.points + passed * PER_SECOND).min(f64::from(LIMIT));
        self.micros = micros;
        let granted = self.points >= 1.0;
        if granted {
            self.points -= 1.0;
        }
        let missing = (f64::from(LIMIT) - self.points) / PER_SECOND;
        Standing { granted, remaining: self.points as u32, reset: (micros as f64 / 1e6 + missing).ceil() as i64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_refills_what_was_spent() {
        let mut bucket = Bucket::full(0);
        assert!((0..800).all(|_| bucket.take(0).granted));
        assert_eq!(bucket.take(0), Standing { granted: false, remaining: 0, reset: 60 });
        assert_eq!(bucket.take(60_000_000).remaining, 799);
    }
}
