//! Which rows of a batch a condition selects.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;

use super::evaluator::Evaluator;
use super::failure::Failure;

/// The rows that a predicate selects.
#[derive(Clone, Debug)]
pub struct Selected {
    /// One flag a row, never null: true if the row is selected.
    pub rows: BooleanArray,
    /// The rows that failed, in order; none of them is selected.
    pub failures: Vec<Failure>,
}

/// A condition that is ready to run on batches of one schema.
///
/// The terms of its outermost `AND` run one after the other, each only on the rows that all before it select.
#[derive(Clone, Debug)]
pub struct Predicate {
    terms: Vec<Evaluator>,
}

impl Predicate {
    pub(super) fn new(terms: Vec<Evaluator>) -> Self {
        Self { terms }
    }

    /// The rows for which the condition is true: not false, not null, not failed.
    #[must_use]
    pub fn select(&self, batch: &RecordBatch) -> Selected {
        let rows = batch.num_rows();
        let mut failures = Vec::new();
        let mut selected: Option<BooleanBuffer> = None;
        for term in &self.terms {
            let partial = selected.as_ref().filter(|flags| flags.count_set_bits() < rows);
            let next = match partial {
                Some(flags) if flags.count_set_bits() == 0 => break,
                Some(flags) if term.can_fail() => select_among(term, batch, flags, &mut failures),
                Some(flags) => flags & &truths(&evaluate(term, batch, &mut failures)),
                None => truths(&evaluate(term, batch, &mut failures)),
            };
            selected = Some(next);
        }
        failures.sort_by_key(|failure| failure.row);
        let rows = BooleanArray::new(selected.unwrap_or_else(|| BooleanBuffer::new_set(rows)), None);
        Selected { rows, failures }
    }
}

fn evaluate(term: &Evaluator, batch: &RecordBatch, failures: &mut Vec<Failure>) -> ArrayRef {
    let evaluated = term.evaluate(batch);
    failures.extend(evaluated.failures);
    evaluated.values
}

fn truths(values: &ArrayRef) -> BooleanBuffer {
    let values = values.as_boolean();
    match values.nulls() {
        Some(nulls) if nulls.null_count() > 0 => values.values() & nulls.inner(),
        _ => values.values().clone(),
    }
}

/// Runs a term on the selected rows only, and brings its verdicts back to the rows of the whole batch.
fn select_among(
    term: &Evaluator,
    batch: &RecordBatch,
    selected: &BooleanBuffer,
    failures: &mut Vec<Failure>,
) -> BooleanBuffer {
    let narrow = term.project(batch);
    let mask = BooleanArray::new(selected.clone(), None);
    let narrow = filter_record_batch(&narrow, &mask).expect("the mask is as long as the batch");
    let evaluated = term.evaluate_projected(&narrow);
    let rows: Vec<usize> = selected.set_indices().collect();
    failures.extend(
        evaluated
            .failures
            .into_iter()
            .map(|failure| Failure { row: u32::try_from(rows[failure.row as usize]).unwrap_or(u32::MAX), ..failure }),
    );
    let verdicts = truths(&evaluated.values);
    let mut next = arrow::array::BooleanBufferBuilder::new(batch.num_rows());
    next.append_n(batch.num_rows(), false);
    for at in verdicts.set_indices() {
        next.set_bit(rows[at], true);
    }
    next.finish()
}
