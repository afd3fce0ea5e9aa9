//! Renders `top`: rows as bytes that begin with the order, the first of each group kept by differential.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Int64Array;
use differential_dataflow::AsCollection;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;

use crate::operator::Top;
use crate::plan::Plan;

use super::batch::{Batch, record_batch};
use super::row_bytes::{RowBytes, RowCodec, columns_at, sort_options};
use super::smallest::smallest;
use super::{Diff, Epoch};

/// A value of a key, with its epoch and diff.
pub(super) type Update = ((RowBytes, RowBytes), Epoch, Diff);

pub(super) fn top<'scope>(
    rows: Stream<'scope, Epoch, Vec<Batch>>,
    plan: &Arc<Plan>,
    node: usize,
    top: &Top,
) -> Stream<'scope, Epoch, Vec<Batch>> {
    let ranked = rank(rows, plan, node, top).as_collection();
    let codec = row_codec(plan, node, top);
    batches(smallest(ranked, top.limit).inner, plan, node, codec, top.by.len())
}

/// The bytes of a row here: the columns of the order, then all columns.
fn row_codec(plan: &Plan, node: usize, top: &Top) -> RowCodec {
    let schema = &plan.nodes[node].input;
    let order = top.by.iter().map(|key| (key.column, sort_options(*key)));
    RowCodec::ordered(schema, order.chain((0..schema.columns.len()).map(|column| (column, Default::default()))))
}

/// Values of each group, with how often they are added.
type Ranked = BTreeMap<RowBytes, BTreeMap<RowBytes, Diff>>;

/// Rows as (group, order and row), consolidated per epoch. Of rows that are only added, those that are not among the first of their own epoch are
/// left out: they can never be among the first of all.
fn rank<'scope>(
    rows: Stream<'scope, Epoch, Vec<Batch>>,
    plan: &Arc<Plan>,
    node: usize,
    top: &Top,
) -> Stream<'scope, Epoch, Vec<Update>> {
    let schema = plan.nodes[node].input.clone();
    let appends = plan.nodes[node].input_appends;
    let groups = RowCodec::ascending(&schema, top.per.iter().copied());
    let values = row_codec(plan, node, top);
    let top = top.clone();
    rows.unary_frontier(Pipeline, "top: rank", move |_capability, _info| {
        let mut pending: BTreeMap<Epoch, (_, Ranked)> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each(|stamp, batches| {
                let epoch = *stamp.least().expect("messages carry a time");
                let (_, ranked) = pending
                    .entry(epoch)
                    .or_insert_with(|| (stamp.retain_least(0).expect("messages carry a time"), BTreeMap::new()));
                for batch in batches.drain(..) {
                    let places = top.by.iter().map(|key| key.column).chain(0..batch.rows.num_columns());
                    let values = values.encode(&columns_at(&batch.rows, places));
                    let groups =
                        (!top.per.is_empty()).then(|| groups.encode(&columns_at(&batch.rows, top.per.iter().copied())));
                    for (row, value) in values.iter().enumerate() {
                        let group = groups.as_ref().map(|groups| groups.row(row).as_ref().into()).unwrap_or_default();
                        let ranked = ranked.entry(group).or_default();
                        *ranked.entry(value.as_ref().into()).or_default() += batch.diff(row);
                        if appends && ranked.len() > top.limit {
                            ranked.pop_last();
                        }
                    }
                }
            });
            while let Some(entry) = pending.first_entry().filter(|entry| !frontier.less_equal(entry.key())) {
                let epoch = *entry.key();
                let (capability, ranked) = entry.remove();
                let mut session = output.session(&capability);
                for (group, values) in ranked {
                    for (value, diff) in values {
                        if diff != 0 {
                            session.give(((group.clone(), value), epoch, diff));
                        }
                    }
                }
            }
        }
    })
}

/// Rows as bytes → batches of the node's output, one an epoch; the first `skip` columns of the bytes are not the row's.
pub(super) fn batches<'scope>(
    rows: Stream<'scope, Epoch, Vec<Update>>,
    plan: &Arc<Plan>,
    node: usize,
    codec: RowCodec,
    skip: usize,
) -> Stream<'scope, Epoch, Vec<Batch>> {
    let schema = plan.nodes[node].output.arrow();
    rows.unary(Pipeline, "batches", move |_capability, _info| {
        move |input, output| {
            input.for_each(|stamp, updates| {
                let mut by_epoch: BTreeMap<Epoch, Vec<(RowBytes, Diff)>> = BTreeMap::new();
                for ((_, row), epoch, diff) in updates.drain(..) {
                    by_epoch.entry(epoch).or_default().push((row, diff));
                }
                let capability = stamp.retain_least(0).expect("messages carry a time");
                for (epoch, updates) in by_epoch {
                    let columns = codec.decode(updates.iter().map(|(row, _)| row.as_ref())).split_off(skip);
                    let diffs = Int64Array::from_iter_values(updates.iter().map(|(_, diff)| *diff));
                    let rows = record_batch(schema.clone(), columns, updates.len());
                    let batch = Batch { rows, diffs: Some(diffs), origin: None };
                    output.session(&capability.delayed(&epoch)).give(batch);
                }
            });
        }
    })
}
