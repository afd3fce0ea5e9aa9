//! When checkpoints are made, which are kept, and where the journal's segments begin and end for them.

use std::path::PathBuf;
use std::time::Duration;

use tracing::warn;

use crate::clock::Moment;
use crate::failpoint::{Failpoint, hit};

use crate::dead_letter::Again;

use super::RunError;
use super::checkpoint::{Checkpoint, remove_others};
use super::history::History;
use super::journal::{Anchors, Base, Entry, EpochRecord, Journal, PartitionStart, Positions, note_anchors};
use super::protocol::{KEPT, retention};

/// The coordinator's knowledge of checkpoints.
pub(super) struct Checkpoints {
    /// Where the files are.
    folder: PathBuf,
    /// Which start this is.
    generation: u64,
    /// None if none are made.
    every: Option<Duration>,
    /// When the last one was asked for, or the run began.
    since: Moment,
    /// The epoch of the one that is being made.
    asked: Option<u64>,
    /// Those that are kept, oldest first.
    kept: Vec<Checkpoint>,
    /// Where each partition was read from first.
    starts: Positions,
    /// What the last records of each partition in the journal have left.
    anchors: Anchors,
    /// Payload in the journal that may belong to an open epoch.
    carried: Vec<Entry>,
    /// Records of dead letters that were read again, and in which epoch.
    again: Vec<(u64, Again)>,
    /// Those that were read again in the open epoch.
    waiting: Vec<Again>,
}

impl Checkpoints {
    pub(super) fn new(
        folder: PathBuf,
        generation: u64,
        every: Option<Duration>,
        kept: Vec<Checkpoint>,
        starts: Positions,
        history: &History,
    ) -> Self {
        Self {
            folder,
            generation,
            every,
            since: Moment::now(),
            asked: None,
            kept,
            starts,
            anchors: history.anchors.clone(),
            carried: Vec::new(),
            again: history.again.clone(),
            waiting: Vec::new(),
        }
    }

    /// Whether the open epoch should end in one.
    pub(super) fn is_due(&self) -> bool {
        self.asked.is_none() && self.every.is_some_and(|every| self.since.elapsed() >= every)
    }

    /// The open epoch will end in one, unless another is being made; says whether it will.
    pub(super) fn ask(&mut self, epoch: u64) -> bool {
        let may = self.asked.is_none() && self.every.is_some();
        if may {
            (self.asked, self.since) = (Some(epoch), Moment::now());
        }
        may
    }

    /// Whether one is being made.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Whether there has been an epoch up to `last` since the newest.
    pub(super) fn lacks(&self, last: u64) -> bool {
        self.every.is_some() && self.kept.last().map_or(0, |kept| kept.epoch) < last
    }

    /// Notes new partitions of a source.
    pub(super) fn know(&mut self, source: &str, partitions: &[PartitionStart]) {
        let known = self.starts.entry(source.to_owned()).or_default();
        for partition in partitions {
            known.entry(partition.id.clone()).or_insert(partition.start);
        }
    }

    /// Notes payload that is in the journal.
    pub(super) fn carry(&mut self, entry: Entry) {
        self.carried.push(entry);
    }

    /// Notes a record of dead letters that is read again in the first new epoch.
    pub(super) fn wait_for(&mut self, again: &Again) {
        self.waiting.push(again.clone());
    }

    /// An epoch is in the journal. If a checkpoint ends with it, a new segment begins behind it.
    pub(super) fn settle(
        &mut self,
        journal: &mut Journal,
        record: &EpochRecord,
        ends: Positions,
    ) -> Result<(), RunError> {
        self.carried.retain(|entry| entry.is_beyond(&ends));
        note_anchors(&mut self.anchors, &record.ranges);
        self.again.extend(self.waiting.drain(..).map(|again| (record.epoch, again)));
        if self.asked != Some(record.epoch) {
            return Ok(());
        }
        let base = Base {
            record: record.clone(),
            starts: self.starts.clone(),
            ends,
            anchors: self.anchors.clone(),
            again: self.again.clone(),
            before: None,
        };
        journal.roll(base, &self.carried)
    }

    /// The checkpoint that was asked for is complete, or was not made: then the next one has what it lacks.
    pub(super) fn complete(
        &mut self,
        journal: &mut Journal,
        epoch: u64,
        checkpoint: Result<Checkpoint, RunError>,
        all_committed: u64,
    ) -> Result<(), RunError> {
        self.asked = self.asked.filter(|asked| *asked != epoch);
        let checkpoint = match checkpoint {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                warn!("no checkpoint was made at epoch {epoch}, which only makes a restart take longer: {error}");
                return Ok(());
            }
        };
        hit(Failpoint::CheckpointJournal).map_err(RunError::file(&self.folder))?;
        journal.append(&Entry::Checkpoint(checkpoint.clone()))?;
        journal.sync()?;
        self.kept.push(checkpoint);
        let epochs: Vec<u64> = self.kept.iter().map(|kept| kept.epoch).collect();
        let stays = retention(&epochs, all_committed, KEPT);
        self.kept.drain(..stays.dropped);
        let removed = stays.journal_from.map_or(Ok(()), |epoch| journal.remove_before(epoch));
        let kept = self.kept.iter().flat_map(|kept| &kept.runs);
        let removed = removed.and_then(|()| remove_others(&self.folder, self.generation, kept));
        if let Err(error) = removed {
            warn!("what only older checkpoints need is not removed, which only takes room: {error}");
        }
        Ok(())
    }
}
