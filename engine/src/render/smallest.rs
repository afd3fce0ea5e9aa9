//! The first `n` values of each key, kept up to date: what `top`, `min`, `max` and their like need over rows that are taken back.
//!
//! Two levels: values are dealt into buckets by their hash, each bucket keeps its first `n`, and the key keeps the first `n` of its buckets'. So a
//! change costs a look at one bucket and at the winners of the others, not at all values of its key.

use std::hash::BuildHasher;

use differential_dataflow::VecCollection;
use foldhash::fast::FixedState;

use super::row_bytes::RowBytes;
use super::{Diff, Epoch};

/// How many buckets a key has.
const BUCKETS: u64 = 64;

/// For each key the first `n` values in byte order; a value that stands `m` times takes `m` places.
pub(crate) fn smallest<'scope>(
    values: VecCollection<'scope, Epoch, (RowBytes, RowBytes), Diff>,
    n: usize,
) -> VecCollection<'scope, Epoch, (RowBytes, RowBytes), Diff> {
    values
        .map(|(key, value)| {
            let bucket = FixedState::with_seed(0).hash_one(&value) % BUCKETS;
            ((key, bucket), value)
        })
        .reduce_named("Smallest: buckets", move |_key, values, output| first(values, output, n))
        .map(|((key, _bucket), value)| (key, value))
        .reduce_named("Smallest", move |_key, values, output| first(values, output, n))
}

/// The first `n` of values that come in order with how often each stands.
fn first(values: &[(&RowBytes, Diff)], output: &mut Vec<(RowBytes, Diff)>, n: usize) {
    let mut left = i64::try_from(n).unwrap_or(i64::MAX);
    for (value, count) in values {
        let taken = (*count).min(left);
        if taken > 0 {
            output.push(((*value).clone(), taken));
            left -= taken;
        }
        if left == 0 {
            break;
        }
    }
}
