//! Renders `top`: rows as bytes that begin with the order, the first of each group kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::AsCollection;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::{Concatenate, Operator};
use timely::dataflow::{Scope, Stream};

use super::check::Top;
use crate::connector::SortKey;
use crate::plan::Plan;

use crate::render::batch::Batch;
use crate::render::cut::{CutEntry, CutKey, CutPage};
use crate::render::cut_value::CutValue;
use crate::render::encoded::{Update, decode};
use crate::render::gathered::{Gathered, epoch};
use crate::render::node_input::{CutInput, NodeInput, Restored, Rows};
use crate::render::row_bytes::{RowBytes, RowCodec, columns_at, sort_options};
use crate::render::smallest::smallest;
use crate::render::{Diff, Epoch};

pub(crate) fn top<'scope>(
    scope: Scope<'scope, Epoch>,
    input: NodeInput<'scope>,
    plan: &Arc<Plan>,
    node: usize,
    top: &Top,
) -> Rows<'scope> {
    let ranker = || Ranker::new(plan, node, top);
    let of_all = |rows, restored: Option<Restored<'scope>>, page| {
        if plan.nodes[node].input_appends {
            return rank_first(rows, scope.concatenate(restored), ranker(), page);
        }
        scope.concatenate(restored.map(restore).into_iter().chain([rank(rows, ranker(), page)]))
    };
    let of_sources = input.of_sources.map(|CutInput { rows, page, restored }| of_all(rows, Some(restored), Some(page)));
    let of_nodes = input.of_nodes.map(|rows| of_all(rows, None, None));
    let ranked = of_sources.into_iter().chain(of_nodes);
    let codec = row_codec(plan, node, top);
    let first = smallest(scope.concatenate(ranked).as_collection(), top.limit);
    decode(first.inner, plan, node, codec, top.by.len())
}

/// The bytes of a row here: the columns of the order, then all columns.
fn row_codec(plan: &Plan, node: usize, top: &Top) -> RowCodec {
    let schema = &plan.nodes[node].input;
    let order = top.by.iter().map(|key| (key.column, sort_options(*key)));
    let rest = (0..schema.columns.len()).map(|column| SortKey { column, descending: false });
    RowCodec::ordered(schema, order.chain(rest.map(|key| (key.column, sort_options(key)))))
}

/// Rows → (group, order and row).
struct Ranker {
    top: Top,
    groups: RowCodec,
    values: RowCodec,
}

impl Ranker {
    fn new(plan: &Plan, node: usize, top: &Top) -> Self {
        let groups = RowCodec::ascending(&plan.nodes[node].input, top.per.iter().copied());
        Self { top: top.clone(), groups, values: row_codec(plan, node, top) }
    }

    /// Gives each row's group and value, with how often it is added.
    fn each(&self, batch: &Batch, mut take: impl FnMut(RowBytes, RowBytes, Diff)) {
        let places = self.top.by.iter().map(|key| key.column).chain(0..batch.rows.num_columns());
        let values = self.values.encode(&columns_at(&batch.rows, places));
        let per = columns_at(&batch.rows, self.top.per.iter().copied());
        let groups = (!per.is_empty()).then(|| self.groups.encode(&per));
        for (row, value) in values.iter().enumerate() {
            let group = groups.as_ref().map(|groups| groups.row(row).as_ref().into()).unwrap_or_default();
            take(group, value.as_ref().into(), batch.diff(row));
        }
    }
}

fn rank<'scope>(rows: Rows<'scope>, ranker: Ranker, page: Option<CutPage>) -> Stream<'scope, Epoch, Vec<Update>> {
    rows.unary(Pipeline, "top: rank", move |_capability, _info| {
        move |input, output| {
            input.for_each(|stamp, batches| {
                let epoch = epoch(&stamp);
                let mut updates = Vec::new();
                for batch in batches.drain(..) {
                    ranker.each(&batch, |group, value, diff| updates.push(((group, value), epoch, diff)));
                }
                if let Some(page) = &page {
                    let entry = |((group, row), _, diff): &Update| (joined(group, row), CutValue::Count(*diff));
                    page.note(epoch, || updates.iter().map(entry));
                }
                output.session(&stamp).give_iterator(updates.into_iter());
            });
        }
    })
}

/// Rows that were ranked before.
fn restore(restored: Restored<'_>) -> Stream<'_, Epoch, Vec<Update>> {
    restored.unary(Pipeline, "top: restore", |_capability, _info| {
        |input, output| {
            input.for_each(|stamp, entries| {
                let epoch = epoch(&stamp);
                let update = |(key, value): CutEntry| (parted(&key), epoch, value.count());
                output.session(&stamp).give_iterator(entries.drain(..).map(update));
            });
        }
    })
}

/// Values of each group, with how often they are added.
type Ranked = BTreeMap<RowBytes, BTreeMap<RowBytes, Diff>>;

/// The same of rows that are only ever added: just those go on that are among the first of this worker. The others can never be among the first of
/// all, and what they push out is taken back, so that nobody keeps more than the first.
fn rank_first<'scope>(
    rows: Rows<'scope>,
    restored: Restored<'scope>,
    ranker: Ranker,
    page: Option<CutPage>,
) -> Stream<'scope, Epoch, Vec<Update>> {
    let limit = ranker.top.limit;
    rows.binary_frontier(restored, Pipeline, Pipeline, "top: rank first", move |_capability, _info| {
        let mut gathered = Gathered::<Ranked>::new();
        let mut first = Ranked::new();
        move |(input, frontier), (restored, restored_frontier), output| {
            restored.for_each(|stamp, entries| {
                let ranked = gathered.at(&stamp, Ranked::new);
                for (key, value) in entries.drain(..) {
                    let (group, row) = parted(&key);
                    *ranked.entry(group).or_default().entry(row).or_default() += value.count();
                }
            });
            input.for_each(|stamp, batches| {
                let ranked = gathered.at(&stamp, Ranked::new);
                for batch in batches.drain(..) {
                    ranker.each(&batch, |group, value, diff| {
                        let ranked = ranked.entry(group).or_default();
                        *ranked.entry(value).or_default() += diff;
                        if ranked.len() > limit {
                            ranked.pop_last();
                        }
                    });
                }
            });
            let open = |epoch: &Epoch| frontier.less_equal(epoch) || restored_frontier.less_equal(epoch);
            while let Some(complete) = gathered.pop_complete(open) {
                let mut session = output.session(&complete.capability);
                for (group, values) in complete.gathered {
                    let mut values = keep_first(first.entry(group.clone()).or_default(), values, limit);
                    values.retain(|_, diff| *diff != 0);
                    if let Some(page) = &page {
                        let entry = |(row, diff): (&RowBytes, &Diff)| (joined(&group, row), CutValue::Count(*diff));
                        page.note(complete.epoch, || values.iter().map(entry));
                    }
                    let changed = values.into_iter();
                    session.give_iterator(changed.map(|(value, diff)| ((group.clone(), value), complete.epoch, diff)));
                }
            }
        }
    })
}

/// A key of the cut: the length of the group (4 bytes), the group, the row.
fn joined(group: &[u8], row: &[u8]) -> CutKey {
    [(group.len() as u32).to_be_bytes().as_slice(), group, row].concat().into()
}

fn parted(key: &[u8]) -> (RowBytes, RowBytes) {
    let (length, rest) = key.split_at(4);
    let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
    let (group, row) = rest.split_at(length as usize);
    (group.into(), row.into())
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
