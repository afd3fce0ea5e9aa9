//! Values of an expression for all rows of a batch; rows that fail are set apart.

use arrow::array::{ArrayRef, RecordBatch, new_empty_array, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::DataType;

use super::failure::{Failure, Fault};
use super::program::Program;

/// The values of an expression for a batch.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// One value a row, in the form of [`crate::schema::ColumnType::arrow`]; null where the row failed.
    pub values: ArrayRef,
    /// The rows that failed, in order.
    pub failures: Vec<Failure>,
}

/// An expression that is ready to run on batches of one schema.
#[derive(Clone, Debug)]
pub struct Evaluator {
    program: Program,
    indices: Vec<usize>,
    data_type: DataType,
}

impl Evaluator {
    pub(super) fn new(program: Program, indices: Vec<usize>, data_type: DataType) -> Self {
        Self { program, indices, data_type }
    }

    /// Whether a row can fail at all.
    #[must_use]
    pub fn can_fail(&self) -> bool {
        self.program.fallible
    }

    /// The value of every row. A batch that fails is halved until the rows that fail stand alone, so what a row gives does
    /// not depend on its neighbours.
    ///
    /// # Panics
    /// If the batch has fewer columns than the schema that this was compiled for.
    #[must_use]
    pub fn evaluate(&self, batch: &RecordBatch) -> Evaluated {
        self.evaluate_projected(&self.project(batch))
    }

    /// The columns that the expression reads.
    pub(super) fn project(&self, batch: &RecordBatch) -> RecordBatch {
        batch.project(&self.indices).expect("batches have the columns of the schema they were compiled for")
    }

    pub(super) fn evaluate_projected(&self, batch: &RecordBatch) -> Evaluated {
        if batch.num_rows() == 0 {
            return Evaluated { values: new_empty_array(&self.data_type), failures: Vec::new() };
        }
        let mut pieces = Vec::new();
        let mut failures = Vec::new();
        self.evaluate_range(batch, 0, &mut pieces, &mut failures);
        let values = match pieces.as_slice() {
            [whole] => whole.clone(),
            _ => {
                let pieces: Vec<_> = pieces.iter().map(AsRef::as_ref).collect();
                concat(&pieces).expect("all pieces are of one type and no longer than their batch")
            }
        };
        Evaluated { values, failures }
    }

    fn evaluate_range(
        &self,
        batch: &RecordBatch,
        start: usize,
        pieces: &mut Vec<ArrayRef>,
        failures: &mut Vec<Failure>,
    ) {
        let rows = batch.num_rows();
        match self.program.run(batch) {
            Ok(values) => pieces.push(values),
            Err(error) if rows == 1 => {
                let Fault { code, message } = Fault::of(&error, "the expression");
                let row = u32::try_from(start).unwrap_or(u32::MAX);
                failures.push(Failure { row, code, message });
                pieces.push(new_null_array(&self.data_type, 1));
            }
            Err(_) => {
                let half = rows / 2;
                self.evaluate_range(&batch.slice(0, half), start, pieces, failures);
                self.evaluate_range(&batch.slice(half, rows - half), start + half, pieces, failures);
            }
        }
    }
}
