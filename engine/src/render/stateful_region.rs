//! The row-wise operators behind a stateful operator.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

use crate::expr::Failure;
use crate::plan::{Late, OnError, Plan};

use super::batch::Batch;
use super::digests::{Digested, ExitDigests, ReportBook, RowDigester};
use super::flow::{Flow, FlowTarget, Operator, run};
use super::gathered::epoch;
use super::row_json::row_json;
use super::{Diff, Epoch};
use crate::error_row::ErrorRow;

/// Streams of batches, one for each exit, and the errors.
pub(crate) type Exits<'scope> = (Vec<Stream<'scope, Epoch, Vec<Batch>>>, Stream<'scope, Epoch, Vec<(ErrorRow, Diff)>>);

/// Runs the region of node `node` over its output; digests of that, and of what leaves for sinks, go into the book.
pub(crate) fn region<'scope>(
    rows: Stream<'scope, Epoch, Vec<Batch>>,
    plan: &Arc<Plan>,
    node: usize,
    book: &ReportBook,
) -> Exits<'scope> {
    let mut builder = OperatorBuilder::new(format!("region {}", plan.nodes[node].name), rows.scope());
    let mut input = builder.new_input(rows, Pipeline);
    let mut exits = Vec::new();
    let mut streams = Vec::new();
    for _ in &plan.nodes[node].region.exits {
        let (output, stream) = builder.new_output::<Vec<Batch>>();
        exits.push(OutputBuilder::from(output));
        streams.push(stream);
    }
    let (output, errors) = builder.new_output::<Vec<(ErrorRow, Diff)>>();
    let mut failed = OutputBuilder::from(output);
    let (plan, book) = (Arc::clone(plan), book.clone());
    let mut leaving = ExitDigests::new(&book, &plan.nodes[node].region.exits);
    let mut digester = RowDigester::default();
    builder.build(move |_capabilities| {
        move |_frontiers| {
            let mut exits: Vec<_> = exits.iter_mut().map(OutputBuilder::activate).collect();
            let mut failed = failed.activate();
            input.for_each(|stamp, batches| {
                let epoch = epoch(&stamp);
                for batch in batches.drain(..) {
                    book.note_digest(epoch, Digested::Node(node), || digester.of_batch(&batch));
                    let mut target = RegionTarget::new(&plan, node, &batch);
                    let places = UInt32Array::from_iter_values(0..batch.rows.num_rows() as u32);
                    run(
                        &plan.nodes[node].region,
                        Flow { rows: batch.rows.clone(), diffs: batch.diffs.clone(), places },
                        &mut target,
                    );
                    for (exit, batch) in std::mem::take(&mut target.exits) {
                        leaving.note(epoch, exit, &batch);
                        exits[exit].session(&stamp).give(batch);
                    }
                    failed.session(&stamp).give_iterator(std::mem::take(&mut target.errors).into_values());
                }
            });
        }
    });
    (streams, errors)
}

/// Collects what leaves the region of a node.
struct RegionTarget<'a> {
    plan: &'a Plan,
    node: usize,
    input: &'a Batch,
    exits: Vec<(usize, Batch)>,
    errors: BTreeMap<u32, (ErrorRow, Diff)>,
}

impl<'a> RegionTarget<'a> {
    fn new(plan: &'a Plan, node: usize, input: &'a Batch) -> Self {
        Self { plan, node, input, exits: Vec::new(), errors: BTreeMap::new() }
    }
}

impl FlowTarget for RegionTarget<'_> {
    fn late(&mut self, _operator: Operator<'_>, _flow: &Flow, _row: usize, _late: Late) {
        unreachable!("the check lets only rows of a source come late");
    }

    fn exit(&mut self, exit: usize, flow: Flow) {
        self.exits.push((exit, Batch { rows: flow.rows, diffs: flow.diffs, origin: None }));
    }

    fn fail(&mut self, operator: Operator<'_>, flow: &Flow, failure: &Failure) {
        let place = flow.places.value(failure.row as usize);
        let policy = self.plan.nodes[self.node].on_error;
        self.errors.entry(place).or_insert_with(|| {
            let row = row_error(
                operator.name,
                &self.input.rows,
                place as usize,
                failure.code,
                failure.message.clone(),
                policy,
            );
            (row, self.input.diff(place as usize))
        });
    }
}

/// An error of a row that is no record's alone.
pub(crate) fn row_error(
    operator: &str,
    rows: &RecordBatch,
    row: usize,
    code: &'static str,
    message: String,
    policy: OnError,
) -> ErrorRow {
    ErrorRow {
        operator: Arc::from(operator),
        origin: None,
        code,
        message,
        bytes: Some(row_json(&rows.slice(row, 1))),
        policy,
    }
}
