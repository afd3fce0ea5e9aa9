//! From a plan to its end: open everything, bring back the past, go on, settle, report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded, unbounded};

use crate::connector::{
    Bound, Committed, ConnectContext, ConnectorError, MetadataOrigin, OpenSource, Partition, PartitionIndex, Reader,
    Replay, SinkMode, StopFlag, Writer,
};
use crate::plan::{Plan, RootColumn, SourceNode};
use crate::spec::Mode;

use super::RunError;
use super::committer::{Committer, Order};
use super::coordinator::{Coordinator, Epochs, Event};
use super::dead_letters::DeadLetters;
use super::ingest::ReaderThread;
use super::journal::{Entry, PartitionStart};
use super::options::{Observer, RunOptions, Summary};
use super::replay::{History, Positions};
use super::source_state::SourceState;
use super::state_folder::StateFolder;
use super::watch::Watch;
use super::worker::{SinkPort, Workers};

/// Runs a plan to its end, or until it is asked to stop.
///
/// # Errors
/// What stopped it; results up to the last committed epoch stand.
pub fn run(plan: &Arc<Plan>, options: &RunOptions, observer: &dyn Observer) -> Result<Summary, RunError> {
    let folder = StateFolder::take(&options.state_root, &plan.name)?;
    let halt = StopFlag::default();
    let context = |name: &str, fingerprint: &str| ConnectContext {
        pipeline: plan.name.clone(),
        name: name.to_owned(),
        state_id: folder.identity.state_id.clone(),
        generation: folder.identity.generation,
        fingerprint: fingerprint.to_owned(),
        state_root: options.state_root.clone(),
        state_folder: folder.path.clone(),
        variables: options.variables.clone(),
        stop: halt.clone(),
    };
    let writers = open_sinks(plan, &context)?;
    let borders = writers.iter().filter_map(|writer| held_by(&**writer)).collect();
    let (mut history, mut journal) = History::read(&folder.path, &borders)?;
    let held = held_epochs(plan, &writers, &history, &folder)?;
    let dead_letters = DeadLetters::open(&folder.path, history.last.dead_letters)?;
    let resume = resume_positions(plan, &mut history, &held);
    let (events_in, events) = unbounded();
    let committers = start_committers(plan, writers, options.workers, &events_in)?;
    let ports = ports(&committers, &held);
    let workers = Workers::start(plan, options.workers, &ports, &events_in)?;
    let mut sources = Vec::new();
    for node in &plan.sources {
        let opened = open_source(node, plan.mode, &resume, &context(&node.name, &node.fingerprint))?;
        sources.push(start_source(node, opened, &history, &resume, &mut journal, &halt)?);
    }
    let records = history.last.ledgers.values().map(|ledger| ledger.read).sum();
    let sink_names = plan.sinks.iter().map(|sink| sink.input.name.clone()).collect();
    let mut coordinator = Coordinator {
        plan,
        options,
        halt: halt.clone(),
        generation: folder.identity.generation,
        journal,
        dead_letters,
        sources,
        workers,
        committers,
        events,
        watch: Watch::new(observer, &plan.name, folder.path.clone(), sink_names, records),
        epochs: Epochs::new(history.last.clone(), options.workers, held),
    };
    let outcome = coordinator.replay(history, &folder.path).and_then(|()| coordinator.live());
    halt.set();
    let summary = outcome.and_then(|()| summarise(&coordinator, plan));
    coordinator.watch.look(&coordinator.sources, &coordinator.epochs, &coordinator.dead_letters, true);
    summary
}

fn open_sinks(plan: &Plan, context: &dyn Fn(&str, &str) -> ConnectContext) -> Result<Vec<Box<dyn Writer>>, RunError> {
    let open = |sink: &crate::plan::SinkNode| {
        let name = &sink.input.name;
        sink.sink.open(&context(name, &sink.fingerprint)).map_err(|error| RunError::Sink { name: name.clone(), error })
    };
    plan.sinks.iter().map(open).collect()
}

fn held_by(writer: &dyn Writer) -> Option<u64> {
    match writer.committed() {
        Committed::Volatile => None,
        Committed::Epoch(epoch) => Some(epoch),
    }
}

/// For each sink the epoch up to which it needs nothing.
fn held_epochs(
    plan: &Plan,
    writers: &[Box<dyn Writer>],
    history: &History,
    folder: &StateFolder,
) -> Result<Vec<u64>, RunError> {
    let last = history.last.epoch;
    let each = plan.sinks.iter().zip(writers).map(|(sink, writer)| match held_by(&**writer) {
        Some(epoch) if epoch > last => Err(RunError::Sink {
            name: sink.input.name.clone(),
            error: ConnectorError::diverged(
                format!("it holds epoch {epoch}, but the journal in {} ends with {last}", folder.path.display()),
                "the state directory is older than the sink: use the newest one, or begin anew with both empty",
            ),
        }),
        Some(epoch) => Ok(epoch),
        // Rows that are only added are shown once: those of the past have been.
        None if sink.input.mode == SinkMode::Appends => Ok(last),
        None => Ok(0),
    });
    each.collect()
}

/// Where each partition is to be read from. A plan that keeps nothing between epochs starts where its sinks stand.
fn resume_positions(plan: &Plan, history: &mut History, held: &[u64]) -> Positions {
    let mut positions = history.starts.clone();
    if plan.is_stateless() {
        let skipped = history.skip_to(held.iter().copied().min().unwrap_or(0));
        for (source, ends) in skipped {
            positions.entry(source).or_default().extend(ends);
        }
    }
    positions
}

fn start_committers(
    plan: &Plan,
    writers: Vec<Box<dyn Writer>>,
    workers: usize,
    events: &Sender<Event>,
) -> Result<Vec<Committer>, RunError> {
    let sinks = plan.sinks.iter().zip(writers).enumerate();
    let start = |(at, (sink, writer)): (usize, (&crate::plan::SinkNode, Box<dyn Writer>))| {
        Committer::start(at, &sink.input, writer, workers, events.clone()).map_err(|_| RunError::Died("a committer"))
    };
    sinks.map(start).collect()
}

fn ports(committers: &[Committer], held: &[u64]) -> Vec<SinkPort> {
    let port = |(committer, held): (&Committer, &u64)| SinkPort {
        held: *held,
        orders: committer.orders.clone(),
        load: committer.load.clone(),
    };
    committers.iter().zip(held).map(port).collect()
}

type Opened = (Vec<Partition>, Box<dyn Reader>);

fn open_source(
    node: &SourceNode,
    mode: Mode,
    resume: &Positions,
    context: &ConnectContext,
) -> Result<Opened, RunError> {
    let bound = match mode {
        Mode::Stream => Bound::Unbounded,
        Mode::Batch => Bound::Now,
    };
    let empty = BTreeMap::new();
    let resume = resume.get(&node.name).unwrap_or(&empty);
    let request = OpenSource { resume, bound, wanted: &wanted_metadata(node), context };
    node.source.open(&request).map_err(|error| RunError::Source { name: node.name.clone(), error })
}

/// Which of the values that come with each record somebody looks at.
fn wanted_metadata(node: &SourceNode) -> Vec<bool> {
    let prefilter = node.prefilter.iter().flat_map(|prefilter| &prefilter.root);
    let time = node.event_time.iter().map(|time| &time.column);
    let used: BTreeSet<usize> = prefilter
        .chain(&node.root)
        .chain(time)
        .filter_map(|column| match column {
            RootColumn::Metadata(at) => Some(*at),
            _ => None,
        })
        .collect();
    let mut wanted = Vec::new();
    for (at, column) in node.metadata.iter().enumerate() {
        if let MetadataOrigin::Record(record) = column.origin {
            wanted.resize(wanted.len().max(record + 1), false);
            wanted[record] |= used.contains(&at);
        }
    }
    wanted
}

fn start_source(
    node: &SourceNode,
    (partitions, reader): Opened,
    history: &History,
    resume: &Positions,
    journal: &mut super::journal::Journal,
    halt: &StopFlag,
) -> Result<SourceState, RunError> {
    let known = history.starts.get(&node.name).cloned().unwrap_or_default();
    let replay = node.source.replay();
    if replay == Replay::Seek
        && let Some(gone) = known.keys().find(|id| partitions.iter().all(|found| found.id != **id))
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
    let mut positions = resume.get(&node.name).cloned().unwrap_or_default();
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

/// What a run leaves, once everything is committed; runs the reports.
fn summarise(coordinator: &Coordinator<'_>, plan: &Plan) -> Result<Summary, RunError> {
    let mut reports = Vec::new();
    for report in &plan.reports {
        let (answer, answered) = bounded(1);
        let sink = &coordinator.committers[report.sink];
        let failed = |error| RunError::Sink {
            name: format!("{}, report {}", plan.sinks[report.sink].input.name, report.name),
            error,
        };
        let sql = report.sql.resolve(&coordinator.options.variables).map_err(|missing| failed(missing.into()))?;
        let _ = sink.orders.send(Order::Query(sql, answer));
        let grid = answered.recv().map_err(|_| RunError::Died("a committer"))?;
        reports.push((report.title.clone(), grid.map_err(failed)?));
    }
    let mark = coordinator.dead_letters.mark();
    Ok(Summary {
        epochs: coordinator.epochs.all_committed(),
        ledgers: coordinator.epochs.last.ledgers.clone().into_iter().collect(),
        dead_letters: (mark.bytes > 0).then(|| (mark.count, coordinator.dead_letters.path().to_owned())),
        reports,
    })
}
