//! Builds Arrow columns from what a scan remembered.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use engine::schema::ColumnType;

use super::decimal::parse_decimal;
use super::json::push_elements;
use super::slots::{Cell, Place};
use super::texts::build_texts;
use super::utf8::Payload;

/// Replaces a format's escapes: appends the text that the bytes stand for.
pub(super) type Unescape = fn(&[u8], &mut Vec<u8>);

/// What cells point into.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The bytes of the batch.
    pub(super) payload: &'a Payload,
    /// How text with escapes is to be read.
    pub(super) unescape: Unescape,
}

/// The column of these cells, in the Arrow type of its column type. Cells of nulls are not looked at.
pub(super) fn build_column(
    kind: &ColumnType,
    cells: Vec<Cell>,
    nulls: Option<NullBuffer>,
    origin: Origin<'_>,
) -> ArrayRef {
    match kind {
        ColumnType::Int => Arc::new(Int64Array::new(cells.into(), nulls)),
        ColumnType::Timestamp => Arc::new(TimestampMicrosecondArray::new(cells.into(), nulls).with_timezone("UTC")),
        ColumnType::Float => {
            let floats: Vec<f64> = cells.into_iter().map(|cell| f64::from_bits(cell as u64)).collect();
            Arc::new(Float64Array::new(floats.into(), nulls))
        }
        ColumnType::Date => {
            let days: Vec<i32> = cells.into_iter().map(|cell| cell as i32).collect();
            Arc::new(Date32Array::new(days.into(), nulls))
        }
        ColumnType::Bool => Arc::new(BooleanArray::new(cells.iter().map(|cell| *cell != 0).collect(), nulls)),
        ColumnType::Decimal(precision, scale) => build_decimals(*precision, *scale, &cells, nulls, origin),
        ColumnType::String | ColumnType::Json => Arc::new(build_texts(&cells, nulls, origin)),
        ColumnType::List(element) => build_lists(element, &cells, nulls, origin),
    }
}

fn build_decimals(precision: u8, scale: i8, cells: &[Cell], nulls: Option<NullBuffer>, origin: Origin<'_>) -> ArrayRef {
    let parse = |(row, cell): (usize, &Cell)| {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return 0;
        }
        let place = Place::unpack(*cell);
        parse_decimal(&origin.payload.bytes()[place.start..place.end], precision, scale)
            .expect("the scan has judged that this number fits its column")
    };
    let values: Vec<i128> = cells.iter().enumerate().map(parse).collect();
    let array = Decimal128Array::new(values.into(), nulls)
        .with_precision_and_scale(precision, scale)
        .expect("precision and scale of a column type are in Arrow's range");
    Arc::new(array)
}

fn build_lists(element: &ColumnType, cells: &[Cell], nulls: Option<NullBuffer>, origin: Origin<'_>) -> ArrayRef {
    let mut elements = Vec::new();
    let lengths: Vec<usize> = cells
        .iter()
        .map(|cell| {
            let before = elements.len();
            let place = Place::unpack(*cell);
            push_elements(element, &origin.payload.bytes()[..place.end], place.start, &mut elements);
            elements.len() - before
        })
        .collect();
    let offsets = OffsetBuffer::from_lengths(lengths);
    let values = build_column(element, elements, None, origin);
    let field = Field::new("item", element.arrow(), false);
    debug_assert_eq!(DataType::List(Arc::new(field.clone())), ColumnType::List(Box::new(element.clone())).arrow());
    Arc::new(ListArray::new(Arc::new(field), offsets, values, nulls))
}
