//! How a pipeline's state stands: its journal's segments, its checkpoints, its sources' positions, its sinks' marks.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::ownership::holder;
use crate::runtime::RunError;
use crate::runtime::checkpoint::Checkpoint;
use crate::runtime::identity::Identity;
use crate::runtime::journal::{Entry, Journal, Positions, Segment, SinkMark};
use crate::runtime::state_folder::LOCK;
use crate::runtime::status::read_status;

use super::patiently;

/// The state of a pipeline. Offsets stand below source and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PipelineState {
    /// The pipeline.
    pub pipeline: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What sinks know the state by.
    pub state_id: String,
    /// How often it was started.
    pub generation: u64,
    /// The process that has it now.
    pub process: Option<u32>,
    /// When its last run was heard of, in microseconds since 1970.
    pub last_run: i64,
    /// How much room it takes, in bytes.
    pub bytes: u64,
    /// The first epoch that the journal has a record of; with a checkpoint kept, those before it are not needed.
    pub first_epoch: u64,
    /// The last epoch.
    pub epoch: u64,
    /// The journal's segments, in order.
    pub segments: Vec<SegmentState>,
    /// The checkpoints that are kept, in order.
    pub checkpoints: Vec<CheckpointState>,
    /// Behind which record each partition was left at the last epoch.
    pub positions: BTreeMap<String, BTreeMap<String, u64>>,
    /// What the journal knows of sinks; they may have come further.
    pub sinks: Vec<SinkState>,
}

/// A file of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentState {
    /// The start that began it.
    pub generation: u64,
    /// The last epoch before it.
    pub base: u64,
    /// Its length.
    pub bytes: u64,
}

/// A checkpoint that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointState {
    /// The epoch that it ends with.
    pub epoch: u64,
    /// When that was closed, in microseconds since 1970.
    pub closed: i64,
    /// How many files it is made of; some may belong to others too.
    pub runs: usize,
    /// How long they are together.
    pub bytes: u64,
    /// What it keeps, source by source and operator by operator; see [`super::misfit`].
    pub cuts: Vec<String>,
}

/// What the journal knows of a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SinkState {
    /// The sink.
    pub name: String,
    /// Of everything that decides which rows flow into it: another sink of the same name is another sink.
    pub fingerprint: String,
    /// The last epoch that changed something in it.
    pub written: u64,
    /// The last epoch that it has everything of.
    pub passed: u64,
}

/// How the state in a pipeline's folder stands; none if there is none.
///
/// # Errors
/// It is damaged, of another version, or cannot be read.
pub fn inspect(folder: &Path) -> Result<Option<PipelineState>, RunError> {
    patiently(|| {
        let Some(identity) = Identity::read(folder)? else { return Ok(None) };
        let record = Record::read(folder)?;
        let segment = |(Segment { generation, base }, bytes)| SegmentState { generation, base, bytes };
        Ok(Some(PipelineState {
            pipeline: identity.pipeline,
            folder: folder.to_owned(),
            state_id: identity.state_id,
            generation: identity.generation,
            process: holder(&folder.join(LOCK)),
            last_run: last_run(folder),
            bytes: room(folder)?,
            first_epoch: record.first_epoch,
            epoch: record.epoch,
            segments: Journal::segments(folder)?.into_iter().map(segment).collect(),
            checkpoints: record.checkpoints(),
            positions: record.positions,
            sinks: record.sinks.into_iter().map(SinkState::from).collect(),
        }))
    })
}

/// What stands in the journal.
#[derive(Default)]
struct Record {
    first_epoch: u64,
    epoch: u64,
    checkpoints: Vec<Checkpoint>,
    /// When the epochs with which segments begin were closed.
    closed: BTreeMap<u64, i64>,
    positions: Positions,
    sinks: BTreeMap<String, SinkMark>,
}

impl Record {
    fn read(folder: &Path) -> Result<Self, RunError> {
        let mut record = Self::default();
        let Some(mut reader) = Journal::look(folder)? else { return Ok(record) };
        while let Some(entry) = reader.next()? {
            record.take_in(entry);
        }
        Ok(record)
    }

    fn take_in(&mut self, entry: Entry) {
        match entry {
            Entry::Base(base) => {
                self.closed.insert(base.record.epoch, base.record.clock);
                if self.epoch == 0 {
                    (self.first_epoch, self.epoch) = (base.record.epoch, base.record.epoch);
                    (self.positions, self.sinks) = (base.ends, base.record.sinks);
                }
            }
            Entry::Partitions { source, partitions } => {
                let known = self.positions.entry(source).or_default();
                for partition in partitions {
                    known.entry(partition.id).or_insert(partition.start);
                }
            }
            Entry::Epoch(epoch) => {
                if self.first_epoch == 0 {
                    self.first_epoch = epoch.epoch;
                }
                self.epoch = epoch.epoch;
                for (source, ranges) in epoch.ranges {
                    let ends = ranges.into_iter().map(|(partition, range)| (partition, range.end));
                    self.positions.entry(source).or_default().extend(ends);
                }
                self.sinks = epoch.sinks;
            }
            Entry::Marks(marks) => self.sinks = marks,
            Entry::Checkpoint(checkpoint) => self.checkpoints.push(checkpoint),
            Entry::Payload { .. } => {}
        }
    }

    /// Those that can be put back: a segment begins with each of them.
    fn checkpoints(&self) -> Vec<CheckpointState> {
        let kept = self.checkpoints.iter().filter_map(|kept| Some((kept, *self.closed.get(&kept.epoch)?)));
        let state = |(kept, closed): (&Checkpoint, i64)| CheckpointState {
            epoch: kept.epoch,
            closed,
            runs: kept.runs.len(),
            bytes: kept.runs.iter().map(|run| run.bytes).sum(),
            cuts: kept.cuts.clone(),
        };
        kept.map(state).collect()
    }
}

impl From<(String, SinkMark)> for SinkState {
    fn from((key, SinkMark { written, passed }): (String, SinkMark)) -> Self {
        // No sink's name has a space.
        let (name, fingerprint) = key.split_once(' ').unwrap_or((&key, ""));
        Self { name: name.to_owned(), fingerprint: fingerprint.to_owned(), written, passed }
    }
}

/// When the last run was heard of: what it said itself, else when it began.
fn last_run(folder: &Path) -> i64 {
    if let Ok(Some(status)) = read_status(folder) {
        return status.written;
    }
    let began = fs::metadata(folder.join("identity.json")).and_then(|identity| identity.modified()).ok();
    let since = began.and_then(|began| began.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The lengths of all files; those that vanish meanwhile have none.
fn room(folder: &Path) -> Result<u64, RunError> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(RunError::File { path: folder, error }),
        };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(RunError::File { path: entry.path(), error }),
            }
        }
    }
    Ok(bytes)
}
