//! The rows of an epoch from all workers → its changes, in an order that does not depend on the workers.

use std::collections::BTreeMap;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};

use crate::connector::Changes;
use crate::render::Batch;
use crate::safeguard::Safeguard;
use crate::schema::Schema;

/// An epoch's batches in the order of the log, as far as they have one.
pub(super) fn in_order(mut batches: Vec<(usize, Batch)>) -> Vec<Batch> {
    // A worker's own batches keep their order; those of one record batch come from one worker.
    if Safeguard::RowsInLogOrder.holds() {
        batches.sort_by_key(|(worker, batch)| (batch.origin, *worker));
    }
    batches.into_iter().map(|(_, batch)| batch).collect()
}

/// Rows that are only ever added: as they come.
pub(super) fn appended(schema: SchemaRef, batches: &[Batch]) -> Changes {
    let Some(rows) = together(&schema, batches) else { return empty(schema) };
    let diffs = batches.iter().flat_map(|batch| (0..batch.rows.num_rows()).map(|row| batch.diff(row))).collect();
    let mut changes = Changes { rows, diffs };
    if batches.iter().any(|batch| batch.origin.is_none()) {
        // Without an origin there is no order of the log: then the rows themselves decide.
        changes = sorted(&changes);
    }
    changes
}

/// Rows that are also taken back: each row once, with how often it is added in all, in the order of its bytes.
pub(super) fn changed(schema: &Schema, batches: &[Batch]) -> Changes {
    let Some(rows) = together(&schema.arrow(), batches) else { return empty(schema.arrow()) };
    let diffs: Vec<i64> =
        batches.iter().flat_map(|batch| (0..batch.rows.num_rows()).map(|row| batch.diff(row))).collect();
    sorted(&Changes { rows, diffs })
}

fn together(schema: &SchemaRef, batches: &[Batch]) -> Option<RecordBatch> {
    if batches.iter().all(|batch| batch.rows.num_rows() == 0) {
        return None;
    }
    // Batches of one plan have one schema; only whether a column may be null can differ after a union.
    let adapt = |batch: &Batch| RecordBatch::try_new(schema.clone(), batch.rows.columns().to_vec());
    let adapted: Vec<RecordBatch> =
        batches.iter().map(adapt).collect::<Result<_, _>>().expect("the plan has given a sink's columns their types");
    Some(concat_batches(schema, &adapted).expect("batches of one schema"))
}

fn sorted(changes: &Changes) -> Changes {
    let fields = changes.rows.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(fields).expect("arrow-row carries every column type");
    let encoded = converter.convert_columns(changes.rows.columns()).expect("the converter is for these columns");
    let mut groups: BTreeMap<&[u8], (u32, i64)> = BTreeMap::new();
    for (row, bytes) in encoded.iter().enumerate() {
        groups.entry(bytes.data()).or_insert((row as u32, 0)).1 += changes.diffs[row];
    }
    let kept: Vec<(u32, i64)> = groups.into_values().filter(|(_, diff)| *diff != 0).collect();
    let places = UInt32Array::from_iter_values(kept.iter().map(|(row, _)| *row));
    let rows = take_record_batch(&changes.rows, &places).expect("places lie within the batch");
    Changes { rows, diffs: kept.into_iter().map(|(_, diff)| diff).collect() }
}

fn empty(schema: SchemaRef) -> Changes {
    Changes { rows: RecordBatch::new_empty(schema), diffs: Vec::new() }
}
