//! Joins what different branches know of a group: its sums, its candidates, its counts of distinct values.

use std::collections::BTreeMap;
use std::rc::Rc;

use differential_dataflow::operators::{CountTotal, ThresholdTotal};
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;

use crate::render::gathered::epoch;
use crate::render::row_bytes::RowBytes;
use crate::render::smallest::smallest;
use crate::render::{Diff, Epoch};

use super::accumulators::Accumulators;
use super::groups::Changed;
use super::key_codec::KeyCodec;
use super::layout::Layout;

/// Values of groups: the key, which aggregate's it is, its bytes.
pub(super) type Values<'scope> = VecCollection<'scope, Epoch, (RowBytes, u32, RowBytes), Diff>;

/// What one branch knows of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Part {
    Accumulators(Accumulators),
    Best(u32, RowBytes),
    Distinct(u32, i64),
}

/// Brings the branches of each group together.
pub(super) fn collate<'scope>(
    changed: Stream<'scope, Epoch, Vec<Changed>>,
    best: Values<'scope>,
    distinct: Values<'scope>,
    layout: Layout,
    keys: KeyCodec,
) -> Stream<'scope, Epoch, Vec<Changed>> {
    let (layout, keys) = (Rc::new(layout), Rc::new(keys));
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
    let added = one_by_one(changed, Rc::clone(&layout), Rc::clone(&keys));
    let groups = added.concat(best).concat(distinct).reduce_named("group_by: collate", |_key, parts, output| {
        output.push((parts.iter().map(|(part, _)| (*part).clone()).collect(), 1));
    });
    side_by_side(groups, layout, keys)
}

/// A key that says which of a group's aggregates it is for.
fn tagged(key: &RowBytes, which: u32) -> RowBytes {
    [which.to_be_bytes().as_slice(), key].concat().into()
}

fn untagged(key: &RowBytes) -> (RowBytes, u32) {
    let (which, key) = key.split_at(4);
    (key.into(), u32::from_be_bytes(which.try_into().expect("a tagged key begins with four bytes")))
}

/// Changed groups as a collection.
fn one_by_one(
    changed: Stream<'_, Epoch, Vec<Changed>>,
    layout: Rc<Layout>,
    keys: Rc<KeyCodec>,
) -> VecCollection<'_, Epoch, (RowBytes, Part), Diff> {
    let groups = changed.unary(Pipeline, "group_by: one by one", move |_capability, _info| {
        move |input, output| {
            input.for_each(|stamp, changed| {
                let epoch = epoch(&stamp);
                for Changed { groups, diffs, .. } in changed.drain(..) {
                    let sums = groups.accumulators(layout.shape()).map(Part::Accumulators);
                    let parts = keys.to_rows(&groups.keys).into_iter().zip(sums);
                    output.session(&stamp).give_iterator(parts.zip(diffs).map(|(part, diff)| (part, epoch, diff)));
                }
            });
        }
    });
    groups.as_collection()
}

/// Groups with all of their parts, epoch by epoch. Without sums a group has no row: it is on its way out.
fn side_by_side<'scope>(
    groups: VecCollection<'scope, Epoch, (RowBytes, Vec<Part>), Diff>,
    layout: Rc<Layout>,
    keys: Rc<KeyCodec>,
) -> Stream<'scope, Epoch, Vec<Changed>> {
    groups.inner.unary(Pipeline, "group_by: side by side", move |_capability, _info| {
        move |input, output| {
            input.for_each(|stamp, groups| {
                let mut by_epoch: BTreeMap<Epoch, (Vec<RowBytes>, Changed)> = BTreeMap::new();
                for ((key, parts), epoch, diff) in groups.drain(..) {
                    let (keys, changed) = by_epoch.entry(epoch).or_default();
                    if join(parts, &layout, changed) {
                        keys.push(key);
                        changed.diffs.push(diff);
                    }
                }
                let capability = stamp.retain_least(0).expect("messages carry a time");
                for (epoch, (rows, mut changed)) in by_epoch {
                    changed.groups.keys = keys.of_rows(rows.iter().map(AsRef::as_ref));
                    output.session(&capability.delayed(&epoch)).give(changed);
                }
            });
        }
    })
}

/// Adds the parts of a group, if its sums are among them.
fn join(parts: Vec<Part>, layout: &Layout, changed: &mut Changed) -> bool {
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
    let Some(accumulators) = accumulators else { return false };
    changed.groups.sums.extend_from_slice(&accumulators.sums);
    changed.groups.best.extend(if layout.best_in_diff { accumulators.best } else { best });
    changed.distinct.extend(distinct);
    true
}
