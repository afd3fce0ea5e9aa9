//! Opens sources where they were left, and starts their readers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::connector::{
    Bound, ConnectContext, ConnectorError, OpenSource, Partition, PartitionIndex, Reader, Replay, StopFlag,
};
use crate::plan::SourceNode;
use crate::spec::Mode;

use super::RunError;
use super::history::History;
use super::ingest::ReaderThread;
use super::journal::{Entry, Journal, PartitionStart, Positions};
use super::source_state::SourceState;

/// A source's partitions and its reader.
type Opened = (Vec<Partition>, Box<dyn Reader>);

/// The first contact with a source.
pub(super) fn open_source(
    node: &SourceNode,
    mode: Mode,
    positions: &Positions,
    history: &History,
    context: &ConnectContext,
) -> Result<Opened, RunError> {
    let bound = match mode {
        Mode::Stream => Bound::Unbounded,
        Mode::Batch => Bound::Now,
    };
    let mut resume = positions.get(&node.name).cloned().unwrap_or_default();
    if node.source.replay() == Replay::Journal {
        // The journal has what was read; the source itself goes on behind it.
        resume.extend(history.payload_ends.get(&node.name).cloned().unwrap_or_default());
    }
    let anchors = history.anchors.get(&node.name).cloned().unwrap_or_default();
    let request = OpenSource { resume: &resume, anchors: &anchors, bound, wanted: &node.wanted_metadata(), context };
    node.source.open(&request).map_err(|error| RunError::Source { name: node.name.clone(), error })
}

/// Starts reading, after noting new partitions in the journal.
pub(super) fn start_source(
    node: &SourceNode,
    (partitions, reader): Opened,
    history: &History,
    positions: &Positions,
    journal: &mut Journal,
    halt: &StopFlag,
) -> Result<SourceState, RunError> {
    let known = history.starts.get(&node.name).cloned().unwrap_or_default();
    let replay = node.source.replay();
    if replay == Replay::Seek
        && let Some(gone) = known.keys().find(|id| {
            let to_come = history.stages.last().and_then(|stage| stage.end(&node.name, id));
            let position = positions.get(&node.name).and_then(|positions| positions.get(*id));
            partitions.iter().all(|found| found.id != **id) && to_come > position.copied()
        })
    {
        let error = ConnectorError::diverged(
            format!("partition `{gone}` is gone"),
            "bring it back, or begin anew with another `--state DIR` and empty tables",
        );
        return Err(RunError::Source { name: node.name.clone(), error });
    }
    let new: Vec<PartitionStart> = partitions
        .iter()
        .filter(|partition| !known.contains_key(&partition.id))
        .map(|partition| PartitionStart { id: partition.id.clone(), start: partition.start })
        .collect();
    if !new.is_empty() {
        journal.append(&Entry::Partitions { source: node.name.clone(), partitions: new })?;
        journal.sync()?;
    }
    let mut positions = positions.get(&node.name).cloned().unwrap_or_default();
    let mut limits = BTreeMap::new();
    for (index, partition) in partitions.iter().enumerate() {
        let start = *positions.entry(partition.id.clone()).or_insert(partition.start);
        // Until the past is over, nothing comes that it does not hold.
        if replay == Replay::Seek && !history.stages.is_empty() {
            limits.insert(PartitionIndex(index as u32), start);
        }
    }
    let reader = ReaderThread::start(&node.name, reader, &limits, halt.clone())
        .map_err(|_| RunError::Died("a reader's thread"))?;
    Ok(SourceState {
        name: node.name.clone(),
        replay,
        partitions: partitions.into_iter().map(Arc::new).collect(),
        positions,
        reader,
        ended: false,
        backlog: None,
        early: Vec::new(),
    })
}
