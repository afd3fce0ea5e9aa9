//! One value on its way from an Arrow column into a statement.

use std::borrow::Cow;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray, PrimitiveArray,
    StringViewArray,
};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, Datelike, Days, NaiveDate};
use engine::schema::ColumnType;

/// A value as a parameter. Times are text, since both databases read and show the same form.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    /// SQL's null.
    Null,
    /// A whole number, or a truth value as 0 or 1.
    Int(i64),
    /// A finite float.
    Float(f64),
    /// Everything else.
    Text(Cow<'a, str>),
}

impl Cell<'_> {
    /// About how many bytes it takes in a statement.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Null => 2,
            Self::Int(_) | Self::Float(_) => 12,
            Self::Text(text) => text.len() + 12,
        }
    }
}

/// A column of which cells are made.
#[derive(Debug)]
pub(super) enum Cells<'a> {
    Text(&'a StringViewArray),
    Int(&'a Int64Array),
    Float(&'a Float64Array),
    Bool(&'a BooleanArray),
    Decimal(&'a Decimal128Array, i8),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>),
    Date(&'a PrimitiveArray<Date32Type>),
    List(&'a ListArray, &'a ColumnType),
}

impl<'a> Cells<'a> {
    /// The cells of `array`, which the engine has brought into the Arrow type of `column_type`.
    pub(super) fn of(array: &'a ArrayRef, column_type: &'a ColumnType) -> Self {
        match column_type {
            ColumnType::String | ColumnType::Json => Self::Text(array.as_string_view()),
            ColumnType::Int => Self::Int(array.as_primitive::<Int64Type>()),
            ColumnType::Float => Self::Float(array.as_primitive::<Float64Type>()),
            ColumnType::Bool => Self::Bool(array.as_boolean()),
            ColumnType::Decimal(_, scale) => Self::Decimal(array.as_primitive::<Decimal128Type>(), *scale),
            ColumnType::Timestamp => Self::Timestamp(array.as_primitive::<TimestampMicrosecondType>()),
            ColumnType::Date => Self::Date(array.as_primitive::<Date32Type>()),
            ColumnType::List(element) => Self::List(array.as_list::<i32>(), element),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(array) => array.is_null(row),
            Self::Int(array) => array.is_null(row),
            Self::Float(array) => array.is_null(row),
            Self::Bool(array) => array.is_null(row),
            Self::Decimal(array, _) => array.is_null(row),
            Self::Timestamp(array) => array.is_null(row),
            Self::Date(array) => array.is_null(row),
            Self::List(array, _) => array.is_null(row),
        }
    }

    /// The cell at `row`.
    ///
    /// # Errors
    /// Says which value has no form that all databases take: a time outside of the years 1 to 9999.
    pub(super) fn at(&self, row: usize) -> Result<Cell<'a>, String> {
        if self.is_null(row) {
            return Ok(Cell::Null);
        }
        Ok(match self {
            Self::Text(array) => Cell::Text(Cow::Borrowed(array.value(row))),
            Self::Int(array) => Cell::Int(array.value(row)),
            Self::Float(array) => Cell::Float(array.value(row)),
            Self::Bool(array) => Cell::Int(i64::from(array.value(row))),
            Self::Decimal(array, scale) => Cell::Text(Cow::Owned(decimal_text(array.value(row), *scale))),
            Self::Timestamp(array) => Cell::Text(Cow::Owned(timestamp_text(array.value(row))?)),
            Self::Date(array) => Cell::Text(Cow::Owned(date_text(array.value(row))?)),
            Self::List(array, element) => Cell::Text(Cow::Owned(list_text(&array.value(row), element)?)),
        })
    }
}

fn decimal_text(unscaled: i128, scale: i8) -> String {
    let scale = usize::from(scale.unsigned_abs());
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A time as it is stored, in UTC.
pub(super) fn timestamp_text(micros: i64) -> Result<String, String> {
    DateTime::from_timestamp_micros(micros)
        .filter(|time| (1..=9999).contains(&time.year()))
        .map(|time| time.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
        .ok_or_else(|| format!("{micros} µs since 1970 lies outside of the years 1 to 9999"))
}

/// A date as it is stored.
pub(super) fn date_text(days: i32) -> Result<String, String> {
    let distance = Days::new(u64::from(days.unsigned_abs()));
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1);
    let date = epoch
        .and_then(|epoch| if days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) });
    date.filter(|date| (1..=9999).contains(&date.year()))
        .map(|date| date.format("%Y-%m-%d").to_string())
        .ok_or_else(|| format!("{days} days since 1970 lie outside of the years 1 to 9999"))
}

/// A list as a JSON array; its elements are never null.
fn list_text(elements: &ArrayRef, element: &ColumnType) -> Result<String, String> {
    let cells = Cells::of(elements, element);
    let mut text = String::from("[");
    for row in 0..elements.len() {
        if row > 0 {
            text.push(',');
        }
        match (cells.at(row)?, element) {
            (Cell::Null, _) => text.push_str("null"),
            (Cell::Int(truth), ColumnType::Bool) => text.push_str(if truth == 0 { "false" } else { "true" }),
            (Cell::Int(number), _) => text.push_str(&number.to_string()),
            (Cell::Float(number), _) => text.push_str(&serde_json::Value::from(number).to_string()),
            (Cell::Text(inner), ColumnType::Json | ColumnType::List(_) | ColumnType::Decimal(..)) => {
                text.push_str(&inner)
            }
            (Cell::Text(inner), _) => text.push_str(&serde_json::Value::from(inner).to_string()),
        }
    }
    text.push(']');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        for (unscaled, scale, text) in
            [(5, 2, "0.05"), (-5, 2, "-0.05"), (12_345, 2, "123.45"), (7, 0, "7"), (0, 3, "0.000"), (-100, 2, "-1.00")]
        {
            assert_eq!(decimal_text(unscaled, scale), text);
        }
        assert_eq!(decimal_text(i128::MIN, 0), i128::MIN.to_string());
    }

    #[test]
    fn times_have_one_form_and_bounds() {
        assert_eq!(timestamp_text(0).unwrap(), "1970-01-01 00:00:00.000000");
        assert_eq!(timestamp_text(-1).unwrap(), "1969-12-31 23:59:59.999999");
        assert_eq!(timestamp_text(253_402_300_799_999_999).unwrap(), "9999-12-31 23:59:59.999999");
        assert!(timestamp_text(253_402_300_800_000_000).is_err());
        assert!(timestamp_text(i64::MIN).is_err());
        assert_eq!(date_text(-1).unwrap(), "1969-12-31");
        assert!(date_text(i32::MAX).is_err());
        assert!(date_text(i32::MIN).is_err());
    }

    #[test]
    fn lists_are_json() {
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["a\"b", "ä"]));
        assert_eq!(list_text(&texts, &ColumnType::String).unwrap(), r#"["a\"b","ä"]"#);
        let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        assert_eq!(list_text(&truths, &ColumnType::Bool).unwrap(), "[true,false]");
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0, -0.5]));
        assert_eq!(list_text(&floats, &ColumnType::Float).unwrap(), "[1.0,-0.5]");
    }
}
