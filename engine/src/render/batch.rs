//! What flows between operators.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter, filter_record_batch};
use arrow::datatypes::SchemaRef;

use crate::connector::PartitionIndex;

/// Rows of one epoch, and how often each is added or taken back.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The rows.
    pub rows: RecordBatch,
    /// One number a row; none if each is added once.
    pub diffs: Option<Int64Array>,
    /// Where the rows come from, while they are still a source's.
    pub origin: Option<Origin>,
}

/// Which records rows come from: enough to put batches into the order of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The source, by its place in the plan.
    pub source: usize,
    /// The partition.
    pub partition: PartitionIndex,
    /// The offset of the batch's first record.
    pub offset: u64,
}

impl Batch {
    /// How often the row at `row` is added.
    #[must_use]
    pub fn diff(&self, row: usize) -> i64 {
        self.diffs.as_ref().map_or(1, |diffs| diffs.value(row))
    }

    /// The same rows without the buffers of rows that were filtered away: what waits for a sink must not hold on to them.
    #[must_use]
    pub fn compact(self) -> Self {
        let columns = self.rows.columns().iter().map(|column| match column.as_string_view_opt() {
            Some(texts) => Arc::new(texts.gc()) as ArrayRef,
            None => Arc::clone(column),
        });
        let rows = record_batch(self.rows.schema(), columns.collect(), self.rows.num_rows());
        Self { rows, ..self }
    }

    /// How much memory it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.get_array_memory_size()
    }
}

/// A batch of these columns; `count` rows even if there is no column.
pub(crate) fn record_batch(schema: SchemaRef, columns: Vec<ArrayRef>, count: usize) -> RecordBatch {
    RecordBatch::try_new_with_options(schema, columns, &RecordBatchOptions::new().with_row_count(Some(count)))
        .expect("the plan has given every column its type")
}

/// The rows where `mask` is true.
pub(crate) fn filter_rows(rows: &RecordBatch, mask: &BooleanArray) -> RecordBatch {
    if rows.num_columns() == 0 {
        return record_batch(rows.schema(), Vec::new(), mask.true_count());
    }
    filter_record_batch(rows, mask).expect("the mask has one value a row")
}

/// The diffs where `mask` is true.
pub(crate) fn filter_diffs(diffs: &Int64Array, mask: &BooleanArray) -> Int64Array {
    let filtered = filter(diffs, mask).expect("the mask has one value a row");
    filtered.as_any().downcast_ref::<Int64Array>().expect("filtering keeps the type").clone()
}

/// The columns at these places.
pub(crate) fn project_rows(rows: &RecordBatch, places: &[usize]) -> RecordBatch {
    let whole = places.len() == rows.num_columns() && places.iter().enumerate().all(|(at, place)| at == *place);
    if whole {
        return rows.clone();
    }
    let fields: Vec<_> = places.iter().map(|place| Arc::clone(&rows.schema().fields()[*place])).collect();
    let columns = places.iter().map(|place| Arc::clone(rows.column(*place))).collect();
    record_batch(Arc::new(arrow::datatypes::Schema::new(fields)), columns, rows.num_rows())
}
