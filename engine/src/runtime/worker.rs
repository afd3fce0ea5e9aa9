//! A worker: a timely thread that takes records, moves the epoch on, and computes.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, unbounded};
use timely::WorkerConfig;

use crate::plan::Plan;
use crate::render::{CheckpointWanted, Cut, CutEntry, Inputs, Outlets, RawBatch, SinkOutlet, partition_rank, render};

use super::RunError;
use super::checkpoint::CutReport;
use super::committer::{Load, Order};
use super::event::{DeathWatch, Event};
use super::threads::{Patience, Started, Turn, send};

/// How many batches of records wait for a worker.
const QUEUE: usize = 2;
/// How long an idle worker sleeps if nobody wakes it.
const PARK: Duration = Duration::from_millis(250);

/// What the coordinator sends a worker.
pub(super) enum Feed {
    /// Records of a source, in the open epoch.
    Records(usize, RawBatch),
    /// What has passed a cut before, in the open epoch.
    Restored(Cut, Vec<CutEntry>),
    /// Everything is put back.
    Whole,
    /// The open epoch ends in a checkpoint.
    Checkpoint,
    /// The epoch that opens; all before it are closed.
    Open(u64),
}

/// Where a worker sends a sink's rows.
#[derive(Clone)]
pub(super) struct SinkPort {
    /// The epoch up to which the sink needs nothing.
    pub(super) held: u64,
    /// The sink's committer.
    pub(super) orders: Sender<Order>,
    /// Its place among the committer's members.
    pub(super) member: usize,
    /// How much waits there.
    pub(super) load: Load,
}

/// Where workers send what they do.
#[derive(Clone)]
pub(super) struct Ports {
    /// The sinks that workers feed, by their places in the plan.
    pub(super) sinks: BTreeMap<usize, SinkPort>,
    /// The coordinator.
    pub(super) events: Sender<Event>,
    /// The thread of checkpoints.
    pub(super) checkpoints: Sender<CutReport>,
    /// Whether they take digests.
    pub(super) digests: bool,
}

/// The coordinator's side of the workers.
pub(super) struct Workers {
    feeds: Vec<Sender<Feed>>,
    threads: Vec<Thread>,
    next: usize,
    pool: Started,
    read: Arc<AtomicU64>,
}

impl Workers {
    /// Starts `count` workers that all render the plan. `kept` is the last epoch that a checkpoint holds.
    pub(super) fn start(plan: &Arc<Plan>, count: usize, ports: &Ports, kept: u64) -> Result<Self, RunError> {
        // Each worker announces itself once.
        let (announce, announced) = unbounded();
        let (feeds, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| bounded(QUEUE)).unzip();
        let (plan, ports) = (Arc::clone(plan), ports.clone());
        let read = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&read);
        let config = timely::Config {
            communication: timely::CommunicationConfig::Process(count),
            worker: WorkerConfig::default(),
        };
        #[cfg(test)]
        if crate::simulation::crew::is_there() {
            return Ok(Self::start_here(plan, ports, kept, read, feeds, receivers));
        }
        let pool = thread::Builder::new()
            .name("workers".into())
            .spawn(move || {
                let guards = timely::execute(config, move |worker| {
                    let index = worker.index();
                    let _watch = DeathWatch(ports.events.clone());
                    let _ = announce.send((index, thread::current()));
                    let mut working = Working::begin(worker, &plan, &ports, kept, &counter, receivers[index].clone());
                    while working.go_on(worker, Patience::Waits) != Turn::Over {}
                });
                // Joining waits for all; a worker that panicked has said so on its way out.
                drop(guards.map(|guards| guards.join()));
            })
            .map(Started::thread)
            .map_err(|_| RunError::Died("the workers' thread"))?;
        let mut threads = Vec::new();
        for _ in 0..count {
            threads.push(announced.recv().map_err(|_| RunError::Died("a worker"))?);
        }
        threads.sort_by_key(|(index, _)| *index);
        Ok(Self { feeds, threads: threads.into_iter().map(|(_, thread)| thread).collect(), next: 0, pool, read })
    }

    /// Gives records to the worker that has the least to do, or, if `ordered`, to the one that reads their partition; waits if it has enough.
    pub(super) fn feed(&mut self, source: usize, raw: RawBatch, ordered: bool) -> Result<(), RunError> {
        let count = self.feeds.len();
        if ordered {
            let worker = partition_rank(&raw.partition.id).unsigned_abs() as usize % count;
            return self.send(worker, Feed::Records(source, raw));
        }
        let worker = (0..count)
            .map(|step| (self.next + step) % count)
            .min_by_key(|worker| self.feeds[*worker].len())
            .unwrap_or(0);
        self.next = (worker + 1) % count;
        self.send(worker, Feed::Records(source, raw))
    }

    /// How many records have been read since the start, those of the past among them.
    pub(super) fn records(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Puts back what has passed a cut before; event times go to all workers, since any may read the partition, the rest to one.
    pub(super) fn restore(&mut self, cut: Cut, entries: Vec<CutEntry>) -> Result<(), RunError> {
        if matches!(cut, Cut::Source(_)) {
            return (0..self.feeds.len())
                .try_for_each(|worker| self.send(worker, Feed::Restored(cut, entries.clone())));
        }
        self.next = (self.next + 1) % self.feeds.len();
        self.send(self.next, Feed::Restored(cut, entries))
    }

    /// Says that everything is put back.
    pub(super) fn restored(&self) -> Result<(), RunError> {
        (0..self.feeds.len()).try_for_each(|worker| self.send(worker, Feed::Whole))
    }

    /// Lets the open epoch end in a checkpoint.
    pub(super) fn ask_for_checkpoint(&self) -> Result<(), RunError> {
        (0..self.feeds.len()).try_for_each(|worker| self.send(worker, Feed::Checkpoint))
    }

    /// Closes all epochs before `epoch`.
    pub(super) fn open(&self, epoch: u64) -> Result<(), RunError> {
        (0..self.feeds.len()).try_for_each(|worker| self.send(worker, Feed::Open(epoch)))
    }

    /// Lets the workers close all epochs and end, and waits for it.
    pub(super) fn join(self) {
        drop(self.feeds);
        for thread in &self.threads {
            thread.unpark();
        }
        self.pool.join();
    }

    /// A worker on the thread of a simulation, which has all of them.
    #[cfg(test)]
    fn start_here(
        plan: Arc<Plan>,
        ports: Ports,
        kept: u64,
        read: Arc<AtomicU64>,
        feeds: Vec<Sender<Feed>>,
        mut receivers: Vec<Receiver<Feed>>,
    ) -> Self {
        let allocator = timely::communication::allocator::Thread::default();
        let allocator = timely::communication::Allocator::Thread(allocator);
        let mut worker =
            timely::worker::Worker::new(WorkerConfig::default(), allocator, Some(std::time::Instant::now()));
        let feed = receivers.pop().filter(|_| receivers.is_empty()).expect("a simulation has one worker");
        let mut working = Working::begin(&mut worker, &plan, &ports, kept, &read, feed);
        let task = crate::simulation::crew::enlist("worker", move || working.go_on(&mut worker, Patience::Hurries));
        Self { feeds, threads: vec![thread::current()], next: 0, pool: Started::task(task), read }
    }

    fn send(&self, worker: usize, feed: Feed) -> Result<(), RunError> {
        send(&self.feeds[worker], feed).map_err(|_| RunError::Died("a worker"))?;
        self.threads[worker].unpark();
        Ok(())
    }
}

fn outlets(ports: &Ports, kept: u64, read: &Arc<AtomicU64>) -> Outlets {
    let sinks = ports.sinks.iter().map(|(sink, port)| {
        let (send, load, member) = (port.orders.clone(), port.load.clone(), port.member);
        let outlet = SinkOutlet {
            held: port.held,
            received: Box::new(move |batch| load.add(batch)),
            // A committer that has ended has told the coordinator why.
            send: Box::new(move |outlet| drop(send.send(Order::Outlet(member, outlet)))),
        };
        (*sink, outlet)
    });
    let (events, checkpoints) = (ports.events.clone(), ports.checkpoints.clone());
    Outlets {
        sinks: sinks.collect(),
        report: Box::new(move |report| drop(events.send(Event::Report(report)))),
        digests: ports.digests,
        kept,
        checkpoint: Box::new(move |epoch, sums| drop(checkpoints.send(CutReport { epoch, sums }))),
        read: Arc::clone(read),
    }
}

/// What a worker goes on with.
struct Working {
    /// None when all epochs are closed, and nothing new comes.
    inputs: Option<Inputs>,
    wanted: CheckpointWanted,
    feeds: Receiver<Feed>,
    open: u64,
}

impl Working {
    fn begin(
        worker: &mut timely::worker::Worker,
        plan: &Arc<Plan>,
        ports: &Ports,
        kept: u64,
        read: &Arc<AtomicU64>,
        feeds: Receiver<Feed>,
    ) -> Self {
        let (index, outlets) = (worker.index(), outlets(ports, kept, read));
        let wanted = CheckpointWanted::default();
        let inputs = worker.dataflow(|scope| render(scope, plan, index, Rc::clone(&wanted), outlets));
        Self { inputs: Some(inputs), wanted, feeds, open: 0 }
    }

    /// Takes the next feed, and computes; waits for one if there is none.
    fn go_on(&mut self, worker: &mut timely::worker::Worker, patience: Patience) -> Turn {
        let Some(inputs) = &mut self.inputs else {
            return if rest(worker, patience) { Turn::Busy } else { Turn::Over };
        };
        match self.feeds.try_recv() {
            Ok(Feed::Records(source, raw)) => {
                inputs.records[source].send(raw);
                inputs.records[source].flush();
                worker.step();
            }
            Ok(Feed::Restored(cut, entries)) => {
                if let Some(input) = inputs.restored.get_mut(&cut) {
                    entries.into_iter().for_each(|entry| input.send(entry));
                    input.flush();
                }
                worker.step();
            }
            Ok(Feed::Whole) => inputs.restored.clear(),
            Ok(Feed::Checkpoint) => self.wanted.set(Some(self.open)),
            Ok(Feed::Open(epoch)) => {
                self.open = epoch;
                inputs.records.iter_mut().for_each(|input| input.advance_to(epoch));
                inputs.restored.values_mut().for_each(|input| input.advance_to(epoch));
                worker.step();
            }
            Err(TryRecvError::Empty) => {
                rest(worker, patience);
                return Turn::Idle;
            }
            Err(TryRecvError::Disconnected) => self.inputs = None,
        }
        Turn::Busy
    }
}

/// Computes what is left to compute, and waits for more if it may; false if the dataflow is complete.
fn rest(worker: &mut timely::worker::Worker, patience: Patience) -> bool {
    match patience {
        Patience::Waits => worker.step_or_park(Some(PARK)),
        // What one step sends is received by the next.
        Patience::Hurries => (0..2).all(|_| worker.step()),
    }
}
