//! The types a column can have, how they are written in YAML, and the Arrow type that carries each.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

/// The most digits a decimal may have.
const DECIMAL_PRECISION_MAX: u8 = 38;

/// A column's type. Whether it may be null is the column's own affair.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text.
    String,
    /// 64-bit signed integer.
    Int,
    /// 64-bit IEEE float; always finite.
    Float,
    /// Exact decimal: digits in all, digits after the point.
    Decimal(u8, i8),
    /// True or false.
    Bool,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// Days since 1970-01-01.
    Date,
    /// Any JSON value, kept as its text.
    Json,
    /// A list of values that may not be null.
    List(Box<ColumnType>),
}

impl ColumnType {
    /// The names that a schema may use, for suggestions.
    pub const NAMES: &'static [&'static str] =
        &["string", "int", "float", "decimal", "bool", "timestamp", "date", "json", "list"];

    /// Reads a type as written in YAML: `int`, `decimal(10,2)`, `list(string)`.
    ///
    /// # Errors
    /// Says what is wrong with the text; the caller knows where it stands.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, arguments) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => match rest.strip_suffix(')') {
                Some(inner) => (name.trim_end(), Some(inner)),
                None => return Err(format!("`{text}` lacks its closing parenthesis")),
            },
        };
        match (name, arguments) {
            ("string", None) => Ok(Self::String),
            ("int", None) => Ok(Self::Int),
            ("float", None) => Ok(Self::Float),
            ("bool", None) => Ok(Self::Bool),
            ("timestamp", None) => Ok(Self::Timestamp),
            ("date", None) => Ok(Self::Date),
            ("json", None) => Ok(Self::Json),
            ("decimal", Some(arguments)) => Self::parse_decimal(arguments),
            ("list", Some(element)) if element.trim_end().ends_with('?') => {
                Err("a `?` has no place within a list: its values are never null".into())
            }
            ("list", Some(element)) => Ok(Self::List(Box::new(Self::parse(element)?))),
            ("decimal", None) => Err("`decimal` needs digits and scale, as in `decimal(10,2)`".into()),
            ("list", None) => Err("`list` needs its element's type, as in `list(string)`".into()),
            (name, Some(_)) if Self::NAMES.contains(&name) => Err(format!("`{name}` takes no arguments")),
            (name, _) => Err(format!("no type is called `{name}`")),
        }
    }

    fn parse_decimal(arguments: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`decimal({arguments})` needs digits from 1 to {DECIMAL_PRECISION_MAX} and a scale from 0 to the digits"
            )
        };
        let (precision, scale) = arguments.split_once(',').ok_or_else(wrong)?;
        let precision: u8 = precision.trim().parse().map_err(|_| wrong())?;
        let scale: i8 = scale.trim().parse().map_err(|_| wrong())?;
        let fits =
            (1..=DECIMAL_PRECISION_MAX).contains(&precision) && (0..=i16::from(precision)).contains(&i16::from(scale));
        if fits { Ok(Self::Decimal(precision, scale)) } else { Err(wrong()) }
    }

    /// The Arrow type that carries this type between operators.
    #[must_use]
    pub fn arrow(&self) -> DataType {
        match self {
            Self::String | Self::Json => DataType::Utf8View,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::Bool => DataType::Boolean,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Date => DataType::Date32,
            Self::List(element) => DataType::List(Arc::new(Field::new("item", element.arrow(), false))),
        }
    }

    /// The type that an Arrow type becomes once it is brought into the form of [`ColumnType::arrow`]; `None` for
    /// Arrow types that no column can have.
    #[must_use]
    pub fn of_arrow(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Utf8View | DataType::Utf8 | DataType::LargeUtf8 => Self::String,
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64 => Self::Int,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Decimal128(precision, scale) if *scale >= 0 => Self::Decimal(*precision, *scale),
            DataType::Boolean => Self::Bool,
            DataType::Timestamp(..) => Self::Timestamp,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::List(field) | DataType::LargeList(field) => {
                Self::List(Box::new(Self::of_arrow(field.data_type())?))
            }
            _ => return None,
        })
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
            Self::Bool => f.write_str("bool"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Date => f.write_str("date"),
            Self::Json => f.write_str("json"),
            Self::List(element) => write!(f, "list({element})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_what_it_writes() {
        for text in
            ["string", "int", "float", "decimal(10,2)", "bool", "timestamp", "date", "json", "list(decimal(3,0))"]
        {
            assert_eq!(ColumnType::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn wrong_types_say_what_is_wrong() {
        for (text, part) in [
            ("integer", "no type is called `integer`"),
            ("decimal", "digits and scale"),
            ("decimal(40,2)", "digits from 1 to 38"),
            ("decimal(4,5)", "scale from 0"),
            ("int(4)", "takes no arguments"),
            ("list(string", "closing parenthesis"),
            ("list(int?)", "never null"),
            ("list(list(int?)?)", "never null"),
        ] {
            let error = ColumnType::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
