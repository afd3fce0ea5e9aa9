//! Renders `distinct`: rows as bytes, counted per epoch, kept once by differential.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::AsCollection;
use differential_dataflow::operators::ThresholdTotal;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Concatenate, Operator};
use timely::dataflow::{Scope, Stream};

use crate::plan::Plan;

use crate::render::cut::CutPage;
use crate::render::cut_value::CutValue;
use crate::render::encoded::decode;
use crate::render::gathered::{Complete, Gathered, epoch};
use crate::render::node_input::{CutInput, NodeInput, Restored, Rows};
use crate::render::row_bytes::{RowBytes, RowCodec};
use crate::render::{Diff, Epoch};

pub(crate) fn distinct<'scope>(
    scope: Scope<'scope, Epoch>,
    input: NodeInput<'scope>,
    plan: &Arc<Plan>,
    node: usize,
) -> Rows<'scope> {
    let mut counted = Vec::new();
    if let Some(CutInput { rows, page, restored }) = input.of_sources {
        counted.push(count(rows, plan, node, Some(page)));
        counted.push(restore(restored));
    }
    counted.extend(input.of_nodes.map(|rows| count(rows, plan, node, None)));
    let kept = scope.concatenate(counted).as_collection().threshold_total(|_row, count| Diff::from(*count > 0));
    let codec = RowCodec::ascending(&plan.nodes[node].output, 0..plan.nodes[node].output.columns.len());
    decode(kept.inner.map(|(row, epoch, diff)| ((Box::default(), row), epoch, diff)), plan, node, codec, 0)
}

/// A row and how often it comes in an epoch.
type Counted = (RowBytes, Epoch, Diff);

fn count<'scope>(
    rows: Rows<'scope>,
    plan: &Arc<Plan>,
    node: usize,
    page: Option<CutPage>,
) -> Stream<'scope, Epoch, Vec<Counted>> {
    let schema = &plan.nodes[node].input;
    let codec = RowCodec::ascending(schema, 0..schema.columns.len());
    rows.unary_frontier(Pipeline, "distinct: count", move |_capability, _info| {
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
                let Complete { epoch, capability, gathered: mut counts } = complete;
                counts.retain(|_, diff| *diff != 0);
                if let Some(page) = &page {
                    page.note(epoch, || counts.iter().map(|(row, diff)| (row.clone(), CutValue::Count(*diff))));
                }
                output.session(&capability).give_iterator(counts.into_iter().map(|(row, diff)| (row, epoch, diff)));
            }
        }
    })
}

/// Rows that were counted before.
fn restore(restored: Restored<'_>) -> Stream<'_, Epoch, Vec<Counted>> {
    restored.unary(Pipeline, "distinct: restore", |_capability, _info| {
        |input, output| {
            input.for_each(|stamp, entries| {
                let epoch = epoch(&stamp);
                let rows = entries.drain(..).map(|(row, value)| (row, epoch, value.count()));
                output.session(&stamp).give_iterator(rows);
            });
        }
    })
}
