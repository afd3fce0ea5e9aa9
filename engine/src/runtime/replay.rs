//! What the journal says of the past, and how to bring the workers to where they were.
//!
//! Results do not depend on where epochs are cut, so the past is not replayed epoch by epoch but in *stages*: a stage ends where a sink stands,
//! since from there on that sink needs the changes, and where it has become long.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use crate::connector::{ConnectorError, PartitionIndex, Read, Records, Replay};

use super::RunError;
use super::coordinator::Coordinator;
use super::ingest::Ingest;
use super::journal::{Entry, EpochRecord, Journal, JournalReader};

/// A stage ends after about this many records, so that what it changes fits into memory.
const STAGE_RECORDS: u64 = 4_000_000;

/// Offsets by source and partition id.
pub(super) type Positions = BTreeMap<String, BTreeMap<String, u64>>;

/// What the journal says.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Where each partition was read from first.
    pub(super) starts: Positions,
    /// The last epoch.
    pub(super) last: EpochRecord,
    /// How to get there.
    pub(super) stages: Vec<Stage>,
    /// Where payload was read to that no epoch has yet.
    pub(super) payload_ends: Positions,
}

/// A part of the past that is replayed as one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    /// The epoch that it ends with.
    pub(super) epoch: u64,
    /// Where each partition stands then.
    pub(super) ends: Positions,
}

impl History {
    /// Reads the journal. Stages end at the epochs in `borders`.
    pub(super) fn read(folder: &Path, borders: &BTreeSet<u64>) -> Result<(Self, Journal), RunError> {
        let mut reader = Journal::open(folder)?;
        let mut history = Self::default();
        let mut ends = Positions::new();
        let mut since = 0;
        while let Some(entry) = reader.next()? {
            match entry {
                Entry::Partitions { source, partitions } => {
                    let known = history.starts.entry(source).or_default();
                    for partition in partitions {
                        known.entry(partition.id).or_insert(partition.start);
                    }
                }
                Entry::Payload { source, partition, records } => {
                    history.payload_ends.entry(source).or_default().insert(partition, records.range.end);
                }
                Entry::Epoch(record) => {
                    for (source, ranges) in &record.ranges {
                        let ends = ends.entry(source.clone()).or_default();
                        for (partition, range) in ranges {
                            since += range.end - range.start;
                            ends.insert(partition.clone(), range.end);
                        }
                    }
                    if borders.contains(&record.epoch) || since >= STAGE_RECORDS {
                        history.stages.push(Stage { epoch: record.epoch, ends: ends.clone() });
                        since = 0;
                    }
                    history.payload_ends.clear();
                    history.last = record;
                }
            }
        }
        let staged = history.stages.last().map_or(0, |stage| stage.epoch);
        if history.last.epoch > staged {
            history.stages.push(Stage { epoch: history.last.epoch, ends });
        }
        Ok((history, reader.into_journal()?))
    }

    /// Leaves out the stages up to `epoch`; gives the positions where the rest begins.
    pub(super) fn skip_to(&mut self, epoch: u64) -> Positions {
        let kept = self.stages.iter().position(|stage| stage.epoch > epoch).unwrap_or(self.stages.len());
        let skipped: Vec<Stage> = self.stages.drain(..kept).collect();
        skipped.into_iter().next_back().map(|stage| stage.ends).unwrap_or_default()
    }
}

/// Reads the journal's payload again, stage by stage.
pub(super) struct PayloadReplay {
    reader: JournalReader,
}

impl PayloadReplay {
    pub(super) fn open(folder: &Path) -> Result<Self, RunError> {
        Ok(Self { reader: Journal::open(folder)? })
    }

    /// The payload up to the end of `epoch`; or, with `None`, what comes after the last epoch.
    pub(super) fn up_to(
        &mut self,
        epoch: Option<u64>,
        mut feed: impl FnMut(&str, String, Records) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        while let Some(entry) = self.reader.next()? {
            match entry {
                Entry::Payload { source, partition, records } => feed(&source, partition, *records)?,
                Entry::Epoch(record) if Some(record.epoch) == epoch => return Ok(()),
                Entry::Epoch(_) | Entry::Partitions { .. } => {}
            }
        }
        Ok(())
    }
}

impl Coordinator<'_> {
    /// Brings the workers, and the sinks that stand back, to where the journal ends.
    pub(super) fn replay(&mut self, history: History, folder: &Path) -> Result<(), RunError> {
        let last = history.last.epoch;
        let Some(first) = history.stages.first() else { return self.open_epoch(last + 1) };
        self.open_epoch(first.epoch)?;
        let mut payload = PayloadReplay::open(folder)?;
        let mut next_epochs = history.stages.iter().skip(1).map(|stage| stage.epoch).chain([last + 1]);
        for stage in &history.stages {
            self.read_stage(stage)?;
            payload.up_to(Some(stage.epoch), |source, partition, records| {
                self.enter_payload(source, &partition, records)
            })?;
            if self.options.stop.is_set() {
                return Ok(());
            }
            self.close_stage(next_epochs.next().unwrap_or(last + 1))?;
            self.settle()?;
        }
        payload.up_to(None, |source, partition, records| self.enter_payload(source, &partition, records))?;
        self.lift_limits()
    }

    /// Reads everything up to the end of a stage, and nothing more.
    fn read_stage(&mut self, stage: &Stage) -> Result<(), RunError> {
        let mut missing: BTreeSet<(usize, PartitionIndex)> = BTreeSet::new();
        for at in 0..self.sources.len() {
            let ends = stage.ends.get(&self.sources[at].name).cloned().unwrap_or_default();
            for early in std::mem::take(&mut self.sources[at].early) {
                self.enter_below(at, early, &ends)?;
            }
            let source = &self.sources[at];
            for (index, partition) in source.partitions.iter().enumerate().filter(|_| source.replay == Replay::Seek) {
                let index = PartitionIndex(index as u32);
                let end = ends.get(&partition.id).copied().unwrap_or(partition.start);
                if source.position(partition) < end {
                    source.reader.limit(index, Some(end));
                    missing.insert((at, index));
                }
            }
        }
        while !missing.is_empty() && !self.options.stop.is_set() {
            self.drain_events()?;
            self.watch.look(&self.sources, &self.epochs, &self.dead_letters, false);
            for at in missing.iter().map(|(at, _)| *at).collect::<BTreeSet<_>>() {
                let ends = stage.ends.get(&self.sources[at].name).cloned().unwrap_or_default();
                self.read_some(at, &ends, &mut missing)?;
            }
        }
        Ok(())
    }

    /// Takes in what one reader brings next.
    fn read_some(
        &mut self,
        at: usize,
        ends: &BTreeMap<String, u64>,
        missing: &mut BTreeSet<(usize, PartitionIndex)>,
    ) -> Result<(), RunError> {
        let ingest = match self.sources[at].reader.reads.recv_timeout(Duration::from_millis(20)) {
            Ok(ingest) => ingest,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(RunError::Died("a reader")),
        };
        match ingest {
            Ingest::Failed(error) => return Err(self.sources[at].error(error)),
            Ingest::Read(Read::Records(records), _) => {
                let index = records.partition;
                self.enter_below(at, records, ends)?;
                let source = &self.sources[at];
                let partition = source.partition(index)?;
                if source.position(partition) >= ends.get(&partition.id).copied().unwrap_or(partition.start) {
                    missing.remove(&(at, index));
                }
            }
            Ingest::Read(Read::Reached(index), _) => {
                // A reader may have reached an older, lower limit; only the one of this stage counts, and the position tells.
                self.reached(at, index, ends, missing)?;
            }
            Ingest::Read(Read::Discovered(partitions), _) => self.discover(at, partitions)?,
            Ingest::Read(Read::Idle, _) => {}
            Ingest::Read(Read::End, _) => {
                self.sources[at].ended = true;
                if let Some((_, index)) = missing.iter().find(|(source, _)| *source == at).copied() {
                    let source = &self.sources[at];
                    let partition = source.partition(index)?;
                    let what = format!(
                        "partition `{}` ends at offset {}, but the journal has read further",
                        partition.id,
                        source.position(partition)
                    );
                    let hint =
                        "records that were read are gone: begin anew with another `--state DIR` and empty tables";
                    return Err(source.error(ConnectorError::diverged(what, hint)));
                }
            }
        }
        Ok(())
    }

    /// Everything below a limit has come; what lies between the last record and the limit was a gap.
    fn reached(
        &mut self,
        at: usize,
        index: PartitionIndex,
        ends: &BTreeMap<String, u64>,
        missing: &mut BTreeSet<(usize, PartitionIndex)>,
    ) -> Result<(), RunError> {
        let source = &mut self.sources[at];
        let partition = Arc::clone(source.partition(index)?);
        if let Some(end) = ends.get(&partition.id)
            && missing.remove(&(at, index))
        {
            source.positions.insert(partition.id.clone(), *end);
        }
        Ok(())
    }

    /// Records below the end of the stage enter; the others wait.
    fn enter_below(&mut self, at: usize, records: Records, ends: &BTreeMap<String, u64>) -> Result<(), RunError> {
        let source = &self.sources[at];
        let partition = source.partition(records.partition)?;
        let end = ends.get(&partition.id).copied().unwrap_or(partition.start);
        if records.range.start >= end {
            self.sources[at].early.push(records);
            return Ok(());
        }
        if records.range.end <= end {
            return self.enter(at, records, false);
        }
        let (below, above) = records.split_at(end);
        self.sources[at].early.push(above);
        self.enter(at, below, false)
    }

    fn enter_payload(&mut self, source: &str, partition: &str, mut records: Records) -> Result<(), RunError> {
        let Some(at) = self.sources.iter().position(|found| found.name == source) else { return Ok(()) };
        let known = self.sources[at].partitions.iter().position(|found| found.id == partition);
        let Some(index) = known else { return Ok(()) };
        // What a stage that was left out has fed is behind the position already.
        if records.range.end <= self.sources[at].position(&self.sources[at].partitions[index]) {
            return Ok(());
        }
        records.partition = PartitionIndex(index as u32);
        self.enter(at, records, false)
    }

    /// The past is over: readers may bring everything, beginning with what they brought too early.
    fn lift_limits(&mut self) -> Result<(), RunError> {
        for at in 0..self.sources.len() {
            for records in std::mem::take(&mut self.sources[at].early) {
                self.enter(at, records, true)?;
            }
            for index in 0..self.sources[at].partitions.len() {
                self.sources[at].reader.limit(PartitionIndex(index as u32), None);
            }
        }
        Ok(())
    }
}
