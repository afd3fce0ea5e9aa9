//! How far epochs have come: open, closing, committed.

use std::collections::{BTreeMap, VecDeque};

use crate::clock::Moment;
use crate::dead_letter::Letter;
use crate::render::EpochReport;

use super::digests::{Digests, Recorded};
use super::journal::{EpochRecord, Positions, Range, SinkMark};
use super::status::CheckpointStatus;

/// What was read, by source and partition id.
pub(super) type Ranges = BTreeMap<String, BTreeMap<String, Range>>;

/// A closed epoch on its way to the sinks.
pub(super) struct Closing {
    pub(super) kind: ClosingKind,
    /// Where each partition stands at its end.
    pub(super) ends: Positions,
    pub(super) report: EpochReport,
    /// Letters whose records were read again.
    pub(super) again: Vec<Letter>,
}

/// Whether the journal has it already.
pub(super) enum ClosingKind {
    /// A new epoch.
    New(Ranges),
    /// What a checkpoint has brought back, and the digests that it must have.
    Restored(Recorded),
    /// A part of the past, with what the journal says of its end, if it does.
    Past(Option<Expected>),
}

/// What a part of the past must come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// How many records of each source it has, with those of the parts before of which nothing is known.
    pub(super) reads: BTreeMap<String, u64>,
    /// The digests at its end.
    pub(super) digests: Recorded,
}

/// How far epochs have come.
pub(super) struct Epochs {
    /// The open one.
    pub(super) open: u64,
    /// When its first records came.
    pub(super) opened_at: Option<Moment>,
    /// How many bytes of records it has.
    pub(super) bytes: usize,
    /// How much waited in sinks when it was opened.
    pub(super) load: usize,
    /// What it has read.
    pub(super) ranges: Ranges,
    /// Letters whose records it has read again.
    pub(super) again: Vec<Letter>,
    /// Those that not all workers have passed.
    pub(super) closing: BTreeMap<u64, Closing>,
    /// Those that not all sinks hold, and when they were closed.
    pub(super) uncommitted: VecDeque<(u64, Moment)>,
    /// Below which each worker has passed all.
    pub(super) through: Vec<u64>,
    /// How far each sink has come.
    pub(super) marks: Vec<SinkMark>,
    /// When the run was first seen to be asked to stop.
    pub(super) stop_seen: Option<Moment>,
    /// How many records were read again since it was last known how many there must be, by source.
    pub(super) reread: BTreeMap<usize, u64>,
    /// The digests of what all workers have passed.
    pub(super) digests: Digests,
    /// The last record in the journal.
    pub(super) last: EpochRecord,
    /// The last epoch that was journaled, or found to be what it was.
    pub(super) good: u64,
    /// The newest checkpoint that the run has made or begun with.
    pub(super) checkpoint: Option<CheckpointStatus>,
    /// A row that failed stops the run: what workers still report is of no interest.
    pub(super) failed: bool,
    /// When records came last.
    pub(super) last_data: Moment,
}

impl Epochs {
    pub(super) fn new(last: EpochRecord, workers: usize, marks: Vec<SinkMark>, digests: Digests) -> Self {
        Self {
            open: 0,
            opened_at: None,
            bytes: 0,
            load: 0,
            ranges: BTreeMap::new(),
            again: Vec::new(),
            closing: BTreeMap::new(),
            uncommitted: VecDeque::new(),
            through: vec![0; workers],
            marks,
            stop_seen: None,
            checkpoint: None,
            failed: false,
            good: 0,
            reread: BTreeMap::new(),
            digests,
            last,
            last_data: Moment::now(),
        }
    }

    /// The last epoch that all sinks hold.
    pub(super) fn all_committed(&self) -> u64 {
        self.marks.iter().map(|mark| mark.passed).min().unwrap_or(0)
    }

    /// The last epoch that a sink holds.
    pub(super) fn committed_by(&self, sink: usize) -> u64 {
        self.marks.get(sink).map_or(0, |mark| mark.passed)
    }

    /// Whether nothing has entered the open one.
    pub(super) fn is_open_empty(&self) -> bool {
        self.opened_at.is_none()
    }
}
