//! The operators and arrangements of a group_by.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::operators::{CountTotal, ThresholdTotal};
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::{Concatenate, Operator};
use timely::dataflow::{Scope, Stream};

use crate::error_row::ErrorRow;
use crate::operator::group_by::GroupBy;
use crate::plan::Plan;
use crate::render::batch::Batch;
use crate::render::cut::CutPage;
use crate::render::gathered::{Gathered, epoch};
use crate::render::node_input::{CutInput, NodeInput, Restored, Rows};
use crate::render::row_bytes::RowBytes;
use crate::render::smallest::smallest;
use crate::render::{Diff, Epoch};

use super::accumulators::Accumulators;
use super::cut;
use super::finish::{Finisher, Group};
use super::fold::{Folded, Folder, Groups};
use super::layout::Layout;

/// Rows of the groups, and groups whose aggregates are out of range.
pub(crate) type RowsAndErrors<'scope> =
    (Stream<'scope, Epoch, Vec<Batch>>, Stream<'scope, Epoch, Vec<(ErrorRow, Diff)>>);

/// What one branch knows of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Part {
    Accumulators(Accumulators),
    Best(u32, RowBytes),
    Distinct(u32, i64),
}

pub(crate) fn group_by<'scope>(
    scope: Scope<'scope, Epoch>,
    input: NodeInput<'scope>,
    plan: &Arc<Plan>,
    node: usize,
    group_by: &GroupBy,
) -> RowsAndErrors<'scope> {
    let layout = || Layout::new(group_by, &plan.nodes[node].input, plan.nodes[node].input_appends);
    let folder = || Folder::new(layout(), &plan.nodes[node].input, group_by.keys);
    let mut folded = Vec::new();
    if let Some(CutInput { rows, page, restored }) = input.of_sources {
        folded.push(fold(rows, folder(), Some(page)));
        folded.push(restore(restored));
    }
    folded.extend(input.of_nodes.map(|rows| fold(rows, folder(), None)));
    let (accumulators, best, distinct) = part(scope.concatenate(folded));
    let added = VecCollection::new(accumulators).count_total_core::<Diff>();
    let parts = if layout().is_all_in_diff() {
        added.map(|(key, accumulators)| (key, vec![Part::Accumulators(accumulators)]))
    } else {
        collate(added, best.as_collection(), distinct.as_collection())
    };
    finish(parts.inner, plan, node, Finisher::new(layout(), &plan.nodes[node], group_by.keys), layout())
}

/// A group's parts, at an epoch.
type Parts = ((RowBytes, Vec<Part>), Epoch, Diff);

/// A value of a group: its key, which aggregate's it is, its bytes.
type Valued = ((RowBytes, u32, RowBytes), Epoch, Diff);

/// Folds each epoch's rows and lets them go when the epoch has passed.
fn fold<'scope>(rows: Rows<'scope>, folder: Folder, page: Option<CutPage>) -> Stream<'scope, Epoch, Vec<Groups>> {
    rows.unary_frontier(Pipeline, "group_by: fold", move |_capability, _info| {
        let mut gathered = Gathered::<Folded>::new();
        move |(input, frontier), output| {
            input.for_each(|stamp, batches| {
                let folded = gathered.at(&stamp, || folder.start());
                for batch in batches.drain(..) {
                    folder.fold(folded, &batch);
                }
            });
            while let Some(complete) = gathered.pop_complete(|epoch| frontier.less_equal(epoch)) {
                let groups = folder.finish(complete.gathered);
                if let Some(page) = &page {
                    page.note(complete.epoch, || cut::entries(&groups));
                }
                output.session(&complete.capability).give(groups);
            }
        }
    })
}

/// What was folded before.
fn restore(restored: Restored<'_>) -> Stream<'_, Epoch, Vec<Groups>> {
    restored.unary(Pipeline, "group_by: restore", |_capability, _info| {
        |input, output| {
            input.for_each(|stamp, entries| output.session(&stamp).give(cut::groups(entries.drain(..))));
        }
    })
}

/// Accumulators as diffs, candidates, distinct values.
type Branches<'scope> = (
    Stream<'scope, Epoch, Vec<(RowBytes, Epoch, Accumulators)>>,
    Stream<'scope, Epoch, Vec<Valued>>,
    Stream<'scope, Epoch, Vec<Valued>>,
);

/// Parts groups into the branches that go their own ways.
fn part(groups: Stream<'_, Epoch, Vec<Groups>>) -> Branches<'_> {
    let mut builder = OperatorBuilder::new("group_by: part".to_owned(), groups.scope());
    let mut input = builder.new_input(groups, Pipeline);
    let (output, accumulators) = builder.new_output::<Vec<(RowBytes, Epoch, Accumulators)>>();
    let mut accumulated = OutputBuilder::from(output);
    let (output, best) = builder.new_output::<Vec<Valued>>();
    let mut candidates = OutputBuilder::from(output);
    let (output, distinct) = builder.new_output::<Vec<Valued>>();
    let mut values = OutputBuilder::from(output);
    builder.build(move |_capabilities| {
        move |_frontiers| {
            let (mut accumulated, mut candidates, mut values) =
                (accumulated.activate(), candidates.activate(), values.activate());
            input.for_each(|stamp, groups| {
                let epoch = epoch(&stamp);
                let timed = |values: Vec<_>| values.into_iter().map(move |(value, diff)| (value, epoch, diff));
                for groups in groups.drain(..) {
                    let added = groups.accumulators.into_iter().map(|(key, accumulators)| (key, epoch, accumulators));
                    accumulated.session(&stamp).give_iterator(added);
                    candidates.session(&stamp).give_iterator(timed(groups.best));
                    values.session(&stamp).give_iterator(timed(groups.distinct));
                }
            });
        }
    });
    (accumulators, best, distinct)
}

/// Brings the branches of each group together.
fn collate<'scope>(
    added: VecCollection<'scope, Epoch, (RowBytes, Accumulators), Diff>,
    best: VecCollection<'scope, Epoch, (RowBytes, u32, RowBytes), Diff>,
    distinct: VecCollection<'scope, Epoch, (RowBytes, u32, RowBytes), Diff>,
) -> VecCollection<'scope, Epoch, (RowBytes, Vec<Part>), Diff> {
    let best = best.map(|(key, which, candidate)| (tagged(&key, which), candidate));
    let best = smallest(best, 1).map(|(key, candidate)| {
        let (key, which) = untagged(&key);
        (key, Part::Best(which, candidate))
    });
    let distinct = distinct
        .threshold_total(|_value, count| Diff::from(*count > 0))
        .map(|(key, which, _)| (key, which))
        .count_total_core::<Diff>()
        .map(|((key, which), count)| (key, Part::Distinct(which, count)));
    added.map(|(key, accumulators)| (key, Part::Accumulators(accumulators))).concat(best).concat(distinct).reduce_named(
        "group_by: collate",
        |_key, parts, output| {
            output.push((parts.iter().map(|(part, _)| (*part).clone()).collect(), 1));
        },
    )
}

/// A key that says which of a group's aggregates it is for.
fn tagged(key: &RowBytes, which: u32) -> RowBytes {
    [which.to_be_bytes().as_slice(), key].concat().into()
}

fn untagged(key: &RowBytes) -> (RowBytes, u32) {
    let (which, key) = key.split_at(4);
    (key.into(), u32::from_be_bytes(which.try_into().expect("a tagged key begins with four bytes")))
}

/// Groups → rows and errors.
fn finish<'scope>(
    groups: Stream<'scope, Epoch, Vec<Parts>>,
    plan: &Arc<Plan>,
    node: usize,
    finisher: Finisher,
    layout: Layout,
) -> RowsAndErrors<'scope> {
    let mut builder = OperatorBuilder::new("group_by: finish".to_owned(), groups.scope());
    let mut input = builder.new_input(groups, Pipeline);
    let (output, rows) = builder.new_output::<Vec<Batch>>();
    let mut finished = OutputBuilder::from(output);
    let (output, errors) = builder.new_output::<Vec<(ErrorRow, Diff)>>();
    let mut failed = OutputBuilder::from(output);
    let plan = Arc::clone(plan);
    builder.build(move |_capabilities| {
        move |_frontiers| {
            let (mut finished, mut failed) = (finished.activate(), failed.activate());
            input.for_each(|stamp, groups| {
                let mut by_epoch: BTreeMap<Epoch, Vec<Group>> = BTreeMap::new();
                for ((key, parts), epoch, diff) in groups.drain(..) {
                    // Without accumulators a group has no row: it is on its way out.
                    by_epoch.entry(epoch).or_default().extend(group(key, parts, diff, &layout));
                }
                for (epoch, groups) in by_epoch {
                    let (batch, errors) = finisher.finish(&groups, &plan.nodes[node]);
                    finished.session(&stamp.delayed(&epoch, 0)).give(batch);
                    failed.session(&stamp.delayed(&epoch, 1)).give_iterator(errors.into_iter());
                }
            });
        }
    });
    (rows, errors)
}

fn group(key: RowBytes, parts: Vec<Part>, diff: Diff, layout: &Layout) -> Option<Group> {
    let mut accumulators = None;
    let mut best = vec![None; layout.best.len()];
    let mut distinct = vec![0; layout.distinct.len()];
    for part in parts {
        match part {
            Part::Accumulators(found) => accumulators = Some(found),
            Part::Best(which, candidate) => best[which as usize] = Some(candidate),
            Part::Distinct(which, count) => distinct[which as usize] = count,
        }
    }
    accumulators.map(|accumulators| Group { key, accumulators, best, distinct, diff })
}
