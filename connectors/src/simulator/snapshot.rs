//! The index of live streams at one instant.

use super::schedule::Session;

/// Streams as lists rank them at one virtual second.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The second.
    pub(super) at: i64,
    /// By score, greatest first; scores are distinct.
    pub(super) listed: Vec<Listed>,
}

/// A stream in the index. It may already have ended: the index is stale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) session: Session,
    pub(super) score: f64,
}

impl Snapshot {
    pub(super) fn new(at: i64, mut listed: Vec<Listed>) -> Self {
        listed.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.session.id.cmp(&b.session.id)));
        Self { at, listed }
    }

    /// Those ranked above `score`, the lowest of them last.
    pub(super) fn above(&self, score: f64) -> &[Listed] {
        &self.listed[..self.listed.partition_point(|listed| listed.score > score)]
    }

    /// Those ranked below `score`.
    pub(super) fn below(&self, score: f64) -> &[Listed] {
        &self.listed[self.listed.partition_point(|listed| listed.score >= score)..]
    }
}
