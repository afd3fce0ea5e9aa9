//! What the journal says of the past.
//!
//! Results do not depend on where epochs are cut, so the past is not replayed epoch by epoch but in *stages*: a stage ends where a sink
//! stands, since from there on that sink needs the changes, and where it has become long.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::dead_letter::Again;
use crate::digest::Digest;

use super::RunError;
use super::checkpoint::Checkpoint;
use super::digests::Recorded;
use super::epochs::Expected;
use super::journal::{Anchors, Entry, EpochRecord, Journal, JournalReader, Positions, note_anchors};
use super::protocol::{STAGE_RECORDS, ends_stage, left_out};

/// What the journal says.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The checkpoint that the past begins with; without one, it begins with nothing.
    pub(super) checkpoint: Option<Checkpoint>,
    /// When the epoch of that checkpoint was closed, in microseconds since 1970.
    pub(super) checkpoint_clock: i64,
    /// Where each partition was read from first.
    pub(super) starts: Positions,
    /// Where each partition stood at the checkpoint.
    pub(super) base: Positions,
    /// The digests where the past begins: at the checkpoint, or where stages were left out.
    pub(super) digests: Recorded,
    /// The last epoch.
    pub(super) last: EpochRecord,
    /// How to get there.
    pub(super) stages: Vec<Stage>,
    /// The end of the stages that were left out.
    pub(super) skipped: u64,
    /// Where payload was read to; the newest may belong to no epoch yet.
    pub(super) payload_ends: Positions,
    /// Where each partition stands at the last epoch.
    pub(super) ends: Positions,
    /// What the last records of each partition have left.
    pub(super) anchors: Anchors,
    /// Payload, and records of dead letters, that belong to no epoch yet.
    pub(super) unsettled: Vec<Entry>,
    /// Records of dead letters that were read again, and in which epoch.
    pub(super) again: Vec<(u64, Again)>,
}

/// A part of the past that is replayed as one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    /// The epoch that it ends with.
    pub(super) epoch: u64,
    /// Where each partition stands then.
    pub(super) ends: Positions,
    /// What it must come to; unknown if it is only a share of a longer one.
    pub(super) expected: Option<Expected>,
}

/// The journal's last epoch and what each sink then held, and which checkpoints there are: enough to know where stages must begin and end.
#[derive(Debug)]
pub(super) struct Summit {
    pub(super) last: EpochRecord,
    /// In the order of their epochs.
    pub(super) checkpoints: Vec<Checkpoint>,
    /// The last epoch before the journal's first segment; zero if that is the first of all.
    pub(super) oldest: EpochRecord,
    /// The digests of epochs that were asked for, as far as the journal has them.
    digests: BTreeMap<u64, Recorded>,
}

impl Summit {
    /// Reads the journal to its end; notes the digests of epochs in `marked`.
    pub(super) fn read(folder: &Path, marked: &BTreeSet<u64>) -> Result<Self, RunError> {
        let bases = Journal::bases(folder)?;
        let mut reader = Journal::open(folder, 0)?;
        let mut summit = Self {
            last: EpochRecord::default(),
            checkpoints: Vec::new(),
            oldest: EpochRecord::default(),
            digests: BTreeMap::new(),
        };
        while let Some(entry) = reader.next()? {
            match entry {
                Entry::Epoch(record) => {
                    if marked.contains(&record.epoch) {
                        summit.digests.insert(record.epoch, record.digests.clone());
                    }
                    summit.last = record;
                }
                Entry::Marks(marks) => summit.last.sinks = marks,
                Entry::Base(base) if summit.last.epoch == 0 => {
                    if marked.contains(&base.record.epoch) {
                        summit.digests.insert(base.record.epoch, base.record.digests.clone());
                    }
                    summit.oldest = base.record.clone();
                    summit.last = base.record;
                }
                Entry::Base(base) if base.record.epoch != summit.last.epoch => {
                    return Err(reader.corrupt("the epochs before it are missing"));
                }
                // A checkpoint can be put back only where a segment begins.
                Entry::Checkpoint(checkpoint) if bases.contains(&checkpoint.epoch) => {
                    summit.checkpoints.push(checkpoint)
                }
                Entry::Base(_)
                | Entry::Checkpoint(_)
                | Entry::Partitions { .. }
                | Entry::Payload { .. }
                | Entry::Again(_) => {}
            }
        }
        Ok(summit)
    }

    /// What the journal has recorded under a name at an epoch that was asked for.
    pub(super) fn digest_at(&self, epoch: u64, key: &str) -> Option<Digest> {
        self.digests.get(&epoch)?.get(key).copied()
    }
}

impl History {
    /// Reads the journal from where the past begins: from `checkpoint`, or from the first record on, where what came up to epoch `oldest` is one
    /// stage. Stages end at the epochs in `borders`.
    pub(super) fn read(
        folder: &Path,
        checkpoint: Option<Checkpoint>,
        oldest: u64,
        borders: &BTreeSet<u64>,
    ) -> Result<(Self, JournalReader), RunError> {
        let from = checkpoint.as_ref().map_or(oldest, |checkpoint| checkpoint.epoch);
        let mut reader = Journal::open(folder, from)?;
        let mut history = Self { checkpoint, ..Self::default() };
        let mut ends = Positions::new();
        let mut staged = EpochRecord::default();
        let mut has_base = from == 0;
        while let Some(entry) = reader.next()? {
            match entry {
                Entry::Base(base) if base.record.epoch == from => {
                    has_base = true;
                    history.starts = base.starts;
                    history.again = base.again;
                    history.anchors = base.anchors;
                    ends = base.ends;
                    if history.checkpoint.is_some() {
                        history.base = ends.clone();
                        history.digests = base.record.digests.clone();
                        history.checkpoint_clock = base.record.clock;
                    } else if from > 0 {
                        history.stages.push(Stage::between(&staged, &base.record, &ends));
                    }
                    staged = base.record.clone();
                    history.last = base.record;
                }
                // Later segments go on where those before them end.
                Entry::Base(_) | Entry::Checkpoint(_) | Entry::Marks(_) => {}
                Entry::Partitions { source, partitions } => {
                    let known = history.starts.entry(source.clone()).or_default();
                    // Until an epoch has read of it, it stands where it starts: payload may be journaled before the epoch ahead of its own is.
                    let ends = ends.entry(source).or_default();
                    for partition in partitions {
                        let start = *known.entry(partition.id.clone()).or_insert(partition.start);
                        ends.entry(partition.id).or_insert(start);
                    }
                }
                Entry::Payload { source, partition, records } => {
                    let ends = history.payload_ends.entry(source.clone()).or_default();
                    let end = records.range.end;
                    // A segment begins with a copy of the payload that no epoch before it has.
                    if ends.get(&partition).is_none_or(|known| *known < end) {
                        ends.insert(partition.clone(), end);
                        history.unsettled.push(Entry::Payload { source, partition, records });
                    }
                }
                Entry::Again(again) => history.await_again(again),
                Entry::Epoch(record) => {
                    history.settle_again(record.epoch);
                    note_anchors(&mut history.anchors, &record.ranges);
                    for (source, ranges) in &record.ranges {
                        let ends = ends.entry(source.clone()).or_default();
                        ends.extend(ranges.iter().map(|(partition, range)| (partition.clone(), range.end)));
                    }
                    if ends_stage(record.epoch, total(&record) - total(&staged), borders) {
                        history.stages.push(Stage::between(&staged, &record, &ends));
                        staged = record.clone();
                    }
                    history.unsettled.retain(|entry| entry.is_beyond(&ends));
                    history.last = record;
                }
            }
        }
        if !has_base {
            return Err(reader.corrupt("no segment begins where the past does"));
        }
        history.ends = ends.clone();
        if history.last.epoch > staged.epoch {
            history.stages.push(Stage::between(&staged, &history.last, &ends));
        }
        Ok((history, reader))
    }

    /// A segment begins with a copy of what waits.
    fn await_again(&mut self, again: Box<Again>) {
        let waits = |entry: &Entry| matches!(entry, Entry::Again(known) if known.place() == again.place());
        if !self.unsettled.iter().any(waits) {
            self.unsettled.push(Entry::Again(again));
        }
    }

    /// What waits belongs to the next epoch.
    fn settle_again(&mut self, epoch: u64) {
        for entry in std::mem::take(&mut self.unsettled) {
            match entry {
                Entry::Again(again) => self.again.push((epoch, *again)),
                other => self.unsettled.push(other),
            }
        }
    }

    /// Divides what is too long for one stage: only for sinks that hold nothing and are asked nothing.
    pub(super) fn share_out(&mut self) {
        let before = self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.epoch);
        let mut whole = std::mem::take(&mut self.stages).into_iter();
        self.stages = whole.next().map_or(Vec::new(), |first| first.shares(&self.starts, before));
        self.stages.extend(whole);
    }

    /// Leaves out the stages up to `epoch`; gives the positions where the rest begins.
    pub(super) fn skip_to(&mut self, epoch: u64) -> Positions {
        let skipped = left_out(self.stages.iter().map(|stage| stage.epoch), epoch);
        let Some(skipped) = self.stages.drain(..skipped).next_back() else { return Positions::new() };
        self.skipped = skipped.epoch;
        self.digests = skipped.expected.unwrap_or_default().digests;
        skipped.ends
    }
}

impl Stage {
    /// The same as several stages of bearable length, each an epoch earlier than the next, behind the epoch `before`. Partitions advance evenly.
    fn shares(self, starts: &Positions, before: u64) -> Vec<Self> {
        let reads: u64 = self.expected.iter().flat_map(|expected| expected.reads.values()).sum();
        let count = reads.div_ceil(STAGE_RECORDS).clamp(1, self.epoch.saturating_sub(before).max(1));
        let share = |at: u64| {
            let part = |source: &str, partition: &String, end: u64| {
                let start = starts.get(source).and_then(|starts| starts.get(partition)).copied().unwrap_or(0).min(end);
                start + (u128::from(end - start) * u128::from(at) / u128::from(count)) as u64
            };
            let ends = self.ends.iter().map(|(source, ends)| {
                let ends = ends.iter().map(|(partition, end)| (partition.clone(), part(source, partition, *end)));
                (source.clone(), ends.collect())
            });
            Self { epoch: self.epoch - (count - at), ends: ends.collect(), expected: None }
        };
        let mut shares: Vec<Self> = (1..count).map(share).collect();
        shares.push(self);
        shares
    }

    fn between(before: &EpochRecord, end: &EpochRecord, ends: &Positions) -> Self {
        let read = |source: &String| before.ledgers.get(source).map_or(0, |ledger| ledger.read);
        let reads = end.ledgers.iter().map(|(source, ledger)| (source.clone(), ledger.read - read(source)));
        let expected = Expected { reads: reads.collect(), digests: end.digests.clone() };
        Self { epoch: end.epoch, ends: ends.clone(), expected: Some(expected) }
    }
}

/// The last epoch of the journal in a pipeline's folder, which is only looked at.
#[cfg(test)]
pub(crate) fn newest_epoch(folder: &Path) -> Result<u64, RunError> {
    let Some(mut reader) = Journal::look(folder)? else { return Ok(0) };
    let mut newest = 0;
    while let Some(entry) = reader.next()? {
        match entry {
            Entry::Epoch(record) => newest = record.epoch,
            Entry::Base(base) => newest = newest.max(base.record.epoch),
            _ => {}
        }
    }
    Ok(newest)
}

fn total(record: &EpochRecord) -> u64 {
    record.ledgers.values().map(|ledger| ledger.read).sum()
}

#[cfg(test)]
mod tests {
    use arrow::buffer::Buffer;

    use super::super::journal::{Base, PartitionStart};
    use crate::connector::{PartitionIndex, Records};

    use super::*;

    #[test]
    fn a_journal_whose_first_start_added_no_epoch_is_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let start = |generation, starts: &Positions| {
            let mut reader = Journal::open(folder.path(), 0).expect("sound");
            while reader.next().expect("sound").is_some() {}
            let base = Base { starts: starts.clone(), ..Base::default() };
            reader.begin(generation, base, &[]).expect("begins")
        };
        let mut first = start(1, &Positions::new());
        let partition = PartitionStart { id: "0".into(), start: 7 };
        first.append(&Entry::Partitions { source: "s".into(), partitions: vec![partition] }).expect("appends");
        first.sync().expect("syncs");
        let known = Positions::from([("s".to_owned(), BTreeMap::from([("0".to_owned(), 7)]))]);
        let mut second = start(2, &known);
        let summit = Summit::read(folder.path(), &BTreeSet::new()).expect("sound");
        assert_eq!(summit.oldest.epoch, 0, "nothing is missing, so no source need read again");
        second.append(&Entry::Epoch(EpochRecord { epoch: 1, ..EpochRecord::default() })).expect("appends");
        second.sync().expect("syncs");
        let (history, _) = History::read(folder.path(), None, 0, &BTreeSet::new()).expect("sound");
        assert_eq!(history.starts, known);
        assert_eq!(history.stages.iter().map(|stage| stage.epoch).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn what_an_epoch_has_not_read_stands_where_it_starts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let reader = Journal::open(folder.path(), 0).expect("sound");
        let mut journal = reader.begin(1, Base::default(), &[]).expect("begins");
        let partition = PartitionStart { id: "polls".into(), start: 0 };
        journal.append(&Entry::Partitions { source: "b".into(), partitions: vec![partition] }).expect("appends");
        // Journaled while epoch 1 was on its way through the workers; it belongs to epoch 2.
        let records = Box::new(Records::of_lines(PartitionIndex(0), 0, Buffer::from(b"x\n".as_slice())));
        let payload = Entry::Payload { source: "b".into(), partition: "polls".into(), records };
        journal.append(&payload).expect("appends");
        journal.append(&Entry::Epoch(EpochRecord { epoch: 1, ..EpochRecord::default() })).expect("appends");
        journal.sync().expect("syncs");
        let (history, _) = History::read(folder.path(), None, 0, &BTreeSet::from([1])).expect("sound");
        assert_eq!(history.stages[0].end("b", "polls"), Some(0));
        assert_eq!(history.unsettled.len(), 1, "it waits");
    }

    #[test]
    fn a_beginning_without_its_segment_is_said() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let reader = Journal::open(folder.path(), 0).expect("sound");
        let mut journal = reader.begin(1, Base::default(), &[]).expect("begins");
        journal.append(&Entry::Epoch(EpochRecord { epoch: 1, ..EpochRecord::default() })).expect("appends");
        journal.sync().expect("syncs");
        let missing = History::read(folder.path(), None, 1, &BTreeSet::new()).map(|_| ()).expect_err("not there");
        assert!(missing.to_string().contains("no segment begins"), "{missing}");
    }
}
