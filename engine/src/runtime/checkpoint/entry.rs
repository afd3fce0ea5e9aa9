//! What the journal says of a checkpoint.

use serde::{Deserialize, Serialize};

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
}
