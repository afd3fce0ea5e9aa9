//! The first `n` values of each key, kept up to date: what `top`, `min`, `max` and their like need over rows that are taken back.
//!
//! Two levels: values are dealt among the workers by their hash, each keeps the first `n` of its share, and the worker that owns a key keeps the first
//! `n` of all shares. A change costs one look at a table; only if many of the first go at once, all values of a share are looked through.

use std::hash::{BuildHasher, Hash};

use differential_dataflow::{AsCollection, VecCollection};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Operator;

use super::encoded::Update;
use super::first_values::FirstValues;
use super::gathered::Gathered;
use super::row_bytes::RowBytes;
use super::{Diff, Epoch};

/// For each key the first `n` values in byte order; a value that stands `m` times takes `m` places.
pub(crate) fn smallest<'scope>(
    values: VecCollection<'scope, Epoch, (RowBytes, RowBytes), Diff>,
    n: usize,
) -> VecCollection<'scope, Epoch, (RowBytes, RowBytes), Diff> {
    let workers = values.inner.scope().peers();
    let mut values = values.inner;
    if workers > 1 {
        values = keep_first(values, n, |((_, value), _, _)| hash(value));
    }
    keep_first(values, n, |((key, _), _, _)| hash(key)).as_collection()
}

fn hash(bytes: impl Hash) -> u64 {
    // Tables deal slots by the lowest and the highest bits.
    FixedState::with_seed(0).hash_one(bytes) >> 24
}

/// The first `n` of the values of each key among those that `place` brings to one worker.
fn keep_first<'scope>(
    values: Stream<'scope, Epoch, Vec<Update>>,
    n: usize,
    place: impl Fn(&Update) -> u64 + 'static,
) -> Stream<'scope, Epoch, Vec<Update>> {
    values.unary_frontier(Exchange::new(place), "smallest", move |_capability, _info| {
        let mut keys: HashMap<RowBytes, FirstValues, FixedState> = HashMap::default();
        let mut gathered = Gathered::<Vec<Update>>::new();
        move |(input, frontier), output| {
            input.for_each(|stamp, updates| gathered.at(&stamp, Vec::new).append(updates));
            while let Some(complete) = gathered.pop_complete(|epoch| frontier.less_equal(epoch)) {
                let mut touched: Vec<RowBytes> = Vec::new();
                for ((key, value), _, times) in complete.gathered {
                    if touched.last() != Some(&key) {
                        touched.push(key.clone());
                    }
                    keys.entry(key).or_default().add(value, times);
                }
                touched.sort_unstable();
                touched.dedup();
                let mut session = output.session(&complete.capability);
                for key in touched {
                    let Some(values) = keys.get_mut(&key) else { continue };
                    let changes = values.changes(n);
                    if values.is_empty() {
                        keys.remove(&key);
                    }
                    let update = |(value, times)| ((key.clone(), value), complete.epoch, times);
                    session.give_iterator(changes.into_iter().map(update));
                }
            }
        }
    })
}
