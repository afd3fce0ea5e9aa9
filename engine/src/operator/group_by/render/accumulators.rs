//! What one group adds up, where groups are kept one by one: in checkpoints, and where branches of a group are joined.

use differential_dataflow::difference::{IsZero, Semigroup};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::render::row_bytes::RowBytes;

/// Sums and best candidates of a group. Sums add; of two candidates the one that is first in byte order stays. The first sum is always the number of
/// rows, so a group that has rows is never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Accumulators {
    /// Sums of 64-bit pieces in 128 bits: 2^64 additions are exact.
    pub(super) sums: SmallVec<[i128; 4]>,
    /// Candidates; only over rows that are never taken back.
    pub(super) best: Vec<Option<RowBytes>>,
}

impl Accumulators {
    /// Appends its bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        encode(&self.sums, &self.best, out);
    }

    /// Accumulators from all of their bytes; none if they are not theirs.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = split_u32(bytes)?;
        let (sums, mut rest) = rest.split_at_checked(count as usize * size_of::<i128>())?;
        let (sums, _) = sums.as_chunks();
        let mut best = Vec::new();
        while !rest.is_empty() {
            let (length, more) = split_u32(rest)?;
            let (candidate, more) = more.split_at_checked((length as usize).saturating_sub(1))?;
            best.push((length > 0).then(|| candidate.into()));
            rest = more;
        }
        Some(Self { sums: sums.iter().map(|sum| i128::from_le_bytes(*sum)).collect(), best })
    }
}

/// Appends the bytes of accumulators: how many sums, the sums, then each candidate with its length and one more, or zero.
pub(super) fn encode(sums: &[i128], best: &[Option<RowBytes>], out: &mut Vec<u8>) {
    out.extend_from_slice(&(sums.len() as u32).to_le_bytes());
    sums.iter().for_each(|sum| out.extend_from_slice(&sum.to_le_bytes()));
    for candidate in best {
        let length = candidate.as_ref().map_or(0, |candidate| candidate.len() as u32 + 1);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(candidate.as_deref().unwrap_or_default());
    }
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
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
