//! What the journal holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::connector::{Anchor, Records};
use crate::dead_letter::Again;
use crate::ledger::Ledger;
use crate::runtime::checkpoint::Checkpoint;
use crate::runtime::digests::Recorded;

use super::segment::Seal;

/// One entry of the journal.
#[derive(Clone, Debug)]
pub(in crate::runtime) enum Entry {
    /// Partitions of a source were seen for the first time.
    Partitions {
        /// The source.
        source: String,
        /// Where each is read from.
        partitions: Vec<PartitionStart>,
    },
    /// Records that cannot be read again.
    Payload {
        /// The source.
        source: String,
        /// The partition's id.
        partition: String,
        /// The records; their partition index is not kept.
        records: Box<Records>,
    },
    /// The record of dead letters shall be read again, in the next epoch.
    Again(Box<Again>),
    /// An epoch was closed.
    Epoch(EpochRecord),
    /// The first entry of a segment: how everything stands.
    Base(Base),
    /// How far each sink has come, by name and fingerprint.
    Marks(BTreeMap<String, SinkMark>),
    /// A checkpoint is complete.
    Checkpoint(Checkpoint),
}

impl Entry {
    /// Whether it is payload that goes beyond these positions.
    pub(in crate::runtime) fn is_beyond(&self, ends: &Positions) -> bool {
        let Self::Payload { source, partition, records } = self else { return false };
        let end = ends.get(source).and_then(|ends| ends.get(partition));
        end.is_none_or(|end| records.range.end > *end)
    }
}

/// Offsets by source and partition id.
pub(in crate::runtime) type Positions = BTreeMap<String, BTreeMap<String, u64>>;

/// Anchors by source and partition id.
pub(in crate::runtime) type Anchors = BTreeMap<String, BTreeMap<String, Anchor>>;

/// How everything stood when a segment was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Base {
    /// The last epoch.
    pub(in crate::runtime) record: EpochRecord,
    /// Where each partition was read from first.
    pub(in crate::runtime) starts: Positions,
    /// Where each partition stands.
    pub(in crate::runtime) ends: Positions,
    /// What the last records of each partition have left.
    #[serde(default)]
    pub(in crate::runtime) anchors: Anchors,
    /// Records of dead letters that were read again, and in which epoch.
    #[serde(default)]
    pub(in crate::runtime) again: Vec<(u64, Again)>,
    /// Where the segment before ended.
    pub(in crate::runtime) before: Option<Seal>,
}

/// Where a partition is read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct PartitionStart {
    /// Its id.
    pub(in crate::runtime) id: String,
    /// Its first offset.
    pub(in crate::runtime) start: u64,
}

/// An epoch, exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct EpochRecord {
    /// Its number.
    pub(in crate::runtime) epoch: u64,
    /// The start that closed it.
    pub(in crate::runtime) generation: u64,
    /// When it was closed, in microseconds since 1970, never less than before.
    pub(in crate::runtime) clock: i64,
    /// What was read, by source and partition id.
    pub(in crate::runtime) ranges: BTreeMap<String, BTreeMap<String, Range>>,
    /// What became of all records up to here, by source.
    pub(in crate::runtime) ledgers: BTreeMap<String, Ledger>,
    /// Of all that was read and made up to here, by what it is.
    #[serde(default)]
    pub(in crate::runtime) digests: Recorded,
    /// How many dead letters stand.
    pub(in crate::runtime) dead_letters: u64,
    /// How many errors up to here were only counted.
    #[serde(default)]
    pub(in crate::runtime) skipped: u64,
    /// What each sink held when this was written, by name and fingerprint.
    #[serde(default)]
    pub(in crate::runtime) sinks: BTreeMap<String, SinkMark>,
}

/// How far a sink has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct SinkMark {
    /// The last epoch that changed something in it: the one that it knows of itself.
    pub(in crate::runtime) written: u64,
    /// The last epoch that it has everything of.
    pub(in crate::runtime) passed: u64,
}

impl SinkMark {
    /// Whether it has everything up to an epoch.
    pub(in crate::runtime) fn reaches(&self, epoch: u64) -> bool {
        self.passed >= epoch
    }
}

/// Offsets from the first to behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Range {
    /// The first.
    pub(in crate::runtime) start: u64,
    /// Behind the last.
    pub(in crate::runtime) end: u64,
    /// What the last of the records that leave one has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::runtime) anchor: Option<Anchor>,
}

/// Notes the anchors that an epoch has left.
pub(in crate::runtime) fn note_anchors(anchors: &mut Anchors, ranges: &BTreeMap<String, BTreeMap<String, Range>>) {
    for (source, ranges) in ranges {
        let left = ranges.iter().filter_map(|(partition, range)| Some((partition.clone(), range.anchor?)));
        anchors.entry(source.clone()).or_default().extend(left);
    }
}
