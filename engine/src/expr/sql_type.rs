//! The type names that `CAST` takes: ours, and their usual SQL spellings.

use arrow::datatypes::DataType;
use datafusion_sql::sqlparser::ast::{DataType as SqlType, ExactNumberInfo};

use crate::schema::ColumnType;

/// The column type of a SQL type name; `None` if no column can have it.
pub(super) fn column_type(sql: &SqlType) -> Option<ColumnType> {
    Some(match sql {
        SqlType::String(None) | SqlType::Text | SqlType::Varchar(None) | SqlType::Char(None) => ColumnType::String,
        SqlType::Int(None) | SqlType::Integer(None) | SqlType::BigInt(None) | SqlType::Int8(None) | SqlType::Int64 => {
            ColumnType::Int
        }
        SqlType::Float(ExactNumberInfo::None)
        | SqlType::Double(ExactNumberInfo::None)
        | SqlType::DoublePrecision
        | SqlType::Float8
        | SqlType::Float64 => ColumnType::Float,
        SqlType::Decimal(digits) | SqlType::Numeric(digits) | SqlType::Dec(digits) => decimal(*digits)?,
        SqlType::Bool | SqlType::Boolean => ColumnType::Bool,
        SqlType::Timestamp(None, _) | SqlType::Datetime(None) => ColumnType::Timestamp,
        SqlType::Date => ColumnType::Date,
        _ => return None,
    })
}

fn decimal(digits: ExactNumberInfo) -> Option<ColumnType> {
    let (precision, scale) = match digits {
        ExactNumberInfo::None => return None,
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    ColumnType::parse(&format!("decimal({precision},{scale})")).ok()
}

/// The Arrow type of a SQL type name; else what to write instead.
pub(super) fn arrow_type(sql: &SqlType) -> Result<DataType, String> {
    column_type(sql).map(|found| found.arrow()).ok_or_else(|| match sql {
        SqlType::Decimal(_) | SqlType::Numeric(_) | SqlType::Dec(_) => {
            "it needs digits, at most 38, and scale, as in `decimal(10,2)`".to_owned()
        }
        SqlType::Varchar(_) | SqlType::Char(_) | SqlType::CharVarying(_) => {
            "write `string`: text has any length".to_owned()
        }
        _ => "types that can be cast to: `string`, `int`, `float`, `decimal(p,s)`, `bool`, `timestamp`, `date`"
            .to_owned(),
    })
}
