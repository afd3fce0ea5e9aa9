//! Renders `top`: rows as bytes that begin with the order, the first of each group kept by differential.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::AsCollection;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;

use super::check::Top;
use crate::connector::SortKey;
use crate::plan::Plan;

use crate::render::batch::Batch;
use crate::render::encoded::{Update, decode};
use crate::render::gathered::Gathered;
use crate::render::row_bytes::{RowBytes, RowCodec, columns_at, sort_options};
use crate::render::smallest::smallest;
use crate::render::{Diff, Epoch};

pub(crate) fn top<'scope>(
    rows: Stream<'scope, Epoch, Vec<Batch>>,
    plan: &Arc<Plan>,
    node: usize,
    top: &Top,
) -> Stream<'scope, Epoch, Vec<Batch>> {
    let ranked = rank(rows, plan, node, top).as_collection();
    let codec = row_codec(plan, node, top);
    decode(smallest(ranked, top.limit).inner, plan, node, codec, top.by.len())
}

/// The bytes of a row here: the columns of the order, then all columns.
fn row_codec(plan: &Plan, node: usize, top: &Top) -> RowCodec {
    let schema = &plan.nodes[node].input;
    let order = top.by.iter().map(|key| (key.column, sort_options(*key)));
    let rest = (0..schema.columns.len()).map(|column| SortKey { column, descending: false });
    RowCodec::ordered(schema, order.chain(rest.map(|key| (key.column, sort_options(key)))))
}

/// Values of each group, with how often they are added.
type Ranked = BTreeMap<RowBytes, BTreeMap<RowBytes, Diff>>;

/// Rows as (group, order and row), consolidated per epoch. Of rows that are only added just those go on that are among the first of this worker:
/// the others can never be among the first of all, and what they push out is taken back, so that differential keeps no more than the first.
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
        let mut gathered = Gathered::<Ranked>::new();
        let mut first = Ranked::new();
        move |(input, frontier), output| {
            input.for_each(|stamp, batches| {
                let ranked = gathered.at(&stamp, Ranked::new);
                for batch in batches.drain(..) {
                    let places = top.by.iter().map(|key| key.column).chain(0..batch.rows.num_columns());
                    let values = values.encode(&columns_at(&batch.rows, places));
                    let per = columns_at(&batch.rows, top.per.iter().copied());
                    let groups = (!per.is_empty()).then(|| groups.encode(&per));
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
            while let Some(complete) = gathered.pop_complete(|epoch| frontier.less_equal(epoch)) {
                let mut session = output.session(&complete.capabilities[0]);
                for (group, mut values) in complete.gathered {
                    if appends {
                        values = keep_first(first.entry(group.clone()).or_default(), values, top.limit);
                    }
                    let changed = values.into_iter().filter(|(_, diff)| *diff != 0);
                    session.give_iterator(changed.map(|(value, diff)| ((group.clone(), value), complete.epoch, diff)));
                }
            }
        }
    })
}

/// Takes added values into the first `limit`; gives what that changes in them.
fn keep_first(
    first: &mut BTreeMap<RowBytes, Diff>,
    added: BTreeMap<RowBytes, Diff>,
    limit: usize,
) -> BTreeMap<RowBytes, Diff> {
    let mut changes = BTreeMap::new();
    for (value, count) in added {
        *first.entry(value.clone()).or_default() += count;
        *changes.entry(value).or_default() += count;
        while first.len() > limit {
            let Some((last, count)) = first.pop_last() else { break };
            *changes.entry(last).or_default() -= count;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, Diff)]) -> BTreeMap<RowBytes, Diff> {
        pairs.iter().map(|(value, count)| (value.as_bytes().into(), *count)).collect()
    }

    #[test]
    fn what_is_pushed_out_is_taken_back() {
        let mut first = BTreeMap::new();
        assert_eq!(keep_first(&mut first, values(&[("b", 1), ("c", 2)]), 2), values(&[("b", 1), ("c", 2)]));
        assert_eq!(keep_first(&mut first, values(&[("a", 1), ("d", 1)]), 2), values(&[("a", 1), ("c", -2), ("d", 0)]));
        assert_eq!(first, values(&[("a", 1), ("b", 1)]));
    }
}
