//! What a group adds up: differential's diff.

use differential_dataflow::difference::{IsZero, Semigroup};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::render::row_bytes::RowBytes;

/// Sums and best candidates of a group. Sums add; of two candidates the one that is first in byte order stays. The first sum is always the number of
/// rows, so a group that has rows is never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Accumulators {
    /// Sums of 64-bit pieces in 128 bits: 2^64 additions are exact.
    pub(super) sums: SmallVec<[i128; 4]>,
    /// Candidates; only over rows that are never taken back.
    pub(super) best: Vec<Option<RowBytes>>,
}

impl IsZero for Accumulators {
    fn is_zero(&self) -> bool {
        self.sums.iter().all(|sum| *sum == 0)
    }
}

impl Semigroup for Accumulators {
    fn plus_equals(&mut self, other: &Self) {
        for (sum, addend) in self.sums.iter_mut().zip(&other.sums) {
            *sum += addend;
        }
        for (best, candidate) in self.best.iter_mut().zip(&other.best) {
            if let Some(candidate) = candidate
                && best.as_ref().is_none_or(|best| candidate < best)
            {
                *best = Some(candidate.clone());
            }
        }
    }
}
