//! Groups side by side: their keys, sums and candidates, each in one piece of memory.

use serde::{Deserialize, Serialize};

use crate::render::row_bytes::RowBytes;

use super::accumulators::Accumulators;

/// How many values each group has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many sums; the first counts rows.
    pub(crate) sums: usize,
    /// How many candidates beside them.
    pub(crate) best: usize,
}

/// Keys, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Keys {
    /// Adds one.
    pub(super) fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The one at this place.
    pub(super) fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.get(at))
    }
}

/// What groups of one [`Shape`] add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Groups {
    /// The groups' keys, as a [`super::key_codec::KeyCodec`] makes them.
    pub(super) keys: Keys,
    /// The sums of each group.
    pub(super) sums: Vec<i128>,
    /// The candidates of each group.
    pub(super) best: Vec<Option<RowBytes>>,
}

impl Groups {
    /// Adds a group.
    pub(crate) fn push(&mut self, key: &[u8], sums: &[i128], best: &[Option<RowBytes>]) {
        self.keys.push(key);
        self.sums.extend_from_slice(sums);
        self.best.extend_from_slice(best);
    }

    /// The key, sums and candidates of each.
    pub(super) fn iter(&self, shape: Shape) -> impl Iterator<Item = (&[u8], &[i128], &[Option<RowBytes>])> {
        let best = (0..self.keys.len()).map(move |at| &self.best[at * shape.best..][..shape.best]);
        let values = self.sums.chunks_exact(shape.sums).zip(best);
        self.keys.iter().zip(values).map(|(key, (sums, best))| (key, sums, best))
    }

    /// What each adds up, for those who keep groups one by one.
    pub(super) fn accumulators(&self, shape: Shape) -> impl Iterator<Item = Accumulators> {
        self.iter(shape).map(|(_, sums, best)| Accumulators { sums: sums.into(), best: best.to_vec() })
    }
}

/// Groups on their way to the worker that owns them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Parcel {
    /// The worker.
    pub(super) worker: usize,
    /// The groups, each once.
    pub(super) groups: Groups,
}

/// The worker that owns a key of this hash.
pub(super) fn owner(hash: u32, workers: usize) -> usize {
    // A table deals its slots by the lowest bits: these are of all.
    ((u64::from(hash.wrapping_mul(0x85eb_ca6b)) * workers as u64) >> 32) as usize
}

/// Groups that have changed, as they were and as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Changed {
    /// The groups.
    pub(super) groups: Groups,
    /// How many distinct values each group has of each argument that is asked about.
    pub(super) distinct: Vec<i64>,
    /// Minus one for a group as it was, one for a group as it is.
    pub(super) diffs: Vec<i64>,
}
