//! What the journal says of a checkpoint.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::render::Cut;

/// A checkpoint that is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Checkpoint {
    /// The epoch that it ends with.
    pub(in crate::runtime) epoch: u64,
    /// What each cut is, in their order: equal names, equal meaning of entries.
    pub(in crate::runtime) cuts: Vec<String>,
    /// The files whose entries add up to it.
    pub(in crate::runtime) runs: Vec<Run>,
}

/// A file of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Run {
    /// Its name in the folder of checkpoints.
    pub(in crate::runtime) name: String,
    /// Its length in bytes.
    pub(in crate::runtime) bytes: u64,
    /// What each cut has in it.
    pub(in crate::runtime) digests: CutDigests,
}

/// The digest of each cut's entries, in the order of cuts; of those that have some.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::runtime) struct CutDigests(Vec<(Cut, Digest)>);

impl CutDigests {
    /// Takes in the bytes of an entry. Entries come in the order of cuts.
    pub(super) fn add(&mut self, cut: Cut, entry: &[u8]) {
        match self.0.last_mut().filter(|(last, _)| *last == cut) {
            Some((_, digest)) => digest.add(entry, 1),
            None => {
                let mut digest = Digest::default();
                digest.add(entry, 1);
                self.0.push((cut, digest));
            }
        }
    }
}
