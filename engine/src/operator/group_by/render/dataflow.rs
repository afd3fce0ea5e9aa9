//! The operators and arrangements of a group_by.

use std::sync::Arc;

use differential_dataflow::AsCollection;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
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
use crate::render::{Diff, Epoch};

use super::collate::collate;
use super::cut;
use super::finish::Finisher;
use super::fold::{EpochGroups, Folded, Folder};
use super::groups::{Changed, Parcel, Shape, owner};
use super::key_codec::KeyCodec;
use super::key_table::hash_key;
use super::layout::Layout;
use super::standing::Standing;

/// Rows of the groups, and groups whose aggregates are out of range.
pub(crate) type RowsAndErrors<'scope> =
    (Stream<'scope, Epoch, Vec<Batch>>, Stream<'scope, Epoch, Vec<(ErrorRow, Diff)>>);

pub(crate) fn group_by<'scope>(
    scope: Scope<'scope, Epoch>,
    input: NodeInput<'scope>,
    plan: &Arc<Plan>,
    node: usize,
    group_by: &GroupBy,
) -> RowsAndErrors<'scope> {
    let schema = &plan.nodes[node].input;
    let layout = || Layout::new(group_by, schema, plan.nodes[node].input_appends);
    let keys = || KeyCodec::new(schema, group_by.keys);
    let folder = || Folder::new(layout(), schema, group_by.keys);
    let mut folded = Vec::new();
    if let Some(CutInput { rows, page, restored }) = input.of_sources {
        folded.push(fold(rows, folder(), Some((page, layout().shape()))));
        folded.push(restore(restored));
    }
    folded.extend(input.of_nodes.map(|rows| fold(rows, folder(), None)));
    let (parcels, best, distinct) = part(scope.concatenate(folded), layout());
    let changed = add_up(parcels, layout());
    let changed = if layout().is_all_in_diff() {
        changed
    } else {
        collate(changed, best.as_collection(), distinct.as_collection(), layout(), keys())
    };
    finish(changed, plan, node, Finisher::new(layout(), &plan.nodes[node], group_by.keys))
}

/// A value of a group: its key, which aggregate's it is, its bytes.
type Valued = ((RowBytes, u32, RowBytes), Epoch, Diff);

/// Folds each epoch's rows and lets them go when the epoch has passed.
fn fold<'scope>(
    rows: Rows<'scope>,
    folder: Folder,
    cut: Option<(CutPage, Shape)>,
) -> Stream<'scope, Epoch, Vec<EpochGroups>> {
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
                if let Some((page, shape)) = &cut {
                    page.note_groups(complete.epoch, *shape, &groups.groups);
                    page.note(complete.epoch, || cut::entries(&groups));
                }
                output.session(&complete.capability).give(groups);
            }
        }
    })
}

/// What was folded before.
fn restore(restored: Restored<'_>) -> Stream<'_, Epoch, Vec<EpochGroups>> {
    restored.unary(Pipeline, "group_by: restore", |_capability, _info| {
        move |input, output| {
            input.for_each(|stamp, entries| output.session(&stamp).give(cut::groups(entries.drain(..))));
        }
    })
}

/// Parcels for the owners of groups, candidates, distinct values.
type Branches<'scope> =
    (Stream<'scope, Epoch, Vec<Parcel>>, Stream<'scope, Epoch, Vec<Valued>>, Stream<'scope, Epoch, Vec<Valued>>);

/// Parts groups into the branches that go their own ways.
fn part(groups: Stream<'_, Epoch, Vec<EpochGroups>>, layout: Layout) -> Branches<'_> {
    let workers = groups.scope().peers();
    let mut builder = OperatorBuilder::new("group_by: part".to_owned(), groups.scope());
    let mut input = builder.new_input(groups, Pipeline);
    let (output, parcels) = builder.new_output::<Vec<Parcel>>();
    let mut packed = OutputBuilder::from(output);
    let (output, best) = builder.new_output::<Vec<Valued>>();
    let mut candidates = OutputBuilder::from(output);
    let (output, distinct) = builder.new_output::<Vec<Valued>>();
    let mut values = OutputBuilder::from(output);
    builder.build(move |_capabilities| {
        move |_frontiers| {
            let (mut packed, mut candidates, mut values) =
                (packed.activate(), candidates.activate(), values.activate());
            input.for_each(|stamp, groups| {
                let epoch = epoch(&stamp);
                let timed = |values: Vec<_>| values.into_iter().map(move |(value, diff)| (value, epoch, diff));
                for groups in groups.drain(..) {
                    packed.session(&stamp).give_iterator(pack(&groups, workers, &layout).into_iter());
                    candidates.session(&stamp).give_iterator(timed(groups.best));
                    values.session(&stamp).give_iterator(timed(groups.distinct));
                }
            });
        }
    });
    (parcels, best, distinct)
}

/// Groups for each of the workers that own them.
fn pack(epoch: &EpochGroups, workers: usize, layout: &Layout) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> = (0..workers).map(|worker| Parcel { worker, ..Parcel::default() }).collect();
    for (key, sums, best) in epoch.groups.iter(layout.shape()) {
        parcels[owner(hash_key(key), workers)].groups.push(key, sums, best);
    }
    parcels.retain(|parcel| parcel.groups.keys.len() > 0);
    parcels
}

/// Adds up the groups that each worker owns: what each epoch changes in them.
fn add_up(parcels: Stream<'_, Epoch, Vec<Parcel>>, layout: Layout) -> Stream<'_, Epoch, Vec<Changed>> {
    let to_owner = Exchange::new(|parcel: &Parcel| parcel.worker as u64);
    parcels.unary_frontier(to_owner, "group_by: add up", move |_capability, _info| {
        let mut standing = Standing::new(layout.shape());
        let mut gathered = Gathered::<Vec<Parcel>>::new();
        move |(input, frontier), output| {
            input.for_each(|stamp, parcels| gathered.at(&stamp, Vec::new).append(parcels));
            while let Some(complete) = gathered.pop_complete(|epoch| frontier.less_equal(epoch)) {
                output.session(&complete.capability).give(standing.add(&complete.gathered));
            }
        }
    })
}

/// Groups → rows and errors.
fn finish<'scope>(
    changed: Stream<'scope, Epoch, Vec<Changed>>,
    plan: &Arc<Plan>,
    node: usize,
    finisher: Finisher,
) -> RowsAndErrors<'scope> {
    let mut builder = OperatorBuilder::new("group_by: finish".to_owned(), changed.scope());
    let mut input = builder.new_input(changed, Pipeline);
    let (output, rows) = builder.new_output::<Vec<Batch>>();
    let mut finished = OutputBuilder::from(output);
    let (output, errors) = builder.new_output::<Vec<(ErrorRow, Diff)>>();
    let mut failed = OutputBuilder::from(output);
    let plan = Arc::clone(plan);
    builder.build(move |_capabilities| {
        move |_frontiers| {
            let (mut finished, mut failed) = (finished.activate(), failed.activate());
            input.for_each(|stamp, changed| {
                for changed in changed.drain(..).filter(|changed| !changed.diffs.is_empty()) {
                    let (batch, errors) = finisher.finish(&changed, &plan.nodes[node]);
                    finished.session(&stamp).give(batch);
                    failed.session(&stamp).give_iterator(errors.into_iter());
                }
            });
        }
    });
    (rows, errors)
}
