//! A row as a JSON object.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use engine::schema::{ColumnType, Schema};

/// Appends a row as a JSON object: columns in the schema's order; times in RFC 3339, UTC, with as many digits as they need of the second's
/// fraction (none, three or six); decimals as plain digits; JSON columns as they are.
pub(super) fn encode_row(batch: &RecordBatch, row: usize, schema: &Schema, into: &mut Vec<u8>) {
    encode_columns(batch, row, schema, 0..schema.columns.len(), into);
}

/// Appends some columns of a row as a JSON object.
pub(super) fn encode_columns(
    batch: &RecordBatch,
    row: usize,
    schema: &Schema,
    columns: impl IntoIterator<Item = usize>,
    into: &mut Vec<u8>,
) {
    into.push(b'{');
    for (place, column) in columns.into_iter().enumerate() {
        if place > 0 {
            into.push(b',');
        }
        encode_text(&schema.columns[column].name, into);
        into.push(b':');
        encode_value(batch.column(column), row, &schema.columns[column].column_type, into);
    }
    into.push(b'}');
}

/// Appends one value as JSON.
pub(super) fn encode_value(array: &ArrayRef, row: usize, column_type: &ColumnType, into: &mut Vec<u8>) {
    if array.is_null(row) {
        into.extend_from_slice(b"null");
        return;
    }
    match column_type {
        ColumnType::String => encode_text(array.as_string_view().value(row), into),
        ColumnType::Json => into.extend_from_slice(array.as_string_view().value(row).as_bytes()),
        ColumnType::Int => append(into, array.as_primitive::<Int64Type>().value(row)),
        ColumnType::Float => encode_float(array.as_primitive::<Float64Type>().value(row), into),
        ColumnType::Decimal(..) => append(into, array.as_primitive::<Decimal128Type>().value_as_string(row)),
        ColumnType::Bool => append(into, array.as_boolean().value(row)),
        ColumnType::Timestamp => encode_time(array.as_primitive::<TimestampMicrosecondType>().value(row), into),
        ColumnType::Date => encode_date(array.as_primitive::<Date32Type>().value(row), into),
        ColumnType::List(element) => {
            let values = array.as_list::<i32>().value(row);
            into.push(b'[');
            for at in 0..values.len() {
                if at > 0 {
                    into.push(b',');
                }
                encode_value(&values, at, element, into);
            }
            into.push(b']');
        }
    }
}

fn append(into: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to a vector does not fail.
    let _ = write!(into, "{value}");
}

fn encode_text(text: &str, into: &mut Vec<u8>) {
    // Text becomes JSON without fail, and so does writing to a vector.
    let _ = serde_json::to_writer(into, text);
}

/// The shortest digits that read back as the same float; never `NaN`, since floats in rows are finite.
fn encode_float(value: f64, into: &mut Vec<u8>) {
    let _ = serde_json::to_writer(into, &value);
}

fn encode_time(micros: i64, into: &mut Vec<u8>) {
    match DateTime::from_timestamp_micros(micros) {
        Some(time) => append(into, format_args!("\"{}\"", time.to_rfc3339_opts(SecondsFormat::AutoSi, true))),
        None => append(into, micros),
    }
}

fn encode_date(days: i32, into: &mut Vec<u8>) {
    match NaiveDate::from_epoch_days(days) {
        Some(date) => append(into, format_args!("\"{date}\"")),
        None => append(into, days),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListBuilder, StringViewArray,
        StringViewBuilder, TimestampMicrosecondArray,
    };
    use arrow::datatypes::{DataType, Field};
    use engine::schema::Column;

    use super::*;

    #[test]
    fn every_type_has_its_json() {
        let mut tags =
            ListBuilder::new(StringViewBuilder::new()).with_field(Field::new("item", DataType::Utf8View, false));
        tags.append_value([Some("a"), Some("b\n")]);
        tags.append_value([Some(""); 0]);
        let columns: Vec<(&str, ColumnType, ArrayRef)> = vec![
            ("s", ColumnType::String, Arc::new(StringViewArray::from(vec![Some("a\"ü"), None]))),
            ("i", ColumnType::Int, Arc::new(Int64Array::from(vec![i64::MIN, 7]))),
            ("f", ColumnType::Float, Arc::new(Float64Array::from(vec![0.1, 1e300]))),
            (
                "d",
                ColumnType::Decimal(20, 2),
                Arc::new(Decimal128Array::from(vec![-5, 1_234_567]).with_precision_and_scale(20, 2).expect("fits")),
            ),
            ("b", ColumnType::Bool, Arc::new(BooleanArray::from(vec![true, false]))),
            (
                "t",
                ColumnType::Timestamp,
                Arc::new(TimestampMicrosecondArray::from(vec![0, 1_500_001]).with_timezone("UTC")),
            ),
            ("day", ColumnType::Date, Arc::new(Date32Array::from(vec![0, -1]))),
            ("j", ColumnType::Json, Arc::new(StringViewArray::from(vec!["{\"a\": [1]}", "null"]))),
            ("l", ColumnType::List(Box::new(ColumnType::String)), Arc::new(tags.finish())),
        ];
        let schema = Schema::new(columns.iter().map(|(name, kind, _)| Column::nullable(*name, kind.clone())).collect());
        let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
        let batch = RecordBatch::try_new(schema.arrow(), arrays).expect("fits the schema");
        let rows: Vec<String> = (0..2)
            .map(|row| {
                let mut bytes = Vec::new();
                encode_row(&batch, row, &schema, &mut bytes);
                String::from_utf8(bytes).expect("JSON is text")
            })
            .collect();
        assert_eq!(
            rows[0],
            r#"{"s":"a\"ü","i":-9223372036854775808,"f":0.1,"d":-0.05,"b":true,"t":"1970-01-01T00:00:00Z","day":"1970-01-01","j":{"a": [1]},"l":["a","b\n"]}"#
        );
        assert_eq!(
            rows[1],
            r#"{"s":null,"i":7,"f":1e+300,"d":12345.67,"b":false,"t":"1970-01-01T00:00:01.500001Z","day":"1969-12-31","j":null,"l":[]}"#
        );
    }
}
