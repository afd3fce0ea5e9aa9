//! A typed expression turned into one that runs, over the columns that it uses and no others.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema as ArrowSchema;
use datafusion_common::{DFSchema, Result};
use datafusion_expr::Expr;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};

use super::checked::{can_fail, harden};
use crate::schema::{Column, Schema};

/// An expression that runs on batches of exactly its own columns, in its own order.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The columns that it reads, by name.
    pub(super) columns: Vec<Column>,
    /// What runs.
    pub(super) root: Arc<dyn PhysicalExpr>,
    /// Whether a row can fail.
    pub(super) fallible: bool,
}

impl Program {
    /// Plans a typed expression over columns of `schema`.
    pub(super) fn plan(expr: &Expr, schema: &Schema) -> Result<Self> {
        let mut columns: Vec<Column> =
            expr.column_refs().into_iter().filter_map(|used| schema.column(&used.name).cloned()).collect();
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        let frame = frame(&columns)?;
        let planned = create_physical_expr(expr, &frame, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
        let root = harden(planned, frame.as_arrow())?;
        let fallible = can_fail(&root);
        Ok(Self { columns, root, fallible })
    }

    /// Where the columns stand in `schema`.
    ///
    /// # Panics
    /// If one of them is not there: the caller promised a schema that has them.
    pub(super) fn indices(&self, schema: &Schema) -> Vec<usize> {
        let find = |column: &Column| {
            schema.index_of(&column.name).unwrap_or_else(|| panic!("the rows have no column `{}`", column.name))
        };
        self.columns.iter().map(find).collect()
    }

    /// One value for the whole batch, or an error if any row fails.
    pub(super) fn run(&self, batch: &RecordBatch) -> Result<arrow::array::ArrayRef> {
        self.root.evaluate(batch)?.into_array(batch.num_rows())
    }
}

/// The columns as DataFusion sees them.
pub(super) fn frame(columns: &[Column]) -> Result<DFSchema> {
    let fields: Vec<_> = columns.iter().map(Column::arrow).collect();
    DFSchema::try_from(ArrowSchema::new(fields))
}
