//! Rows as differential keeps them, and back to batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Int64Array;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;

use crate::plan::Plan;

use super::batch::{Batch, record_batch};
use super::row_bytes::{RowBytes, RowCodec};
use super::{Diff, Epoch};

/// A value of a key, with its epoch and diff.
pub(crate) type Update = ((RowBytes, RowBytes), Epoch, Diff);

/// Rows as bytes → batches of the node's output, one an epoch; the first `skip` columns of the bytes are not the row's.
pub(crate) fn decode<'scope>(
    rows: Stream<'scope, Epoch, Vec<Update>>,
    plan: &Arc<Plan>,
    node: usize,
    codec: RowCodec,
    skip: usize,
) -> Stream<'scope, Epoch, Vec<Batch>> {
    let schema = plan.nodes[node].output.arrow();
    rows.unary(Pipeline, "decode", move |_capability, _info| {
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
