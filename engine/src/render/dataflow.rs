//! The walk over a plan: every source, every node after those that feed it, every sink.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Concatenate, Input};
use timely::dataflow::{InputHandle, Scope, Stream};

use crate::operator::{Stateful, distinct, group_by, latest, top};
use crate::plan::{Exit, Plan, Target};

use super::batch::Batch;
use super::gathered::epoch;
use super::outlet::{self, LedgerBook, SinkOutlet, WorkerReport};
use super::scan::{RawBatch, Scan};
use super::stateful_region::region;
use super::{Diff, Epoch};
use crate::error_row::ErrorRow;

/// Where a worker puts records: one input a source.
pub type Inputs = Vec<InputHandle<Epoch, CapacityContainerBuilder<Vec<RawBatch>>>>;

/// Where a worker's results go.
pub struct Outlets {
    /// One for each sink.
    pub sinks: Vec<SinkOutlet>,
    /// The last epoch whose errors are written already.
    pub past: Epoch,
    /// Where to tell what has failed and what became of records.
    pub report: Box<dyn Fn(WorkerReport)>,
    /// Counts records as soon as they are read, for those who watch.
    pub read: Arc<AtomicU64>,
}

type Rows<'scope> = Stream<'scope, Epoch, Vec<Batch>>;
type Errors<'scope> = Stream<'scope, Epoch, Vec<(ErrorRow, Diff)>>;

/// What has been rendered so far.
#[derive(Default)]
struct Rendered<'scope> {
    rows: BTreeMap<Target, Vec<Rows<'scope>>>,
    errors: Vec<Errors<'scope>>,
    clocks: BTreeMap<usize, Stream<'scope, Epoch, Vec<i64>>>,
}

impl<'scope> Rendered<'scope> {
    fn add_exits(&mut self, exits: &[Exit], streams: Vec<Rows<'scope>>) {
        for (exit, stream) in exits.iter().zip(streams) {
            self.rows.entry(exit.target).or_default().push(stream);
        }
    }

    /// Everything that flows into a target.
    fn take_target(&mut self, scope: Scope<'scope, Epoch>, target: Target) -> Rows<'scope> {
        scope.concatenate(self.rows.remove(&target).unwrap_or_default())
    }
}

/// Builds the plan's dataflow on one worker.
pub fn render(scope: Scope<'_, Epoch>, plan: &Arc<Plan>, worker: usize, outlets: Outlets) -> Inputs {
    let book = LedgerBook::default();
    let mut rendered = Rendered::default();
    let mut inputs = Vec::new();
    for source in 0..plan.sources.len() {
        let (input, records) = scope.new_input::<Vec<RawBatch>>();
        inputs.push(input);
        scan(records, plan, source, (&book, &outlets.read), &mut rendered);
    }
    for (at, node) in plan.nodes.iter().enumerate() {
        let rows = rendered.take_target(scope, Target::Node(at));
        let rows = match &node.operator {
            Stateful::Distinct => distinct(rows, plan, at),
            Stateful::Top(plan_form) => top(rows, plan, at, plan_form),
            Stateful::Latest(plan_form) => {
                let clocks = node.clocks.iter().filter_map(|source| rendered.clocks.get(source).cloned());
                let clock = scope.concatenate(clocks.collect::<Vec<_>>());
                latest(rows, clock, plan, at, plan_form)
            }
            Stateful::GroupBy(plan_form) => {
                let (rows, errors) = group_by(rows, plan, at, plan_form);
                rendered.errors.push(errors);
                rows
            }
        };
        let (exits, errors) = region(rows, plan, at);
        rendered.errors.push(errors);
        rendered.add_exits(&node.region.exits, exits);
    }
    for (at, outlet) in outlets.sinks.into_iter().enumerate() {
        let rows = rendered.take_target(scope, Target::Sink(at));
        outlet::rows(rows, worker, outlet);
    }
    let errors = scope.concatenate(std::mem::take(&mut rendered.errors));
    outlet::errors(errors, worker, book, outlets.past, outlets.report);
    inputs
}

/// A source's scan: one output an exit, one for errors, one for how far event time has come.
fn scan<'scope>(
    records: Stream<'scope, Epoch, Vec<RawBatch>>,
    plan: &Arc<Plan>,
    source: usize,
    (book, read): (&LedgerBook, &Arc<AtomicU64>),
    rendered: &mut Rendered<'scope>,
) {
    let node = &plan.sources[source];
    let mut builder = OperatorBuilder::new(format!("scan {}", node.name), records.scope());
    let mut input = builder.new_input(records, Pipeline);
    let mut exits = Vec::new();
    let mut streams = Vec::new();
    for _ in &node.region.exits {
        let (output, stream) = builder.new_output::<Vec<Batch>>();
        exits.push(OutputBuilder::from(output));
        streams.push(stream);
    }
    let (output, errors) = builder.new_output::<Vec<(ErrorRow, Diff)>>();
    let mut failed = OutputBuilder::from(output);
    let (output, clock) = builder.new_output::<Vec<i64>>();
    let mut ticking = OutputBuilder::from(output);
    let (book, read) = (Rc::clone(book), Arc::clone(read));
    let mut scan = Scan::new(Arc::clone(plan), source);
    builder.build(move |_capabilities| {
        move |_frontiers| {
            let mut exits: Vec<_> = exits.iter_mut().map(OutputBuilder::activate).collect();
            let (mut failed, mut ticking) = (failed.activate(), ticking.activate());
            input.for_each(|stamp, records| {
                let epoch = epoch(&stamp);
                for raw in records.drain(..) {
                    let scanned = scan.scan(&raw);
                    for (exit, batch) in scanned.exits {
                        exits[exit].session(&stamp).give(batch);
                    }
                    failed.session(&stamp).give_iterator(scanned.errors.into_iter().map(|error| (error, 1)));
                    ticking.session(&stamp).give_iterator(scanned.clock.into_iter());
                    note(&book, epoch, source, &scanned.ledger);
                    read.fetch_add(scanned.ledger.read, Ordering::Relaxed);
                }
            });
        }
    });
    rendered.add_exits(&node.region.exits, streams);
    rendered.errors.push(errors);
    rendered.clocks.insert(source, clock.broadcast());
}

fn note(
    book: &Rc<RefCell<BTreeMap<Epoch, BTreeMap<usize, crate::ledger::Ledger>>>>,
    epoch: Epoch,
    source: usize,
    ledger: &crate::ledger::Ledger,
) {
    book.borrow_mut().entry(epoch).or_default().entry(source).or_default().add(ledger);
}
