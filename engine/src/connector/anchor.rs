//! What stood at the place to which a partition was read: by it a source knows, after a restart, whether the partition is still the same.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A stretch of a partition that was read, and what stood there.
///
/// Offsets alone do not tell a partition from another one that was made anew in its place and has come further. So a source that reads again can
/// leave an anchor with each batch ([`super::Records::anchor`]); the journal keeps the last of each partition, and the next opening gets them back
/// ([`super::OpenSource::anchors`]) and refuses a partition that holds something else there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The offset where it begins.
    pub start: u64,
    /// The offset behind it.
    pub end: u64,
    /// Of what stands there. The source alone makes it and compares it, so what goes into it is the source's matter.
    pub digest: Digest,
}
