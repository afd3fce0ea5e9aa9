//! Renders `latest`: the newest row of each key per epoch and worker crosses to the worker that owns the key, which keeps one row a key.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::{Concatenate, Operator};
use timely::dataflow::{Scope, Stream};

use super::check::Latest;
use crate::plan::Plan;
use crate::safeguard::Safeguard;

use crate::render::Epoch;
use crate::render::batch::{Batch, record_batch};
use crate::render::cut::CutPage;
use crate::render::cut_value::{CutValue, Moment};
use crate::render::gathered::Gathered;
use crate::render::node_input::{CutInput, NodeInput, Restored, Rows};
use crate::render::row_bytes::{RowBytes, RowCodec, columns_at};

/// The newest row of each key.
type Newest = HashMap<RowBytes, (Moment, RowBytes)>;

/// A key's candidate for its newest row.
type Candidate = (RowBytes, Moment, RowBytes);

pub(crate) fn latest<'scope>(
    scope: Scope<'scope, Epoch>,
    input: NodeInput<'scope>,
    clock: Stream<'scope, Epoch, Vec<i64>>,
    plan: &Arc<Plan>,
    node: usize,
    latest: &Latest,
) -> Stream<'scope, Epoch, Vec<Batch>> {
    let mut candidates = Vec::new();
    if let Some(CutInput { rows, page, restored }) = input.of_sources {
        candidates.push(newest_of_epoch(rows, plan, node, latest, Some(page)));
        candidates.push(restore(restored));
    }
    candidates.extend(input.of_nodes.map(|rows| newest_of_epoch(rows, plan, node, latest, None)));
    let candidates = scope.concatenate(candidates);
    let expire = latest.expire.map(|expire| i64::try_from(expire.as_micros()).unwrap_or(i64::MAX));
    let output = plan.nodes[node].output.clone();
    let codec = RowCodec::ascending(&output, 0..output.columns.len());
    let schema = output.arrow();
    let by_key = Exchange::new(|candidate: &Candidate| FixedState::with_seed(0).hash_one(&candidate.0));
    candidates.binary_frontier(clock, by_key, Pipeline, "latest", move |_capability, _info| {
        let mut keeper = Keeper::new(expire);
        let mut gathered = Gathered::<EpochInput>::new();
        move |(candidates, candidate_frontier), (clock, clock_frontier), output| {
            candidates.for_each(|stamp, found| {
                gathered.at(&stamp, EpochInput::default).candidates.append(found);
            });
            clock.for_each(|stamp, times| {
                let input = gathered.at(&stamp, EpochInput::default);
                input.clock = input.clock.max(times.iter().copied().max());
            });
            let open = |epoch: &Epoch| candidate_frontier.less_equal(epoch) || clock_frontier.less_equal(epoch);
            while let Some(complete) = gathered.pop_complete(open) {
                let changes = keeper.advance(complete.gathered);
                if changes.is_empty() {
                    continue;
                }
                let columns = codec.decode(changes.iter().map(|(row, _)| row.as_ref()));
                let diffs = Int64Array::from_iter_values(changes.iter().map(|(_, diff)| *diff));
                let rows = record_batch(schema.clone(), columns, changes.len());
                output.session(&complete.capability).give(Batch { rows, diffs: Some(diffs), origin: None });
            }
        }
    })
}

/// The newest row of each key among this worker's rows of an epoch.
fn newest_of_epoch<'scope>(
    rows: Rows<'scope>,
    plan: &Arc<Plan>,
    node: usize,
    latest: &Latest,
    page: Option<CutPage>,
) -> Stream<'scope, Epoch, Vec<Candidate>> {
    let input = plan.nodes[node].input.clone();
    let width = plan.nodes[node].output.columns.len();
    let keys = RowCodec::ascending(&input, latest.key.iter().copied());
    let values = RowCodec::ascending(&input, 0..width);
    let key_places = latest.key.clone();
    let in_log_order = Safeguard::NewestInLog.holds();
    rows.unary_frontier(Pipeline, "latest: newest of epoch", move |_capability, _info| {
        let mut gathered = Gathered::<Newest>::new();
        move |(input, frontier), output| {
            input.for_each(|stamp, batches| {
                let newest = gathered.at(&stamp, Newest::new);
                for batch in batches.drain(..) {
                    let keys = keys.encode(&columns_at(&batch.rows, key_places.iter().copied()));
                    let values = values.encode(&columns_at(&batch.rows, 0..width));
                    let times = batch.rows.column(width).as_primitive::<TimestampMicrosecondType>();
                    let partitions = batch.rows.column(width + 1).as_primitive::<Int64Type>();
                    let offsets = batch.rows.column(width + 2).as_primitive::<Int64Type>();
                    for row in 0..batch.rows.num_rows() {
                        let in_log = [partitions, offsets].map(|part| if in_log_order { part.value(row) } else { 0 });
                        let moment = (times.value(row), in_log[0], in_log[1]);
                        let key = keys.row(row);
                        match newest.get_mut(key.as_ref()) {
                            Some((known, row_known))
                                if (*known, row_known.as_ref()) >= (moment, values.row(row).as_ref()) => {}
                            Some(known) => *known = (moment, values.row(row).as_ref().into()),
                            None => {
                                newest.insert(key.as_ref().into(), (moment, values.row(row).as_ref().into()));
                            }
                        }
                    }
                }
            });
            while let Some(complete) = gathered.pop_complete(|epoch| frontier.less_equal(epoch)) {
                if let Some(page) = &page {
                    let entry = |(key, (moment, row)): (&RowBytes, &(Moment, RowBytes))| {
                        (key.clone(), CutValue::Newest(*moment, row.clone()))
                    };
                    page.note(complete.epoch, || complete.gathered.iter().map(entry));
                }
                let candidates = complete.gathered.into_iter().map(|(key, (moment, row))| (key, moment, row));
                output.session(&complete.capability).give_iterator(candidates);
            }
        }
    })
}

/// Rows that were the newest before.
fn restore(restored: Restored<'_>) -> Stream<'_, Epoch, Vec<Candidate>> {
    restored.unary(Pipeline, "latest: restore", |_capability, _info| {
        |input, output| {
            input.for_each(|stamp, entries| {
                let candidates = entries.drain(..).map(|(key, value)| {
                    let (moment, row) = value.newest();
                    (key, moment, row)
                });
                output.session(&stamp).give_iterator(candidates);
            });
        }
    })
}

/// What an epoch brings.
#[derive(Default)]
struct EpochInput {
    candidates: Vec<Candidate>,
    clock: Option<i64>,
}

/// The newest row of each key that this worker owns.
struct Keeper {
    expire: Option<i64>,
    clock: i64,
    newest: Newest,
    /// Keys by the event time of their newest row, if keys expire.
    by_time: BTreeSet<(i64, RowBytes)>,
}

impl Keeper {
    fn new(expire: Option<i64>) -> Self {
        Self { expire, clock: i64::MIN, newest: HashMap::new(), by_time: BTreeSet::new() }
    }

    /// Takes in an epoch; gives the rows that it adds and takes back.
    fn advance(&mut self, input: EpochInput) -> Vec<(RowBytes, i64)> {
        self.clock = self.clock.max(input.clock.unwrap_or(i64::MIN));
        let mut changes = Vec::new();
        for (key, moment, row) in input.candidates {
            if self.is_expired(moment.0) {
                continue;
            }
            if let Some((known, old)) = self.newest.get(&key) {
                if (*known, old) >= (moment, &row) {
                    continue;
                }
                if self.expire.is_some() {
                    self.by_time.remove(&(known.0, key.clone()));
                }
                if *old != row {
                    changes.push((old.clone(), -1));
                    changes.push((row.clone(), 1));
                }
            } else {
                changes.push((row.clone(), 1));
            }
            if self.expire.is_some() {
                self.by_time.insert((moment.0, key.clone()));
            }
            self.newest.insert(key, (moment, row));
        }
        while let Some((time, _)) = self.by_time.first() {
            if !self.is_expired(*time) {
                break;
            }
            let Some((_, key)) = self.by_time.pop_first() else { break };
            if let Some((_, row)) = self.newest.remove(&key) {
                changes.push((row, -1));
            }
        }
        changes
    }

    fn is_expired(&self, time: i64) -> bool {
        self.expire.is_some_and(|expire| time.saturating_add(expire) <= self.clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> RowBytes {
        text.as_bytes().into()
    }

    fn epoch(clock: i64, candidates: &[(&str, i64, &str)]) -> EpochInput {
        let candidates = candidates.iter().map(|(key, time, row)| (bytes(key), (*time, 0, 0), bytes(row))).collect();
        EpochInput { candidates, clock: Some(clock) }
    }

    #[test]
    fn a_newer_row_replaces_and_silence_expires() {
        let mut keeper = Keeper::new(Some(10));
        assert_eq!(keeper.advance(epoch(1, &[("a", 1, "a1")])), [(bytes("a1"), 1)]);
        assert_eq!(
            keeper.advance(epoch(5, &[("a", 5, "a5"), ("b", 2, "b2")])),
            [(bytes("a1"), -1), (bytes("a5"), 1), (bytes("b2"), 1)]
        );
        assert_eq!(keeper.advance(epoch(12, &[("a", 4, "a4")])), [(bytes("b2"), -1)]);
        assert_eq!(keeper.advance(epoch(15, &[])), [(bytes("a5"), -1)]);
        assert_eq!(keeper.advance(epoch(15, &[("a", 5, "late")])), []);
    }
}
