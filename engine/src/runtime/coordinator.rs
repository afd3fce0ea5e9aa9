//! The one thread that cuts epochs: from readers to workers, into the journal, and on to the committers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Select, TryRecvError};

use crate::clock::Moment;
use crate::connector::{ConnectorError, Partition, Read, Records, Replay, StopFlag};
use crate::ownership::Ownership;
use crate::plan::Plan;
use crate::render::{EpochReport, RawBatch};
use crate::safeguard::Safeguard;

use super::RunError;
use super::checkpoint::Checkpointer;
use super::checkpoints::Checkpoints;
use super::committer::Committer;
use super::epochs::{Closing, ClosingKind, Epochs};
use super::event::Event;
use super::ingest::Ingest;
use super::journal::{Entry, Journal, PartitionStart, Range};
use super::letters::Letters;
use super::limits::Limits;
use super::memory::Memory;
use super::options::RunOptions;
use super::rehearsal::Rehearsal;
use super::source_state::SourceState;
use super::threads::await_any;
use super::watch::{Life, Watch};
use super::worker::Workers;

/// How many closed epochs may wait for a sink before sources have to.
pub(super) const EPOCHS_IN_FLIGHT: usize = 4;
/// An epoch with this many bytes of rows waiting for sinks is closed early …
const LOAD_CLOSE: usize = 32 << 20;
/// … and with this many, sources wait.
const LOAD_PAUSE: usize = 96 << 20;
/// An epoch with this many bytes of records is closed early.
const EPOCH_BYTES: usize = 1 << 30;
/// How long the coordinator sleeps at most.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Everything that a run holds together.
pub(super) struct Coordinator<'a> {
    pub(super) plan: &'a Arc<Plan>,
    pub(super) options: &'a RunOptions,
    /// If only the past is replayed.
    pub(super) rehearsal: Option<Rehearsal>,
    /// Stops readers.
    pub(super) halt: StopFlag,
    /// Ends what sinks wait for.
    pub(super) abandon: StopFlag,
    pub(super) generation: u64,
    pub(super) folder: PathBuf,
    pub(super) ownership: Arc<Ownership>,
    pub(super) journal: Journal,
    pub(super) letters: Letters,
    pub(super) limits: Limits,
    pub(super) memory: Memory,
    pub(super) sources: Vec<SourceState>,
    pub(super) workers: Workers,
    pub(super) committers: Vec<Committer>,
    pub(super) checkpointer: Checkpointer,
    pub(super) events: Receiver<Event>,
    pub(super) checkpoints: Checkpoints,
    pub(super) watch: Watch<'a>,
    pub(super) epochs: Epochs,
}

impl Coordinator<'_> {
    /// Opens epoch `epoch` on all workers.
    pub(super) fn open_epoch(&mut self, epoch: u64) -> Result<(), RunError> {
        self.epochs.open = epoch;
        self.epochs.opened_at = None;
        self.epochs.bytes = 0;
        self.epochs.load = self.load();
        self.workers.open(epoch)
    }

    /// The past is over: epochs are cut from now on, until the run ends.
    pub(super) fn live(&mut self) -> Result<(), RunError> {
        self.epochs.last_data = Moment::now();
        let mut lacks_memory = false;
        loop {
            self.drain_events()?;
            self.look();
            self.require_ownership()?;
            if self.shall_stop() || self.sources.iter().all(|source| source.ended) {
                break;
            }
            if self.memory.is_exhausted(self.is_idle()) {
                lacks_memory = true;
                break;
            }
            self.wait()?;
            if self.is_epoch_due() {
                self.close_epoch()?;
            }
            self.make_room()?;
        }
        // Readers that have ended do not look; the others shall not read what nobody takes.
        self.halt.set();
        self.limits.is_end = self.sources.iter().all(|source| source.ended);
        self.await_checkpoint()?;
        if self.checkpoints.lacks(self.epochs.open - 1) || !self.epochs.is_open_empty() {
            // With a checkpoint at its end, the next start has nothing to read again.
            self.close_with_checkpoint()?;
        }
        self.settle()?;
        self.await_checkpoint()?;
        self.journal_marks()?;
        if lacks_memory {
            return Err(self.memory.error(self.epochs.last.epoch));
        }
        self.limits.judge(&[], self.epochs.last.epoch)
    }

    /// Whether nothing is in flight.
    fn is_idle(&self) -> bool {
        self.epochs.is_open_empty() && self.epochs.uncommitted.is_empty() && !self.checkpoints.is_asked()
    }

    /// If memory is short: lets a checkpoint take what is noted for it.
    fn make_room(&mut self) -> Result<(), RunError> {
        if self.memory.is_short() && !self.checkpoints.is_asked() && self.checkpoints.lacks(self.epochs.open - 1) {
            return self.close_with_checkpoint();
        }
        Ok(())
    }

    /// Tells whoever watches.
    pub(super) fn look(&mut self) {
        self.watch.look(self.workers.records(), &self.sources, &self.epochs, Life::Runs);
    }

    /// Whether the run is asked to end.
    pub(super) fn shall_stop(&mut self) -> bool {
        if self.options.stop.is_set() {
            self.epochs.stop_seen.get_or_insert_with(Moment::now);
        }
        let idle = self.options.until_idle.is_some_and(|idle| {
            self.epochs.last_data.elapsed() >= idle && self.epochs.is_open_empty() && self.epochs.uncommitted.is_empty()
        });
        let over = self.options.run_for.is_some_and(|time| self.watch.elapsed() >= time);
        self.options.stop.is_set() || idle || over
    }

    /// Waits for the next thing to happen, for the end of the epoch, or a moment.
    fn wait(&mut self) -> Result<(), RunError> {
        let has_room = !self.memory.is_short();
        let accepts = self.epochs.uncommitted.len() < EPOCHS_IN_FLIGHT && self.load() < LOAD_PAUSE && has_room;
        let events = self.events.clone();
        let readers: Vec<(usize, Receiver<Ingest>)> = self
            .sources
            .iter()
            .enumerate()
            .filter(|(_, source)| accepts && !source.ended)
            .map(|(at, source)| (at, source.reader.reads.clone()))
            .collect();
        let mut queues = Select::new();
        queues.recv(&events);
        for (_, reads) in &readers {
            queues.recv(reads);
        }
        let due = self.epochs.opened_at.map(|opened| self.plan.epoch.saturating_sub(opened.elapsed()));
        if !await_any(&mut queues, due.unwrap_or(PAUSE).min(PAUSE)) {
            return Ok(());
        }
        self.drain_events()?;
        for (at, reads) in &readers {
            match reads.try_recv() {
                Ok(ingest) => self.take_in(*at, ingest)?,
                Err(TryRecvError::Disconnected) if !self.halt.is_set() => return Err(RunError::Died("a reader")),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn load(&self) -> usize {
        self.committers.iter().map(|committer| committer.load.bytes()).sum()
    }

    fn is_epoch_due(&self) -> bool {
        let Some(opened) = self.epochs.opened_at else { return false };
        opened.elapsed() >= self.plan.epoch
            || self.epochs.bytes >= EPOCH_BYTES.min(self.memory.epoch_bytes())
            || self.load().saturating_sub(self.epochs.load) >= LOAD_CLOSE
    }

    /// Takes in what a reader brought.
    fn take_in(&mut self, at: usize, ingest: Ingest) -> Result<(), RunError> {
        match ingest {
            Ingest::Failed(error) => Err(self.sources[at].error(error)),
            Ingest::Read(read, backlog) => {
                self.sources[at].backlog = backlog;
                match read {
                    Read::Records(records) => self.admit(at, records),
                    Read::Discovered(partitions) => self.discover(at, partitions),
                    Read::End => {
                        self.sources[at].ended = true;
                        Ok(())
                    }
                    Read::Idle | Read::Reached(..) => Ok(()),
                }
            }
        }
    }

    /// Notes new partitions of a source, in the journal too.
    pub(super) fn discover(&mut self, at: usize, partitions: Vec<Partition>) -> Result<(), RunError> {
        let source = &mut self.sources[at];
        let new: Vec<PartitionStart> = partitions
            .iter()
            .filter(|partition| !source.positions.contains_key(&partition.id))
            .map(|partition| PartitionStart { id: partition.id.clone(), start: partition.start })
            .collect();
        for partition in partitions {
            source.positions.entry(partition.id.clone()).or_insert(partition.start);
            source.partitions.push(Arc::new(partition));
        }
        if new.is_empty() {
            return Ok(());
        }
        self.checkpoints.know(&source.name, &new);
        self.journal.append(&Entry::Partitions { source: source.name.clone(), partitions: new })
    }

    /// New records: those of a source that cannot read again are journaled before they enter.
    fn admit(&mut self, at: usize, records: Records) -> Result<(), RunError> {
        let source = &self.sources[at];
        if source.replay == Replay::Journal {
            let entry = Entry::Payload {
                source: source.name.clone(),
                partition: source.partition(records.partition)?.id.clone(),
                records: Box::new(records.clone()),
            };
            self.journal.append(&entry)?;
            self.journal.sync()?;
            self.checkpoints.carry(entry);
        }
        self.enter(at, records)
    }

    /// Records enter the open epoch.
    pub(super) fn enter(&mut self, at: usize, records: Records) -> Result<(), RunError> {
        let Some(rehearsal) = &mut self.rehearsal else { return self.enter_whole(at, records) };
        rehearsal.cut(records).into_iter().try_for_each(|part| self.enter_whole(at, part))
    }

    fn enter_whole(&mut self, at: usize, records: Records) -> Result<(), RunError> {
        self.memory.require(self.epochs.last.epoch)?;
        let source = &mut self.sources[at];
        let partition = Arc::clone(source.partition(records.partition)?);
        let start = source.position(&partition);
        if records.range.start < start {
            let what = format!(
                "partition `{}` brings offset {} again: everything below {start} has been read",
                partition.id, records.range.start
            );
            let hint = "this is a bug of flowctl; please report it: nothing was counted twice";
            return Err(source.error(ConnectorError::diverged(what, hint)));
        }
        source.positions.insert(partition.id.clone(), records.range.end);
        let ranges = self.epochs.ranges.entry(source.name.clone()).or_default();
        let range = ranges.entry(partition.id.clone()).or_insert(Range { start, end: start, anchor: None });
        range.end = records.range.end;
        range.anchor = records.anchor.or(range.anchor);
        self.epochs.bytes += records.payload.len();
        self.epochs.last_data = Moment::now();
        self.epochs.opened_at.get_or_insert_with(Moment::now);
        let ordered = self.plan.sources[at].judges_late() && Safeguard::LateInOrder.holds();
        self.workers.feed(at, RawBatch { records: Arc::new(records), partition, again: None }, ordered)
    }

    /// Closes the open epoch and opens the next.
    fn close_epoch(&mut self) -> Result<(), RunError> {
        if self.checkpoints.is_due() {
            return self.close_with_checkpoint();
        }
        self.close_new_epoch()
    }

    fn close_with_checkpoint(&mut self) -> Result<(), RunError> {
        if self.checkpoints.ask(self.epochs.open) {
            self.workers.ask_for_checkpoint()?;
        }
        self.close_new_epoch()
    }

    fn close_new_epoch(&mut self) -> Result<(), RunError> {
        let ranges = std::mem::take(&mut self.epochs.ranges);
        self.closed(ClosingKind::New(ranges));
        self.open_epoch(self.epochs.open + 1)
    }

    /// Closes the open epoch, a part of the past, and opens `next`.
    pub(super) fn close_past(&mut self, kind: ClosingKind, next: u64) -> Result<(), RunError> {
        self.epochs.ranges.clear();
        self.closed(kind);
        self.open_epoch(next)
    }

    fn closed(&mut self, kind: ClosingKind) {
        let (epoch, now) = (self.epochs.open, Moment::now());
        let ends = self.sources.iter().map(|source| (source.name.clone(), source.positions.clone())).collect();
        let again = std::mem::take(&mut self.epochs.again);
        self.epochs.closing.insert(epoch, Closing { kind, ends, report: EpochReport::default(), again });
        self.epochs.uncommitted.push_back((epoch, now));
        // A part of the past that all sinks hold already is not waited for.
        self.retire();
    }

    /// Handles everything that has happened meanwhile.
    pub(super) fn drain_events(&mut self) -> Result<(), RunError> {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.handle(event)?,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(RunError::Died("the workers")),
            }
        }
    }

    pub(super) fn handle(&mut self, event: Event) -> Result<(), RunError> {
        match event {
            Event::Report(report) => {
                if self.epochs.failed {
                    return Ok(());
                }
                for (epoch, found) in report.epochs {
                    let Some(closing) = self.epochs.closing.get_mut(&epoch) else {
                        return Err(RunError::Died("a worker that reports an epoch which is not closing"));
                    };
                    closing.report.add(found);
                }
                self.epochs.through[report.worker] = report.through;
                self.journal_passed()
            }
            Event::Committed(marks) => {
                marks.into_iter().for_each(|(sink, mark)| self.epochs.marks[sink] = mark);
                self.retire();
                Ok(())
            }
            Event::SinkFailed(sink, error) => {
                Err(RunError::Sink { name: self.plan.sinks[sink].input.name.clone(), error })
            }
            Event::Checkpoint(epoch, checkpoint) => self.note_checkpoint(epoch, checkpoint),
            Event::Panicked => Err(RunError::Died("a worker or a committer")),
        }
    }
}
