//! How often a call is tried and how long is waited in between.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Full jitter: before retry `n` an even random time between zero and `base * 2^n`, at most `most`
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>). It decides when a call is made, never what it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Retries after the first attempt.
    pub retries: u32,
    /// The bound of the first wait.
    pub base: Duration,
    /// The bound of every wait.
    pub most: Duration,
}

impl Default for Backoff {
    /// Five retries, half a second to thirty seconds.
    fn default() -> Self {
        Self { retries: 5, base: Duration::from_millis(500), most: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// How long to wait before the retry of this number, counted from 0.
    pub(super) fn wait(&self, retry: u32) -> Duration {
        self.bound(retry).mul_f64(random())
    }

    fn bound(&self, retry: u32) -> Duration {
        self.base.saturating_mul(2_u32.saturating_pow(retry)).min(self.most)
    }
}

/// Even between 0 and 1.
pub(super) fn random() -> f64 {
    (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_up_to_the_most() {
        let backoff = Backoff::default();
        let bounds: Vec<u64> = (0..8).map(|retry| backoff.bound(retry).as_millis() as u64).collect();
        assert_eq!(bounds, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert!((0..100).all(|_| backoff.wait(2) <= Duration::from_secs(2)));
        assert_eq!(backoff.bound(u32::MAX), Duration::from_secs(30));
    }
}
