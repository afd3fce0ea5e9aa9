//! Arrow types in the words of our schemas, and which of them go together.

use arrow::datatypes::DataType;

use crate::schema::ColumnType;

/// Types that may be compared with each other and stand in one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// The type of a bare `NULL`: goes with all.
    Null,
    /// `bool`.
    Bool,
    /// `int`, `float`, `decimal`.
    Number,
    /// `string`, `json`.
    Text,
    /// `timestamp`, `date`.
    Time,
    /// What lies between two timestamps.
    Interval,
    /// Lists, and what no column can have.
    Other,
}

impl Family {
    pub(super) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Self::Time,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            other if other.is_numeric() => Self::Number,
            _ => Self::Other,
        }
    }
}

/// How messages call a type.
pub(super) fn type_name(data_type: &DataType) -> String {
    if let Some(column_type) = ColumnType::of_arrow(data_type) {
        return column_type.to_string();
    }
    match data_type {
        DataType::Null => "null".into(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".into(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary".into()
        }
        DataType::Time32(_) | DataType::Time64(_) => "time of day".into(),
        DataType::FixedSizeList(..) | DataType::ListView(_) => "list".into(),
        _ => "structure".into(),
    }
}

/// The form that a column's values take, when `data_type` is another form of a column's type.
pub(super) fn canonical(data_type: &DataType) -> Option<DataType> {
    let form = match data_type {
        DataType::List(_) | DataType::LargeList(_) => return None,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        other => ColumnType::of_arrow(other)?.arrow(),
    };
    (form != *data_type).then_some(form)
}
