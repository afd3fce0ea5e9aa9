//! Renders `distinct`: rows as bytes, counted per epoch, kept once by differential.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::AsCollection;
use differential_dataflow::operators::ThresholdTotal;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Operator;
use timely::dataflow::operators::vec::Map;

use crate::plan::Plan;

use crate::render::batch::Batch;
use crate::render::encoded::decode;
use crate::render::gathered::Gathered;
use crate::render::row_bytes::{RowBytes, RowCodec};
use crate::render::{Diff, Epoch};

pub(crate) fn distinct<'scope>(
    rows: Stream<'scope, Epoch, Vec<Batch>>,
    plan: &Arc<Plan>,
    node: usize,
) -> Stream<'scope, Epoch, Vec<Batch>> {
    let schema = plan.nodes[node].input.clone();
    let codec = RowCodec::ascending(&schema, 0..schema.columns.len());
    let counted = rows
        .unary_frontier(Pipeline, "distinct: count", move |_capability, _info| {
            let mut gathered = Gathered::<BTreeMap<RowBytes, Diff>>::new();
            move |(input, frontier), output| {
                input.for_each(|stamp, batches| {
                    let counts = gathered.at(&stamp, BTreeMap::new);
                    for batch in batches.drain(..) {
                        for (row, bytes) in codec.encode(batch.rows.columns()).iter().enumerate() {
                            *counts.entry(bytes.as_ref().into()).or_default() += batch.diff(row);
                        }
                    }
                });
                while let Some(complete) = gathered.pop_complete(|epoch| frontier.less_equal(epoch)) {
                    let changed = complete.gathered.into_iter().filter(|(_, diff)| *diff != 0);
                    let updates = changed.map(|(row, diff)| (row, complete.epoch, diff));
                    output.session(&complete.capabilities[0]).give_iterator(updates);
                }
            }
        })
        .as_collection()
        .threshold_total(|_row, count| Diff::from(*count > 0));
    let codec = RowCodec::ascending(&plan.nodes[node].output, 0..plan.nodes[node].output.columns.len());
    decode(counted.inner.map(|(row, epoch, diff)| ((Box::default(), row), epoch, diff)), plan, node, codec, 0)
}
