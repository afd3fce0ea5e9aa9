//! One value of a row, taken out of its column and ready to be shown.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use engine::schema::ColumnType;

use super::escape::neutralise;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// No value.
    Null,
    /// An integer, float or decimal in decimal digits.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// Text as it came; also times and dates, RFC 3339.
    Text(String),
    /// The text of a JSON value.
    Json(String),
    /// Several values.
    List(Vec<Cell>),
}

impl Cell {
    /// The value at `row` of an array that has the Arrow type of `column_type`.
    pub(super) fn read(array: &dyn Array, column_type: &ColumnType, row: usize) -> Self {
        if array.is_null(row) {
            return Self::Null;
        }
        match column_type {
            ColumnType::String => Self::Text(array.as_string_view().value(row).to_owned()),
            ColumnType::Json => Self::Json(array.as_string_view().value(row).to_owned()),
            ColumnType::Int => Self::Number(array.as_primitive::<Int64Type>().value(row).to_string()),
            // The debug form is the shortest that reads back the same, and never 300 digits long.
            ColumnType::Float => Self::Number(format!("{:?}", array.as_primitive::<Float64Type>().value(row))),
            ColumnType::Decimal(..) => Self::Number(array.as_primitive::<Decimal128Type>().value_as_string(row)),
            ColumnType::Bool => Self::Bool(array.as_boolean().value(row)),
            ColumnType::Timestamp => Self::Text(timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row))),
            ColumnType::Date => Self::Text(date(array.as_primitive::<Date32Type>().value(row))),
            ColumnType::List(element) => {
                let values = array.as_list::<i32>().value(row);
                Self::List((0..values.len()).map(|at| Self::read(&values, element, at)).collect())
            }
        }
    }

    /// The value as people read it, with nothing in it that a terminal would obey.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Number(digits) => digits.clone(),
            Self::Bool(value) => value.to_string(),
            Self::Text(text) | Self::Json(text) => neutralise(text).into_owned(),
            Self::List(values) => format!("[{}]", values.iter().map(Self::text).collect::<Vec<_>>().join(", ")),
        }
    }
}

fn timestamp(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .map_or_else(|| format!("{micros}us"), |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn date(days: i32) -> String {
    NaiveDate::from_epoch_days(days).map_or_else(|| format!("{days}d"), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array};
    use arrow::array::{ListArray, StringViewArray, TimestampMicrosecondArray};

    use super::*;

    fn text_of(array: ArrayRef, column_type: &str) -> String {
        Cell::read(&array, &ColumnType::parse(column_type).unwrap(), 0).text()
    }

    #[test]
    fn every_type_has_a_text() {
        let decimal = Decimal128Array::from(vec![-12345]).with_precision_and_scale(10, 2).unwrap();
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1), Some(2)])]);
        let cases: Vec<(ArrayRef, &str, &str)> = vec![
            (Arc::new(StringViewArray::from(vec!["a\u{1b}b"])), "string", "a\\u{1b}b"),
            (Arc::new(Int64Array::from(vec![1_234_567])), "int", "1234567"),
            (Arc::new(Int64Array::from(vec![None])), "int", "null"),
            (Arc::new(Float64Array::from(vec![0.1])), "float", "0.1"),
            (Arc::new(Float64Array::from(vec![1e300])), "float", "1e300"),
            (Arc::new(decimal), "decimal(10,2)", "-123.45"),
            (Arc::new(BooleanArray::from(vec![true])), "bool", "true"),
            (Arc::new(TimestampMicrosecondArray::from(vec![0])), "timestamp", "1970-01-01T00:00:00Z"),
            (Arc::new(TimestampMicrosecondArray::from(vec![1_500_000])), "timestamp", "1970-01-01T00:00:01.500Z"),
            (Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX])), "timestamp", "9223372036854775807us"),
            (Arc::new(Date32Array::from(vec![-1])), "date", "1969-12-31"),
            (Arc::new(Date32Array::from(vec![i32::MIN])), "date", "-2147483648d"),
            (Arc::new(list), "list(int)", "[1, 2]"),
        ];
        for (array, column_type, text) in cases {
            assert_eq!(text_of(array, column_type), text, "{column_type}");
        }
    }
}
