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
use super::cut::{Cut, CutBook, CutEntry, CutSums};
use super::cut_value::CutValue;
use super::digests::{Digested, ExitDigests, ReportBook};
use super::gathered::epoch;
use super::node_input::{CutInput, NodeInput, Restored, Rows};
use super::outlet::{self, CheckpointWanted, Passing, SinkOutlet, WorkerReport};
use super::scan::{RawBatch, Scan};
use super::stateful_region::region;
use super::{Diff, Epoch};
use crate::error_row::ErrorRow;

/// Where a worker puts records, and what a checkpoint has kept.
pub struct Inputs {
    /// Records: one input a source.
    pub records: Vec<InputHandle<Epoch, CapacityContainerBuilder<Vec<RawBatch>>>>,
    /// What has passed each cut before. Dropped when all is put back.
    pub restored: BTreeMap<Cut, InputHandle<Epoch, CapacityContainerBuilder<Vec<CutEntry>>>>,
}

/// Where a worker's results go.
pub struct Outlets {
    /// One for each sink that is fed, by its place.
    pub sinks: BTreeMap<usize, SinkOutlet>,
    /// Where to tell what has failed and what became of records.
    pub report: Box<dyn Fn(WorkerReport)>,
    /// Whether digests are noted.
    pub digests: bool,
    /// The last epoch whose changes are in a checkpoint already.
    pub kept: Epoch,
    /// Takes what has passed the cuts up to an epoch, when a checkpoint was asked for.
    pub checkpoint: Box<dyn Fn(Epoch, CutSums)>,
    /// Counts records as soon as they are read, for those who watch.
    pub read: Arc<AtomicU64>,
}

type Errors<'scope> = Stream<'scope, Epoch, Vec<(ErrorRow, Diff)>>;

/// What has been rendered so far.
#[derive(Default)]
struct Rendered<'scope> {
    of_sources: BTreeMap<Target, Vec<Rows<'scope>>>,
    of_nodes: BTreeMap<Target, Vec<Rows<'scope>>>,
    errors: Vec<Errors<'scope>>,
    clocks: BTreeMap<usize, Stream<'scope, Epoch, Vec<i64>>>,
}

impl<'scope> Rendered<'scope> {
    /// Everything that flows into a sink.
    fn take_sink(&mut self, scope: Scope<'scope, Epoch>, sink: usize) -> Rows<'scope> {
        let target = Target::Sink(sink);
        let (of_sources, of_nodes) = (self.of_sources.remove(&target), self.of_nodes.remove(&target));
        scope.concatenate(of_sources.into_iter().chain(of_nodes).flatten())
    }
}

fn add_exits<'scope>(rows: &mut BTreeMap<Target, Vec<Rows<'scope>>>, exits: &[Exit], streams: Vec<Rows<'scope>>) {
    for (exit, stream) in exits.iter().zip(streams) {
        rows.entry(exit.target).or_default().push(stream);
    }
}

/// The books that a worker keeps.
struct Books {
    report: ReportBook,
    cuts: Rc<RefCell<CutBook>>,
    read: Arc<AtomicU64>,
}

/// Builds the plan's dataflow on one worker. A checkpoint is asked for by setting `wanted` to its epoch before that epoch is closed.
pub fn render(
    scope: Scope<'_, Epoch>,
    plan: &Arc<Plan>,
    worker: usize,
    wanted: CheckpointWanted,
    outlets: Outlets,
) -> Inputs {
    let books =
        Books { report: ReportBook::new(outlets.digests), cuts: CutBook::new(outlets.kept), read: outlets.read };
    let mut rendered = Rendered::default();
    let mut inputs = Inputs { records: Vec::new(), restored: BTreeMap::new() };
    for source in 0..plan.sources.len() {
        let (input, records) = scope.new_input::<Vec<RawBatch>>();
        inputs.records.push(input);
        let times = inputs.restore(scope, Cut::Source(source));
        scan(records, times, plan, source, &books, &mut rendered);
    }
    for (at, node) in plan.nodes.iter().enumerate() {
        let of_sources = rendered.of_sources.remove(&Target::Node(at)).map(|streams| CutInput {
            rows: scope.concatenate(streams),
            page: CutBook::page(&books.cuts, Cut::Node(at)),
            restored: inputs.restore(scope, Cut::Node(at)),
        });
        let of_nodes = rendered.of_nodes.remove(&Target::Node(at)).map(|streams| scope.concatenate(streams));
        let input = NodeInput { of_sources, of_nodes };
        let rows = match &node.operator {
            Stateful::Distinct => distinct(scope, input, plan, at),
            Stateful::Top(plan_form) => top(scope, input, plan, at, plan_form),
            Stateful::Latest(plan_form) => {
                let clocks = node.clocks.iter().filter_map(|source| rendered.clocks.get(source).cloned());
                let clock = scope.concatenate(clocks.collect::<Vec<_>>());
                latest(scope, input, clock, plan, at, plan_form)
            }
            Stateful::GroupBy(plan_form) => {
                let (rows, errors) = group_by(scope, input, plan, at, plan_form);
                rendered.errors.push(errors);
                rows
            }
        };
        let (exits, errors) = region(rows, plan, at, &books.report);
        rendered.errors.push(errors);
        add_exits(&mut rendered.of_nodes, &node.region.exits, exits);
    }
    for (at, outlet) in outlets.sinks {
        let rows = rendered.take_sink(scope, at);
        outlet::rows(rows, worker, outlet);
    }
    let errors = scope.concatenate(std::mem::take(&mut rendered.errors));
    let passing = Passing { wanted, cuts: books.cuts, checkpoint: outlets.checkpoint };
    outlet::errors(errors, worker, books.report, passing, outlets.report);
    inputs
}

impl Inputs {
    /// A stream of what a checkpoint has kept of a cut.
    fn restore<'scope>(&mut self, scope: Scope<'scope, Epoch>, cut: Cut) -> Restored<'scope> {
        let (input, restored) = scope.new_input::<Vec<CutEntry>>();
        self.restored.insert(cut, input);
        restored
    }
}

/// A source's scan: one output an exit, one for errors, one for how far event time has come.
fn scan<'scope>(
    records: Stream<'scope, Epoch, Vec<RawBatch>>,
    times: Restored<'scope>,
    plan: &Arc<Plan>,
    source: usize,
    books: &Books,
    rendered: &mut Rendered<'scope>,
) {
    let node = &plan.sources[source];
    let mut builder = OperatorBuilder::new(format!("scan {}", node.name), records.scope());
    let mut input = builder.new_input(records, Pipeline);
    let mut restored = builder.new_input(times, Pipeline);
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
    let (book, read) = (books.report.clone(), Arc::clone(&books.read));
    let mut leaving = ExitDigests::new(&book, &node.region.exits);
    let page = CutBook::page(&books.cuts, Cut::Source(source));
    let mut scan = Scan::new(Arc::clone(plan), source, book.takes_digests());
    builder.build(move |_capabilities| {
        move |_frontiers| {
            let mut exits: Vec<_> = exits.iter_mut().map(OutputBuilder::activate).collect();
            let (mut failed, mut ticking) = (failed.activate(), ticking.activate());
            // What was put back was sent before any record.
            restored.for_each(|stamp, entries| {
                for (partition, greatest) in entries.drain(..) {
                    let greatest = greatest.greatest();
                    scan.restore(&partition, greatest);
                    ticking.session(&stamp).give(greatest);
                }
            });
            input.for_each(|stamp, records| {
                let epoch = epoch(&stamp);
                for raw in records.drain(..) {
                    let scanned = scan.scan(&raw);
                    for (exit, batch) in scanned.exits {
                        leaving.note(epoch, exit, &batch);
                        exits[exit].session(&stamp).give(batch);
                    }
                    failed.session(&stamp).give_iterator(scanned.errors.into_iter().map(|error| (error, 1)));
                    failed.session(&stamp).give_iterator(scanned.retracted.into_iter().map(|error| (error, -1)));
                    if let Some(moved) = scanned.moved {
                        book.note(epoch, |report| report.add_moved(source, &moved));
                        continue;
                    }
                    if let Some(clock) = scanned.clock {
                        let partition = raw.partition.id.as_bytes().into();
                        page.note(epoch, || [(partition, CutValue::Greatest(clock))]);
                        ticking.session(&stamp).give(clock);
                    }
                    book.note_digest(epoch, Digested::Source(source), || scanned.digest);
                    book.note(epoch, |report| report.add_ledger(source, &scanned.ledger));
                    read.fetch_add(scanned.ledger.read, Ordering::Relaxed);
                }
            });
        }
    });
    add_exits(&mut rendered.of_sources, &node.region.exits, streams);
    rendered.errors.push(errors);
    rendered.clocks.insert(source, clock.broadcast());
}
