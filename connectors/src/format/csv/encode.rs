//! Rows to CSV text.

use arrow::array::{Array, AsArray, RecordBatch};
use engine::schema::{ColumnType, Schema};

use super::super::json::write_value;

/// Appends the header line, without line end.
pub fn encode_header(schema: &Schema, out: &mut Vec<u8>) {
    for (index, name) in schema.names().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(name.as_bytes(), out);
    }
}

/// Appends a row as one CSV record, without line end. `batch` carries the schema's columns in their Arrow types. Null is an empty field,
/// the empty text `""`; lists are their JSON text, and everything else is written as in JSON, without JSON's quotes.
pub fn encode_row(batch: &RecordBatch, row: usize, schema: &Schema, out: &mut Vec<u8>) {
    let mut json = Vec::new();
    for (index, (column, array)) in schema.columns.iter().zip(batch.columns()).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if array.is_null(row) {
            continue;
        }
        match &column.column_type {
            ColumnType::String | ColumnType::Json => write_text(array.as_string_view().value(row).as_bytes(), out),
            kind => {
                json.clear();
                write_value(kind, array.as_ref(), row, &mut json);
                let text = match json.as_slice() {
                    [b'"', inner @ .., b'"'] => inner,
                    text => text,
                };
                write_text(text, out);
            }
        }
    }
}

/// Appends a field, in quotes if it needs them.
fn write_text(text: &[u8], out: &mut Vec<u8>) {
    if !text.is_empty() && !text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
