//! Brings the workers, and the sinks that stand back, to where the journal ends: stage by stage.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use crate::connector::{ConnectorError, PartitionIndex, Read, Records, Replay};

use crate::failpoint::{Failpoint, hit};

use super::RunError;
use super::checkpoint::runs_folder;
use super::coordinator::Coordinator;
use super::epochs::ClosingKind;
use super::history::{History, Stage};
use super::ingest::Ingest;
use super::journal::{Entry, Journal, JournalReader};
use super::threads::await_next;

/// Partitions from which records of the stage are still to come: source and partition.
type Missing = BTreeSet<(usize, PartitionIndex)>;

/// Whether the past was brought back whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replayed {
    /// It was.
    Whole,
    /// The run was asked to stop before.
    Stopped,
}

/// Reads the journal's payload again, stage by stage.
struct PayloadReplay {
    reader: JournalReader,
}

impl PayloadReplay {
    fn open(folder: &Path, from: u64) -> Result<Self, RunError> {
        Ok(Self { reader: Journal::open(folder, from)? })
    }

    /// The payload that stands before the end of `epoch`; or, with `None`, all that is left.
    fn up_to(
        &mut self,
        epoch: Option<u64>,
        mut feed: impl FnMut(&str, String, Records) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        while let Some(entry) = self.reader.next()? {
            match entry {
                Entry::Payload { source, partition, records } => feed(&source, partition, *records)?,
                Entry::Epoch(record) if Some(record.epoch) == epoch => return Ok(()),
                Entry::Epoch(_)
                | Entry::Partitions { .. }
                | Entry::Base(_)
                | Entry::Checkpoint(_)
                | Entry::Again(_)
                | Entry::Marks(_) => {}
            }
        }
        Ok(())
    }
}

impl Coordinator<'_> {
    /// Replays the past, and lets readers go on from its end.
    pub(super) fn replay(&mut self, history: &History, folder: &Path) -> Result<Replayed, RunError> {
        let last = history.last.epoch;
        let mut epochs = history.stages.iter().map(|stage| stage.epoch).chain([last + 1]);
        let first = epochs.next().unwrap_or(last + 1);
        let from = match &history.checkpoint {
            Some(checkpoint) => self.put_back(checkpoint, &history.digests, &runs_folder(folder), first)?,
            None => {
                self.open_epoch(first)?;
                self.workers.restored()?;
                0
            }
        };
        if self.shall_stop() {
            return Ok(Replayed::Stopped);
        }
        let mut entered = from.max(history.skipped);
        self.epochs.good = entered;
        let mut payload = PayloadReplay::open(folder, from)?;
        for stage in &history.stages {
            self.read_stage(stage)?;
            payload.up_to(Some(stage.epoch), |source, partition, records| {
                self.enter_payload(source, &partition, records, Some(stage))
            })?;
            if self.shall_stop() {
                return Ok(Replayed::Stopped);
            }
            hit(Failpoint::StageEnd).map_err(RunError::file(folder))?;
            self.read_again(history, &mut entered, stage.epoch)?;
            let kind = ClosingKind::Past(stage.expected.clone());
            self.close_past(kind, epochs.next().unwrap_or(last + 1))?;
            self.settle()?;
        }
        payload.up_to(None, |source, partition, records| self.enter_payload(source, &partition, records, None))?;
        for entry in &history.unsettled {
            if let Entry::Again(again) = entry {
                self.enter_again(again)?;
                self.checkpoints.wait_for(again);
            }
        }
        self.lift_limits()?;
        Ok(Replayed::Whole)
    }

    /// Reads again the records of dead letters that were read again in a stage.
    fn read_again(&mut self, history: &History, entered: &mut u64, stage: u64) -> Result<(), RunError> {
        let within = |epoch: &u64| *epoch > *entered && *epoch <= stage;
        let again: Vec<_> = history.again.iter().filter(|(epoch, _)| within(epoch)).collect();
        again.into_iter().try_for_each(|(_, again)| self.enter_again(again))?;
        *entered = stage;
        Ok(())
    }

    /// Reads everything up to the end of a stage, and nothing more.
    fn read_stage(&mut self, stage: &Stage) -> Result<(), RunError> {
        let mut missing = Missing::new();
        for at in 0..self.sources.len() {
            for early in std::mem::take(&mut self.sources[at].early) {
                self.enter_below(at, early, stage)?;
            }
            let source = &self.sources[at];
            for (index, partition) in source.partitions.iter().enumerate().filter(|_| source.replay == Replay::Seek) {
                let index = PartitionIndex(index as u32);
                let end = stage.end(&source.name, &partition.id);
                if let Some(end) = end.filter(|end| source.position(partition) < *end) {
                    source.reader.limit(index, Some(end));
                    missing.insert((at, index));
                }
            }
        }
        while !missing.is_empty() && !self.shall_stop() {
            self.drain_events()?;
            self.look();
            self.require_ownership()?;
            for at in missing.iter().map(|(at, _)| *at).collect::<BTreeSet<_>>() {
                self.read_some(at, stage, &mut missing)?;
            }
        }
        Ok(())
    }

    /// Takes in what one reader brings next.
    fn read_some(&mut self, at: usize, stage: &Stage, missing: &mut Missing) -> Result<(), RunError> {
        if self.sources[at].ended {
            return Err(self.cut_short(at, missing));
        }
        let ingest = match await_next(&self.sources[at].reader.reads, Duration::from_millis(20)) {
            Ok(ingest) => ingest,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) if self.shall_stop() => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(RunError::Died("a reader")),
        };
        match ingest {
            Ingest::Failed(error) => Err(self.sources[at].error(error)),
            Ingest::Read(Read::Records(records), _) => {
                let index = records.partition;
                self.enter_below(at, records, stage)?;
                let source = &self.sources[at];
                let partition = source.partition(index)?;
                if stage.end(&source.name, &partition.id).is_none_or(|end| source.position(partition) >= end) {
                    missing.remove(&(at, index));
                }
                Ok(())
            }
            Ingest::Read(Read::Reached(index, border), _) => self.reached(at, index, border, stage, missing),
            Ingest::Read(Read::Discovered(partitions), _) => {
                let first = self.sources[at].partitions.len();
                self.discover(at, partitions)?;
                // What is new waits until the past is over.
                let source = &self.sources[at];
                for (index, partition) in source.partitions.iter().enumerate().skip(first) {
                    source.reader.limit(PartitionIndex(index as u32), Some(partition.start));
                }
                Ok(())
            }
            Ingest::Read(Read::Idle, _) => Ok(()),
            Ingest::Read(Read::End, _) => {
                self.sources[at].ended = true;
                Ok(())
            }
        }
    }

    /// A reader has ended before the end of the stage.
    fn cut_short(&self, at: usize, missing: &Missing) -> RunError {
        let source = &self.sources[at];
        let partition = missing.iter().find(|(source, _)| *source == at).map(|(_, index)| source.partition(*index));
        let Some(Ok(partition)) = partition else { return RunError::Died("a reader") };
        let position = source.position(partition);
        source.error(ConnectorError::diverged(
            format!("partition `{}` ends at offset {position}, but the journal has read further", partition.id),
            "records that were read are gone: begin anew with another `--state DIR` and empty tables",
        ))
    }

    /// Everything below a border has come; what lies between the last record and the border was a gap.
    fn reached(
        &mut self,
        at: usize,
        index: PartitionIndex,
        border: u64,
        stage: &Stage,
        missing: &mut Missing,
    ) -> Result<(), RunError> {
        let source = &mut self.sources[at];
        let partition = Arc::clone(source.partition(index)?);
        // A reader may still tell of an earlier, lower limit.
        if let Some(end) = stage.end(&source.name, &partition.id).filter(|end| border >= *end)
            && missing.remove(&(at, index))
        {
            source.positions.insert(partition.id.clone(), end);
        }
        Ok(())
    }

    /// Records below the end of the stage enter; the others wait.
    fn enter_below(&mut self, at: usize, records: Records, stage: &Stage) -> Result<(), RunError> {
        let source = &self.sources[at];
        let partition = source.partition(records.partition)?;
        let end = stage.end(&source.name, &partition.id).unwrap_or(partition.start);
        if records.range.start >= end {
            self.sources[at].early.push(records);
            return Ok(());
        }
        if records.range.end <= end {
            return self.enter(at, records);
        }
        let (below, above) = records.split_at(end);
        self.sources[at].early.push(above);
        self.enter(at, below)
    }

    /// Payload enters its stage; what comes after the last epoch enters the first new one.
    fn enter_payload(
        &mut self,
        source: &str,
        partition: &str,
        mut records: Records,
        stage: Option<&Stage>,
    ) -> Result<(), RunError> {
        let Some(at) = self.sources.iter().position(|found| found.name == source) else { return Ok(()) };
        let known = self.sources[at].partitions.iter().position(|found| found.id == partition);
        let Some(index) = known else { return Ok(()) };
        // What a stage that was left out has fed lies behind the position.
        if records.range.end <= self.sources[at].position(&self.sources[at].partitions[index]) {
            return Ok(());
        }
        records.partition = PartitionIndex(index as u32);
        // A segment begins with a copy of the payload that no epoch before it has.
        let mut waiting = self.sources[at].early.iter();
        if waiting.any(|known| known.partition == records.partition && known.range == records.range) {
            return Ok(());
        }
        match stage {
            Some(stage) => self.enter_below(at, records, stage),
            None => {
                self.sources[at].early.push(records);
                Ok(())
            }
        }
    }

    /// The past is over: readers may bring everything, beginning with what they brought too early.
    fn lift_limits(&mut self) -> Result<(), RunError> {
        for at in 0..self.sources.len() {
            for records in std::mem::take(&mut self.sources[at].early) {
                self.enter(at, records)?;
            }
            for index in 0..self.sources[at].partitions.len() {
                self.sources[at].reader.limit(PartitionIndex(index as u32), None);
            }
        }
        Ok(())
    }
}

impl Stage {
    /// Where a partition stands at its end, if it was known then.
    pub(super) fn end(&self, source: &str, partition: &str) -> Option<u64> {
        self.ends.get(source)?.get(partition).copied()
    }
}
