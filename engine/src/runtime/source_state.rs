//! What the coordinator knows of one source.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::connector::{ConnectorError, Partition, PartitionIndex, Records, Replay};

use super::RunError;
use super::ingest::ReaderThread;

/// One source while it runs.
pub(super) struct SourceState {
    pub(super) name: String,
    pub(super) replay: Replay,
    /// In the order in which the reader announced them.
    pub(super) partitions: Vec<Arc<Partition>>,
    /// The offset behind the last record that was fed, by partition id.
    pub(super) positions: BTreeMap<String, u64>,
    pub(super) reader: ReaderThread,
    /// The reader has brought everything.
    pub(super) ended: bool,
    /// Records that wait outside.
    pub(super) backlog: Option<u64>,
    /// Records that were read before their time.
    pub(super) early: Vec<Records>,
}

impl SourceState {
    /// The partition that a reader means.
    pub(super) fn partition(&self, index: PartitionIndex) -> Result<&Arc<Partition>, RunError> {
        self.partitions
            .get(index.0 as usize)
            .ok_or(RunError::Died("a reader that names a partition it has not announced"))
    }

    /// The offset behind the last record of a partition that was fed.
    pub(super) fn position(&self, partition: &Partition) -> u64 {
        self.positions.get(&partition.id).copied().unwrap_or(partition.start)
    }

    /// How much of what it has to read it has read, and how much that is; none if it never ends.
    pub(super) fn progress(&self) -> Option<(u64, u64)> {
        let each = self.partitions.iter().map(|partition| {
            let end = partition.end?;
            let done = self.position(partition).saturating_sub(partition.start);
            Some((done, end.saturating_sub(partition.start)))
        });
        each.sum::<Option<Sum>>().map(|Sum(done, total)| (done, total))
    }

    /// A failure of this source.
    pub(super) fn error(&self, error: ConnectorError) -> RunError {
        RunError::Source { name: self.name.clone(), error }
    }
}

/// Two sums at once.
struct Sum(u64, u64);

impl std::iter::Sum<(u64, u64)> for Sum {
    fn sum<I: Iterator<Item = (u64, u64)>>(pairs: I) -> Self {
        pairs.fold(Self(0, 0), |sum, pair| Self(sum.0 + pair.0, sum.1 + pair.1))
    }
}
