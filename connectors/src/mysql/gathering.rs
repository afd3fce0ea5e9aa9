//! Rows that were read, gathered into Arrow batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray, PrimitiveArray, RecordBatch,
    StringViewArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Date32Type, Field, TimestampMicrosecondType};
use arrow::error::ArrowError;
use engine::connector::{ConnectorError, Held};
use engine::schema::{Column, ColumnType, Schema};

use super::data_error::{show, show_row};
use super::stored::Stored;
use super::typed::Typed;

/// The most rows of a batch.
const ROWS_MAX: usize = 10_000;
/// About how many bytes of rows make a batch.
const BYTES_MAX: usize = 16 << 20;

/// Where rows go.
pub(super) type Take<'a> = dyn FnMut(Held) -> Result<(), ConnectorError> + 'a;

/// Rows on their way.
pub(super) struct Gathering<'a> {
    schema: &'a Schema,
    take: &'a mut Take<'a>,
    columns: Vec<Vec<Typed>>,
    bytes: usize,
}

impl<'a> Gathering<'a> {
    /// Gathers rows of a schema.
    pub(super) fn new(schema: &'a Schema, take: &'a mut Take<'a>) -> Self {
        Self { schema, take, columns: vec![Vec::new(); schema.columns.len()], bytes: 0 }
    }

    /// Takes in a row.
    ///
    /// # Errors
    /// Of whoever takes the rows.
    pub(super) fn add(&mut self, row: Vec<Stored>) -> Result<(), ConnectorError> {
        let columns = self.schema.columns.iter();
        let mut values = Vec::with_capacity(row.len());
        for (column, stored) in columns.zip(&row) {
            match Typed::of(stored, &column.column_type) {
                Some(value) if column.nullable || value != Typed::Null => values.push(value),
                _ => return (self.take)(Held::Foreign(foreign(self.schema, column, stored, &row))),
            }
        }
        self.bytes += row.iter().map(Stored::size).sum::<usize>();
        self.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        let rows = self.columns.first().map_or(0, Vec::len);
        if rows >= ROWS_MAX || self.bytes >= BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// Hands over what is left.
    ///
    /// # Errors
    /// Of whoever takes the rows.
    pub(super) fn finish(mut self) -> Result<(), ConnectorError> {
        if self.columns.iter().all(Vec::is_empty) { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        self.bytes = 0;
        let columns = self.columns.iter_mut().zip(&self.schema.columns);
        let arrays = columns.map(|(values, column)| array(&std::mem::take(values), &column.column_type));
        let batch = arrays
            .collect::<Result<Vec<_>, _>>()
            .and_then(|arrays| RecordBatch::try_new(self.schema.arrow(), arrays))
            .map_err(|error| {
                let hint = "read fewer rows, or shorter ones, at a time";
                ConnectorError::refused(format!("the rows that were read fit into no batch: {error}"), hint)
            })?;
        (self.take)(Held::Rows(batch))
    }
}

/// Why a row is none of this schema.
fn foreign(schema: &Schema, column: &Column, stored: &Stored, row: &[Stored]) -> String {
    let names: Vec<&str> = schema.names().collect();
    let cells: Vec<_> = row.iter().map(Stored::shown).collect();
    format!(
        "column `{}` has {}, which is no {}; the row is ({})",
        column.name,
        show(&stored.shown()),
        column.column_type,
        show_row(&names, &cells)
    )
}

/// The values of a column as an array; they are all of its type.
fn array(values: &[Typed], column_type: &ColumnType) -> Result<ArrayRef, ArrowError> {
    /// What is in values of one kind.
    macro_rules! inner {
        ($kind:ident) => {
            values.iter().map(|value| match value {
                Typed::$kind(inner) => Some(inner),
                _ => None,
            })
        };
    }
    Ok(match column_type {
        ColumnType::String | ColumnType::Json => Arc::new(StringViewArray::from_iter(inner!(Text))),
        ColumnType::Int => Arc::new(inner!(Int).map(Option::<&i64>::copied).collect::<Int64Array>()),
        ColumnType::Float => Arc::new(inner!(Float).map(Option::<&f64>::copied).collect::<Float64Array>()),
        ColumnType::Bool => Arc::new(inner!(Bool).map(Option::<&bool>::copied).collect::<BooleanArray>()),
        ColumnType::Decimal(precision, scale) => {
            let array: Decimal128Array = inner!(Decimal).map(Option::<&i128>::copied).collect();
            Arc::new(array.with_precision_and_scale(*precision, *scale)?)
        }
        ColumnType::Timestamp => {
            let array: PrimitiveArray<TimestampMicrosecondType> =
                inner!(Timestamp).map(Option::<&i64>::copied).collect();
            Arc::new(array.with_data_type(column_type.arrow()))
        }
        ColumnType::Date => Arc::new(inner!(Date).map(Option::<&i32>::copied).collect::<PrimitiveArray<Date32Type>>()),
        ColumnType::List(element) => {
            let lists = || inner!(List);
            let offsets = OffsetBuffer::from_lengths(lists().map(|list| list.map_or(0, Vec::len)));
            let elements: Vec<Typed> = lists().flatten().flatten().cloned().collect();
            let nulls: NullBuffer = lists().map(|list| list.is_some()).collect();
            let field = Arc::new(Field::new("item", element.arrow(), false));
            let elements = array(&elements, element)?;
            Arc::new(ListArray::try_new(field, offsets, elements, Some(nulls).filter(|nulls| nulls.null_count() > 0))?)
        }
    })
}
