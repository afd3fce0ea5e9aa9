//! The one thread that cuts epochs: from readers to workers, into the journal, and on to the committers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Select, Sender};

use crate::connector::{ConnectorError, Partition, Read, Records, Replay, StopFlag};
use crate::error_row::ErrorRow;
use crate::plan::Plan;
use crate::render::{EpochReport, RawBatch, WorkerReport};

use super::RunError;
use super::committer::{Committer, Order};
use super::dead_letters::DeadLetters;
use super::ingest::Ingest;
use super::journal::{Entry, EpochRecord, Journal, PartitionStart, Range, SinkMark};
use super::options::RunOptions;
use super::source_state::SourceState;
use super::watch::Watch;
use super::worker::Workers;

/// How many closed epochs may wait for a sink before sources have to.
const EPOCHS_IN_FLIGHT: usize = 4;
/// An epoch with this many bytes of rows waiting for sinks is closed early …
const LOAD_CLOSE: usize = 32 << 20;
/// … and with this many, sources wait.
const LOAD_PAUSE: usize = 96 << 20;
/// An epoch with this many bytes of records is closed early.
const EPOCH_BYTES: usize = 1 << 30;
/// How long the coordinator sleeps at most.
const TICK: Duration = Duration::from_millis(100);
/// How long sinks may take to commit what is under way when the run is asked to stop.
const STOP_PATIENCE: Duration = Duration::from_millis(4500);

/// What workers and committers tell the coordinator.
pub(super) enum Event {
    /// A worker has passed epochs.
    Report(WorkerReport),
    /// How far a sink has come.
    Committed(usize, SinkMark),
    /// A sink failed; its committer has ended.
    SinkFailed(usize, ConnectorError),
    /// A thread has panicked.
    Panicked,
}

/// Tells the coordinator if its thread panics.
pub(super) struct DeathWatch(pub(super) Sender<Event>);

impl Drop for DeathWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.send(Event::Panicked);
        }
    }
}

/// What was read, by source and partition id.
type Ranges = BTreeMap<String, BTreeMap<String, Range>>;

/// A closed epoch on its way to the sinks.
struct Closing {
    kind: ClosingKind,
    report: EpochReport,
}

/// Whether the journal has it already.
enum ClosingKind {
    /// A new epoch.
    New(Ranges),
    /// A part of the past, with how many records of each source the journal has counted in it.
    Past(BTreeMap<String, u64>),
}

/// Everything that a run holds together.
pub(super) struct Coordinator<'a> {
    pub(super) plan: &'a Arc<Plan>,
    pub(super) options: &'a RunOptions,
    /// Stops readers.
    pub(super) halt: StopFlag,
    /// Ends what sinks wait for.
    pub(super) abandon: StopFlag,
    pub(super) generation: u64,
    pub(super) journal: Journal,
    pub(super) dead_letters: DeadLetters,
    pub(super) sources: Vec<SourceState>,
    pub(super) workers: Workers,
    pub(super) committers: Vec<Committer>,
    pub(super) events: Receiver<Event>,
    pub(super) watch: Watch<'a>,
    pub(super) epochs: Epochs,
}

/// How far epochs have come.
pub(super) struct Epochs {
    /// The open one.
    open: u64,
    opened_at: Option<Instant>,
    bytes: usize,
    /// How much waited in sinks when it was opened.
    load: usize,
    ranges: Ranges,
    closing: BTreeMap<u64, Closing>,
    uncommitted: VecDeque<(u64, Instant)>,
    through: Vec<u64>,
    marks: Vec<SinkMark>,
    stop_seen: Option<Instant>,
    /// The last record in the journal.
    pub(super) last: EpochRecord,
    last_data: Instant,
}

impl Epochs {
    pub(super) fn new(last: EpochRecord, workers: usize, marks: Vec<SinkMark>) -> Self {
        Self {
            open: 0,
            opened_at: None,
            bytes: 0,
            load: 0,
            ranges: BTreeMap::new(),
            closing: BTreeMap::new(),
            uncommitted: VecDeque::new(),
            through: vec![0; workers],
            marks,
            stop_seen: None,
            last,
            last_data: Instant::now(),
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

    fn is_open_empty(&self) -> bool {
        self.opened_at.is_none()
    }
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
        self.epochs.last_data = Instant::now();
        loop {
            self.drain_events()?;
            self.look();
            if self.shall_stop() || (self.sources.iter().all(|source| source.ended) && self.epochs.is_open_empty()) {
                break;
            }
            self.wait()?;
            if self.is_epoch_due() {
                self.close_epoch()?;
            }
        }
        // Readers that have ended do not look; the others shall not read what nobody takes.
        self.halt.set();
        if !self.epochs.is_open_empty() {
            self.close_epoch()?;
        }
        self.settle()
    }

    /// Tells whoever watches.
    pub(super) fn look(&mut self) {
        self.watch.look(&self.sources, &self.epochs, &self.dead_letters, false);
    }

    /// Whether the run is asked to end.
    pub(super) fn shall_stop(&mut self) -> bool {
        if self.options.stop.is_set() {
            self.epochs.stop_seen.get_or_insert_with(Instant::now);
        }
        let idle = self.options.until_idle.is_some_and(|idle| {
            self.epochs.last_data.elapsed() >= idle && self.epochs.is_open_empty() && self.epochs.uncommitted.is_empty()
        });
        let over = self.options.run_for.is_some_and(|time| self.watch.elapsed() >= time);
        self.options.stop.is_set() || idle || over
    }

    /// Waits for the next thing to happen, for the end of the epoch, or a moment.
    fn wait(&mut self) -> Result<(), RunError> {
        let accepts = self.epochs.uncommitted.len() < EPOCHS_IN_FLIGHT && self.load() < LOAD_PAUSE;
        let events = self.events.clone();
        let readers: Vec<(usize, Receiver<Ingest>)> = self
            .sources
            .iter()
            .enumerate()
            .filter(|(_, source)| accepts && !source.ended)
            .map(|(at, source)| (at, source.reader.reads.clone()))
            .collect();
        let mut select = Select::new();
        select.recv(&events);
        for (_, reads) in &readers {
            select.recv(reads);
        }
        let due = self.epochs.opened_at.map(|opened| self.plan.epoch.saturating_sub(opened.elapsed()));
        let Ok(ready) = select.select_timeout(due.unwrap_or(TICK).min(TICK)) else { return Ok(()) };
        match ready.index() {
            0 => match ready.recv(&events) {
                Ok(event) => self.handle(event),
                Err(_) => Err(RunError::Died("the workers")),
            },
            index => {
                let (at, reads) = &readers[index - 1];
                match ready.recv(reads) {
                    Ok(ingest) => self.take_in(*at, ingest),
                    Err(_) if self.halt.is_set() => Ok(()),
                    Err(_) => Err(RunError::Died("a reader")),
                }
            }
        }
    }

    fn load(&self) -> usize {
        self.committers.iter().map(|committer| committer.load.bytes()).sum()
    }

    fn is_epoch_due(&self) -> bool {
        let Some(opened) = self.epochs.opened_at else { return false };
        opened.elapsed() >= self.plan.epoch
            || self.epochs.bytes >= EPOCH_BYTES
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
        self.journal.append(&Entry::Partitions { source: source.name.clone(), partitions: new })
    }

    /// New records: those of a source that cannot read again are journaled before they enter.
    fn admit(&mut self, at: usize, records: Records) -> Result<(), RunError> {
        let source = &self.sources[at];
        if source.replay == Replay::Journal {
            self.journal.append(&Entry::Payload {
                source: source.name.clone(),
                partition: source.partition(records.partition)?.id.clone(),
                records: Box::new(records.clone()),
            })?;
            self.journal.sync()?;
        }
        self.enter(at, records)
    }

    /// Records enter the open epoch.
    pub(super) fn enter(&mut self, at: usize, records: Records) -> Result<(), RunError> {
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
        let range = ranges.entry(partition.id.clone()).or_insert(Range { start, end: start });
        range.end = records.range.end;
        self.epochs.bytes += records.payload.len();
        self.epochs.last_data = Instant::now();
        self.epochs.opened_at.get_or_insert_with(Instant::now);
        self.workers.feed(at, RawBatch { records: Arc::new(records), partition })
    }

    /// Closes the open epoch and opens the next.
    fn close_epoch(&mut self) -> Result<(), RunError> {
        let ranges = std::mem::take(&mut self.epochs.ranges);
        self.closed(ClosingKind::New(ranges));
        self.open_epoch(self.epochs.open + 1)
    }

    /// Closes the open epoch, a part of the past in which the journal has counted `reads`, and opens `next`.
    pub(super) fn close_stage(&mut self, reads: BTreeMap<String, u64>, next: u64) -> Result<(), RunError> {
        self.epochs.ranges.clear();
        self.closed(ClosingKind::Past(reads));
        self.open_epoch(next)
    }

    fn closed(&mut self, kind: ClosingKind) {
        let (epoch, now) = (self.epochs.open, Instant::now());
        self.epochs.closing.insert(epoch, Closing { kind, report: EpochReport::default() });
        self.epochs.uncommitted.push_back((epoch, now));
        // A part of the past that all sinks hold already is not waited for.
        self.retire();
    }

    /// Handles everything that has happened meanwhile.
    pub(super) fn drain_events(&mut self) -> Result<(), RunError> {
        while let Ok(event) = self.events.try_recv() {
            self.handle(event)?;
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), RunError> {
        match event {
            Event::Report(report) => {
                for (epoch, found) in report.epochs {
                    let Some(closing) = self.epochs.closing.get_mut(&epoch) else {
                        return Err(RunError::Died("a worker that reports an epoch which is not closing"));
                    };
                    merge(&mut closing.report, found);
                }
                self.epochs.through[report.worker] = report.through;
                self.journal_passed()
            }
            Event::Committed(sink, mark) => {
                self.epochs.marks[sink] = mark;
                self.retire();
                Ok(())
            }
            Event::SinkFailed(sink, error) => {
                Err(RunError::Sink { name: self.plan.sinks[sink].input.name.clone(), error })
            }
            Event::Panicked => Err(RunError::Died("a worker or a committer")),
        }
    }

    /// Forgets the closed epochs that all sinks hold.
    fn retire(&mut self) {
        let all = self.epochs.all_committed();
        while let Some((_, closed_at)) = self.epochs.uncommitted.pop_front_if(|(epoch, _)| *epoch <= all) {
            self.watch.committed(closed_at.elapsed());
        }
    }

    /// Journals, in order, every closed epoch that all workers have passed, and lets sinks commit it.
    fn journal_passed(&mut self) -> Result<(), RunError> {
        let through = self.epochs.through.iter().copied().min().unwrap_or(0);
        while let Some(entry) = self.epochs.closing.first_entry().filter(|entry| *entry.key() < through) {
            let epoch = *entry.key();
            let Closing { kind, report } = entry.remove();
            match kind {
                ClosingKind::New(ranges) => self.journal_epoch(epoch, ranges, report)?,
                // Of the past the journal has everything, and the dead letters are written.
                ClosingKind::Past(reads) => self.compare(epoch, &reads, &report)?,
            }
            for committer in &self.committers {
                // A committer that has ended has told why.
                let _ = committer.orders.send(Order::Permit(epoch));
            }
        }
        Ok(())
    }

    /// What was read again must be what was read.
    fn compare(&self, epoch: u64, reads: &BTreeMap<String, u64>, report: &EpochReport) -> Result<(), RunError> {
        for (at, source) in self.sources.iter().enumerate() {
            let expected = reads.get(&source.name).copied().unwrap_or(0);
            let found = report.ledgers.get(&at).map_or(0, |ledger| ledger.read);
            if found != expected {
                let what =
                    format!("{found} records were read again up to epoch {epoch}, but the journal has {expected}");
                let hint = "records that were read are gone or changed (compaction?): begin anew with another `--state DIR` \
                            and empty tables";
                return Err(source.error(ConnectorError::diverged(what, hint)));
            }
        }
        Ok(())
    }

    fn journal_epoch(&mut self, epoch: u64, ranges: Ranges, report: EpochReport) -> Result<(), RunError> {
        let errors = consolidated(report.errors);
        if let Some((error, _)) = errors.iter().find(|(error, diff)| error.fatal && *diff > 0) {
            let failed = RunError::Data { what: describe(error), epoch: epoch - 1 };
            self.epochs.uncommitted.retain(|(closed, _)| *closed < epoch);
            self.epochs.closing.clear();
            self.settle()?;
            return Err(failed);
        }
        self.dead_letters.write(epoch, &errors)?;
        let mut ledgers = self.epochs.last.ledgers.clone();
        for (source, ledger) in report.ledgers {
            ledgers.entry(self.plan.sources[source].name.clone()).or_default().add(&ledger);
        }
        let record = EpochRecord {
            epoch,
            generation: self.generation,
            clock: now_micros().max(self.epochs.last.clock),
            ranges,
            ledgers,
            dead_letters: self.dead_letters.mark(),
            sinks: self.sink_marks(),
        };
        self.journal.append(&Entry::Epoch(record.clone()))?;
        self.journal.sync()?;
        self.epochs.last = record;
        Ok(())
    }

    fn sink_marks(&self) -> BTreeMap<String, SinkMark> {
        let marks = self.plan.sinks.iter().zip(&self.epochs.marks);
        marks.map(|(sink, mark)| (sink.input.name.clone(), *mark)).collect()
    }

    /// Whether all that was closed is committed.
    pub(super) fn is_settled(&self) -> bool {
        self.epochs.uncommitted.is_empty()
    }

    /// Waits until every closed epoch is journaled and committed; not for ever if the run is asked to stop.
    pub(super) fn settle(&mut self) -> Result<(), RunError> {
        while !self.is_settled() {
            self.look();
            self.shall_stop();
            if self.epochs.stop_seen.is_some_and(|seen| seen.elapsed() >= STOP_PATIENCE) {
                tracing::warn!(
                    "stopping with {} epochs that not all sinks have committed; the next start commits them",
                    self.epochs.uncommitted.len()
                );
                self.abandon.set();
                return Ok(());
            }
            match self.events.recv_timeout(TICK) {
                Ok(event) => self.handle(event)?,
                Err(crossbeam_channel::RecvTimeoutError::Timeout) => {}
                Err(crossbeam_channel::RecvTimeoutError::Disconnected) => return Err(RunError::Died("the workers")),
            }
        }
        Ok(())
    }
}

fn merge(into: &mut EpochReport, from: EpochReport) {
    into.errors.extend(from.errors);
    for (source, ledger) in from.ledgers {
        into.ledgers.entry(source).or_default().add(&ledger);
    }
}

/// Each error once, in a total order.
fn consolidated(errors: Vec<(ErrorRow, i64)>) -> Vec<(ErrorRow, i64)> {
    let mut counts: BTreeMap<ErrorRow, i64> = BTreeMap::new();
    for (error, diff) in errors {
        *counts.entry(error).or_default() += diff;
    }
    counts.into_iter().filter(|(_, diff)| *diff != 0).collect()
}

fn describe(error: &ErrorRow) -> String {
    let place = match &error.origin {
        Some(origin) => {
            format!("record {} of partition `{}` of source `{}`", origin.offset, origin.partition, origin.source)
        }
        None => format!("a row of operator `{}`", error.operator),
    };
    format!("{place} fails in `{}`: {} ({})", error.operator, error.message, error.code)
}

/// Microseconds since 1970.
pub(super) fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
