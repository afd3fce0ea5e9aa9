//! Where rows and errors leave the dataflow: epoch by epoch, once the worker has passed it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;
use timely::progress::frontier::MutableAntichain;

use crate::digest::Digest;
use crate::error_row::ErrorRow;
use crate::ledger::Ledger;
use crate::plan::OnError;

use super::cut::{CutBook, CutSums};
use super::digests::{Digested, ReportBook};
use super::gathered::epoch;
use super::{Batch, Diff, Epoch};

/// What a worker sends to a sink's committer.
#[derive(Debug)]
pub struct Outlet {
    /// The worker.
    pub worker: usize,
    /// Rows, by epoch.
    pub batches: Vec<(Epoch, Batch)>,
    /// The worker has sent everything below this epoch.
    pub through: Epoch,
}

/// What a worker tells the coordinator about epochs that it has passed.
#[derive(Debug)]
pub struct WorkerReport {
    /// The worker.
    pub worker: usize,
    /// What happened, by epoch.
    pub epochs: BTreeMap<Epoch, EpochReport>,
    /// The worker has passed everything below this epoch.
    pub through: Epoch,
}

/// What one epoch did on one worker.
#[derive(Debug, Default)]
pub struct EpochReport {
    /// What failed, and what failed before and no longer does.
    pub errors: Vec<(ErrorRow, Diff)>,
    /// How many more errors there are that are only counted, less those that are taken back.
    pub skipped: Diff,
    /// What became of the records, by the source's place in the plan.
    pub ledgers: BTreeMap<usize, Ledger>,
    /// What became of records that were read again, and before, by source.
    pub moved: BTreeMap<usize, Moved>,
    /// Of what was read and made.
    pub digests: BTreeMap<Digested, Digest>,
}

/// Records that are no longer what they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// What became of them at first.
    pub from: Ledger,
    /// What became of them now.
    pub to: Ledger,
}

impl EpochReport {
    /// Adds what became of some records of a source.
    pub(super) fn add_ledger(&mut self, source: usize, ledger: &Ledger) {
        self.ledgers.entry(source).or_default().add(ledger);
    }

    /// Adds what became of a record that was read again.
    pub(super) fn add_moved(&mut self, source: usize, moved: &Moved) {
        let known = self.moved.entry(source).or_default();
        known.from.add(&moved.from);
        known.to.add(&moved.to);
    }

    /// Adds what another worker has reported.
    pub(crate) fn add(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.skipped += other.skipped;
        other.ledgers.iter().for_each(|(source, ledger)| self.add_ledger(*source, ledger));
        other.moved.iter().for_each(|(source, moved)| self.add_moved(*source, moved));
        for (of, part) in other.digests {
            self.digests.entry(of).or_default().merge(part);
        }
    }
}

/// The epoch of the next checkpoint, if one is asked for.
pub type CheckpointWanted = Rc<Cell<Option<Epoch>>>;

/// Gives away what has passed the cuts when a checkpoint is due.
pub(super) struct Passing {
    pub(super) wanted: CheckpointWanted,
    pub(super) cuts: Rc<RefCell<CutBook>>,
    pub(super) checkpoint: Box<dyn Fn(Epoch, CutSums)>,
}

impl Passing {
    /// Every operator of a worker has a way to its errors: where those have passed an epoch, all cuts have.
    fn look(&self, through: Epoch) {
        if let Some(epoch) = self.wanted.get().filter(|epoch| *epoch < through) {
            self.wanted.set(None);
            (self.checkpoint)(epoch, self.cuts.borrow_mut().take(epoch));
        }
        // A checkpoint is asked for before its epoch ends, so none can still be wanted of what has passed.
        self.cuts.borrow_mut().close(through);
    }
}

/// The first epoch that may still change.
fn through(frontier: &MutableAntichain<Epoch>) -> Epoch {
    frontier.frontier().first().copied().unwrap_or(Epoch::MAX)
}

/// Where a sink's rows go.
pub struct SinkOutlet {
    /// The sink needs nothing up to this epoch: such rows end here.
    pub held: Epoch,
    /// Sees every batch as soon as it has come.
    pub received: Box<dyn Fn(&Batch)>,
    /// Takes the batches of epochs that are passed.
    pub send: Box<dyn Fn(Outlet)>,
}

/// Sends rows to a sink's committer.
pub(super) fn rows(stream: Stream<'_, Epoch, Vec<Batch>>, worker: usize, outlet: SinkOutlet) {
    let mut pending: BTreeMap<Epoch, Vec<Batch>> = BTreeMap::new();
    let mut sent = 0;
    stream.sink(Pipeline, "sink", move |(input, frontier)| {
        input.for_each(|stamp, batches| {
            let epoch = epoch(&stamp);
            if epoch > outlet.held {
                let batches = batches.drain(..).map(Batch::compact).inspect(|batch| (outlet.received)(batch));
                pending.entry(epoch).or_default().extend(batches);
            }
        });
        let through = through(frontier);
        if through > sent {
            sent = through;
            let later = pending.split_off(&through);
            let passed = std::mem::replace(&mut pending, later);
            let batches = passed
                .into_iter()
                .flat_map(|(epoch, batches)| batches.into_iter().map(move |batch| (epoch, batch)))
                .collect();
            (outlet.send)(Outlet { worker, batches, through });
        }
    });
}

/// Tells the coordinator what has failed, and what operators have noted down.
pub(super) fn errors(
    stream: Stream<'_, Epoch, Vec<(ErrorRow, Diff)>>,
    worker: usize,
    book: ReportBook,
    passing: Passing,
    send: impl Fn(WorkerReport) + 'static,
) {
    let mut pending: BTreeMap<Epoch, EpochReport> = BTreeMap::new();
    let mut sent = 0;
    stream.sink(Pipeline, "errors", move |(input, frontier)| {
        input.for_each(|stamp, errors| {
            let epoch = epoch(&stamp);
            let report = pending.entry(epoch).or_default();
            for (error, diff) in errors.drain(..) {
                match error.policy {
                    OnError::Skip => report.skipped += diff,
                    OnError::Fail | OnError::DeadLetter => report.errors.push((error, diff)),
                }
            }
        });
        let through = through(frontier);
        if through > sent {
            sent = through;
            let later = pending.split_off(&through);
            let mut epochs = std::mem::replace(&mut pending, later);
            for (epoch, noted) in book.take(through) {
                epochs.entry(epoch).or_default().add(noted);
            }
            send(WorkerReport { worker, epochs, through });
            passing.look(through);
        }
    });
}
