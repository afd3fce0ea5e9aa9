//! Rows to JSON text.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use engine::schema::{ColumnType, Schema};

use super::super::decimal::write_decimal;
use super::super::time::{write_date, write_timestamp};

/// Appends a row as one JSON object without spaces and line ends, its fields in the schema's order. `batch` carries the schema's
/// columns in their Arrow types.
///
/// Timestamps are RFC 3339 in UTC with as much fraction as they have, decimals numbers with all digits of their scale, floats the
/// shortest number that reads back equal, `json` columns their text as it is, on one line. A float that is not finite, which rows
/// never hold, is null.
pub fn encode_row(batch: &RecordBatch, row: usize, schema: &Schema, out: &mut Vec<u8>) {
    let start = out.len();
    encode_columns(batch, row, schema, 0..schema.columns.len(), out);
    join_lines(&mut out[start..]);
}

/// Line ends are mere space in JSON, and escaped in texts, but end a record in a file of lines.
fn join_lines(json: &mut [u8]) {
    json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}

/// Appends some columns of a row, by their places, in the way of [`encode_row`], but `json` columns keep their line ends.
pub(crate) fn encode_columns(
    batch: &RecordBatch,
    row: usize,
    schema: &Schema,
    columns: impl IntoIterator<Item = usize>,
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    for (index, place) in columns.into_iter().enumerate() {
        let column = &schema.columns[place];
        if index > 0 {
            out.push(b',');
        }
        write_string(&column.name, out);
        out.push(b':');
        write_verbatim(&column.column_type, batch.column(place).as_ref(), row, out);
    }
    out.push(b'}');
}

/// Appends one value as JSON, on one line.
pub(crate) fn write_value(kind: &ColumnType, array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    let start = out.len();
    write_verbatim(kind, array, row, out);
    join_lines(&mut out[start..]);
}

fn write_verbatim(kind: &ColumnType, array: &dyn Array, row: usize, out: &mut Vec<u8>) {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    let quoted = |write: &dyn Fn(&mut Vec<u8>), out: &mut Vec<u8>| {
        out.push(b'"');
        write(out);
        out.push(b'"');
    };
    match kind {
        ColumnType::String => write_string(array.as_string_view().value(row), out),
        ColumnType::Json => out.extend_from_slice(array.as_string_view().value(row).as_bytes()),
        ColumnType::Int => {
            out.extend_from_slice(array.as_primitive::<Int64Type>().value(row).to_string().as_bytes());
        }
        ColumnType::Float => write_float(array.as_primitive::<Float64Type>().value(row), out),
        ColumnType::Decimal(_, scale) => write_decimal(array.as_primitive::<Decimal128Type>().value(row), *scale, out),
        ColumnType::Bool => {
            let text: &[u8] = if array.as_boolean().value(row) { b"true" } else { b"false" };
            out.extend_from_slice(text);
        }
        ColumnType::Timestamp => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            quoted(&|out| write_timestamp(micros, out), out);
        }
        ColumnType::Date => {
            let days = array.as_primitive::<Date32Type>().value(row);
            quoted(&|out| write_date(days, out), out);
        }
        ColumnType::List(element) => {
            let elements = array.as_list::<i32>().value(row);
            out.push(b'[');
            for index in 0..elements.len() {
                if index > 0 {
                    out.push(b',');
                }
                write_verbatim(element, elements.as_ref(), index, out);
            }
            out.push(b']');
        }
    }
}

/// Appends the shortest number that reads back as `value`.
fn write_float(value: f64, out: &mut Vec<u8>) {
    // Rust's debug form is the shortest that reads back, with an exponent where it is shorter; for finite floats it is a JSON number.
    let text = if value.is_finite() { format!("{value:?}") } else { "null".into() };
    out.extend_from_slice(text.as_bytes());
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let control;
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            0x0c => b"\\f",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => {
                control = format!("\\u{byte:04x}");
                control.as_bytes()
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..at]);
        out.extend_from_slice(escape);
        plain = at + 1;
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}
