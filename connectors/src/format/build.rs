//! Builds Arrow columns from what a scan remembered.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, StringViewArray,
    TimestampMicrosecondArray, make_view,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field};
use engine::schema::ColumnType;

use super::decimal::parse_decimal;
use super::json::push_elements;
use super::slots::{Cell, Place};

/// Replaces a format's escapes: appends the text that the bytes stand for.
pub(super) type Unescape = fn(&[u8], &mut Vec<u8>);

/// What cells point into.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The bytes of the batch.
    pub(super) payload: &'a Buffer,
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
        parse_decimal(&origin.payload[place.start..place.end], precision, scale)
            .expect("the scan has judged that this number fits its column")
    };
    let values: Vec<i128> = cells.iter().enumerate().map(parse).collect();
    let array = Decimal128Array::new(values.into(), nulls)
        .with_precision_and_scale(precision, scale)
        .expect("precision and scale of a column type are in Arrow's range");
    Arc::new(array)
}

/// Texts as views into the payload: nothing is copied but texts of up to 12 bytes, which Arrow keeps in the view, and those with
/// escapes, which go into a buffer of their own.
fn build_texts(cells: &[Cell], nulls: Option<NullBuffer>, origin: Origin<'_>) -> StringViewArray {
    const PAYLOAD: u32 = 0;
    const UNESCAPED: u32 = 1;
    let bytes = origin.payload.as_slice();
    let mut unescaped = Vec::new();
    let mut borrows = false;
    let views: Vec<u128> = cells
        .iter()
        .map(|cell| {
            let place = Place::unpack(*cell);
            let written = &bytes[place.start..place.end];
            if place.escaped {
                let start = unescaped.len();
                (origin.unescape)(written, &mut unescaped);
                make_view(&unescaped[start..], UNESCAPED, start as u32)
            } else {
                borrows |= written.len() > 12;
                make_view(written, PAYLOAD, place.start as u32)
            }
        })
        .collect();
    // A column of short texts must not keep the whole payload alive.
    let payload = if borrows { origin.payload.clone() } else { Buffer::from(Vec::<u8>::new()) };
    let buffers = if unescaped.is_empty() { vec![payload] } else { vec![payload, Buffer::from(unescaped)] };
    StringViewArray::try_new(ScalarBuffer::from(views), buffers, nulls)
        .expect("the scan has judged that these places are UTF-8 within the payload")
}

fn build_lists(element: &ColumnType, cells: &[Cell], nulls: Option<NullBuffer>, origin: Origin<'_>) -> ArrayRef {
    let mut elements = Vec::new();
    let lengths: Vec<usize> = cells
        .iter()
        .map(|cell| {
            let before = elements.len();
            let place = Place::unpack(*cell);
            push_elements(element, &origin.payload[..place.end], place.start, &mut elements);
            elements.len() - before
        })
        .collect();
    let offsets = OffsetBuffer::from_lengths(lengths);
    let values = build_column(element, elements, None, origin);
    let field = Field::new("item", element.arrow(), false);
    debug_assert_eq!(DataType::List(Arc::new(field.clone())), ColumnType::List(Box::new(element.clone())).arrow());
    Arc::new(ListArray::new(Arc::new(field), offsets, values, nulls))
}
