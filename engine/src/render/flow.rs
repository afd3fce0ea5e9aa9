//! Runs a region over one batch: its steps in order, all vectorised.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::filter;

use crate::expr::Failure;
use crate::plan::{At, Condition, Late, Projection, Region, RowOp, Step};
use crate::schema::Schema;

use super::batch::{filter_diffs, filter_rows, project_rows, record_batch};

/// Rows on their way through a region.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) rows: RecordBatch,
    /// One a row; none if each is added once.
    pub(super) diffs: Option<Int64Array>,
    /// The place of each row's record, or of the row in the batch that came in.
    pub(super) places: UInt32Array,
}

impl Flow {
    /// The rows where `mask` is true.
    pub(super) fn keep(&self, mask: &BooleanArray) -> Self {
        if mask.true_count() == mask.len() {
            return self.clone();
        }
        let places = filter(&self.places, mask).expect("the mask has one value a row");
        Self {
            rows: filter_rows(&self.rows, mask),
            diffs: self.diffs.as_ref().map(|diffs| filter_diffs(diffs, mask)),
            places: places.as_any().downcast_ref::<UInt32Array>().expect("filtering keeps the type").clone(),
        }
    }
}

/// An operator in which a row fails.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operator<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// The names of the operators up to it.
    pub(super) way: &'a str,
}

impl<'a> Operator<'a> {
    fn of(step: &'a Step) -> Self {
        Self { name: &step.name, way: &step.way }
    }
}

/// What a region does with the rows of a batch.
pub(super) trait FlowTarget {
    /// Rows leave at exit number `exit`.
    fn exit(&mut self, exit: usize, flow: Flow);
    /// The row at `row` of `flow` has failed in the operator `operator`.
    fn fail(&mut self, operator: Operator<'_>, flow: &Flow, failure: &Failure);
    /// The row at `row` of `flow` came late, and `operator` takes it out.
    fn late(&mut self, operator: Operator<'_>, flow: &Flow, row: usize, late: Late);
}

/// Sends `input` through the region.
pub(super) fn run(region: &Region, input: Flow, target: &mut impl FlowTarget) {
    let mut flows: BTreeMap<At, Flow> = BTreeMap::from([(At::Root, input)]);
    let mut uses = uses(region);
    leave(region, At::Root, &mut flows, &mut uses, target);
    for (index, step) in region.steps.iter().enumerate() {
        let flow = take(step.input, &mut flows, &mut uses);
        match &step.op {
            RowOp::Filter(condition) => {
                let kept = flow.keep(&select(condition, Operator::of(step), &flow, target));
                flows.insert(At::Step(index), kept);
            }
            RowOp::Project(columns, schema) => {
                let projected = project(columns, schema, Operator::of(step), &flow, target);
                flows.insert(At::Step(index), projected);
            }
            RowOp::OnTime(column, late) => {
                let is_late = flow.rows.column(*column).as_boolean().clone();
                for row in is_late.values().set_indices() {
                    target.late(Operator::of(step), &flow, row, *late);
                }
                let on_time = BooleanArray::new(!is_late.values(), None);
                flows.insert(At::Step(index), flow.keep(&on_time));
            }
            RowOp::Route(arms) => {
                for (arm, flow) in route(arms, Operator::of(step), flow, target).into_iter().enumerate() {
                    flows.insert(At::Arm(index, arm), flow);
                    leave(region, At::Arm(index, arm), &mut flows, &mut uses, target);
                }
            }
        }
        leave(region, At::Step(index), &mut flows, &mut uses, target);
    }
}

/// How many steps and exits take rows from each place.
fn uses(region: &Region) -> BTreeMap<At, usize> {
    let mut uses = BTreeMap::new();
    let places = region.steps.iter().map(|step| step.input).chain(region.exits.iter().map(|exit| exit.at));
    for at in places {
        *uses.entry(at).or_default() += 1;
    }
    uses
}

/// The rows at a place; the last to take them takes them away.
fn take(at: At, flows: &mut BTreeMap<At, Flow>, uses: &mut BTreeMap<At, usize>) -> Flow {
    let left = uses.get_mut(&at).expect("every place that is taken from was counted");
    *left -= 1;
    let flow = if *left == 0 { flows.remove(&at) } else { flows.get(&at).cloned() };
    flow.expect("steps come after the places that they take from")
}

fn leave(
    region: &Region,
    at: At,
    flows: &mut BTreeMap<At, Flow>,
    uses: &mut BTreeMap<At, usize>,
    target: &mut impl FlowTarget,
) {
    for (index, exit) in region.exits.iter().enumerate().filter(|(_, exit)| exit.at == at) {
        let mut flow = take(at, flows, uses);
        flow.rows = project_rows(&flow.rows, &exit.columns);
        if flow.rows.num_rows() > 0 {
            target.exit(index, flow);
        }
    }
}

/// Which rows meet a condition; those that fail do not, and are reported.
pub(super) fn select(
    condition: &Condition,
    operator: Operator<'_>,
    flow: &Flow,
    target: &mut impl FlowTarget,
) -> BooleanArray {
    let selected = condition.predicate.select(&flow.rows);
    for failure in &selected.failures {
        target.fail(operator, flow, failure);
    }
    selected.rows
}

fn project(
    columns: &[Projection],
    schema: &Schema,
    operator: Operator<'_>,
    flow: &Flow,
    target: &mut impl FlowTarget,
) -> Flow {
    let mut failed: BTreeMap<u32, Failure> = BTreeMap::new();
    let arrays = columns
        .iter()
        .map(|column| match column {
            Projection::Column(at) => flow.rows.column(*at).clone(),
            Projection::Computed(evaluator) => {
                let evaluated = evaluator.evaluate(&flow.rows);
                for failure in evaluated.failures {
                    failed.entry(failure.row).or_insert(failure);
                }
                evaluated.values
            }
        })
        .collect();
    let rows = RowsOf { schema, arrays, count: flow.rows.num_rows() };
    if failed.is_empty() {
        return Flow { rows: rows.batch(), diffs: flow.diffs.clone(), places: flow.places.clone() };
    }
    for failure in failed.values() {
        target.fail(operator, flow, failure);
    }
    let sound: BooleanArray = (0..flow.rows.num_rows()).map(|row| Some(!failed.contains_key(&(row as u32)))).collect();
    rows.keep(flow, &sound)
}

/// New columns of a flow; values of failed rows are null, so the rows that failed must go before the schema holds.
struct RowsOf<'a> {
    schema: &'a Schema,
    arrays: Vec<arrow::array::ArrayRef>,
    count: usize,
}

impl RowsOf<'_> {
    fn batch(self) -> RecordBatch {
        record_batch(self.schema.arrow(), self.arrays, self.count)
    }

    fn keep(self, flow: &Flow, sound: &BooleanArray) -> Flow {
        let arrays =
            self.arrays.iter().map(|array| filter(array, sound).expect("the mask has one value a row")).collect();
        let places = filter(&flow.places, sound).expect("the mask has one value a row");
        Flow {
            rows: record_batch(self.schema.arrow(), arrays, sound.true_count()),
            diffs: flow.diffs.as_ref().map(|diffs| filter_diffs(diffs, sound)),
            places: places.as_any().downcast_ref::<UInt32Array>().expect("filtering keeps the type").clone(),
        }
    }
}

fn route(arms: &[Option<Condition>], operator: Operator<'_>, flow: Flow, target: &mut impl FlowTarget) -> Vec<Flow> {
    let mut rest = flow;
    let mut taken = Vec::with_capacity(arms.len());
    for arm in arms {
        let Some(condition) = arm else {
            let nothing: BooleanArray = vec![false; rest.rows.num_rows()].into();
            let nothing = rest.keep(&nothing);
            taken.push(std::mem::replace(&mut rest, nothing));
            continue;
        };
        let selected = condition.predicate.select(&rest.rows);
        let mut left: Vec<bool> = selected.rows.values().iter().map(|met| !met).collect();
        for failure in &selected.failures {
            target.fail(operator, &rest, failure);
            left[failure.row as usize] = false;
        }
        taken.push(rest.keep(&selected.rows));
        rest = rest.keep(&BooleanArray::from(left));
    }
    taken
}
