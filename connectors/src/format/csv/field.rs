//! Fields of declared columns: their cells, or what is wrong with them.

use std::borrow::Cow;
use std::num::IntErrorKind;

use engine::schema::{Column, ColumnType};

use super::super::decimal::{DecimalFault, parse_decimal};
use super::super::excerpt::excerpt;
use super::super::json::{end_of_number, skip_value};
use super::super::slots::{Cell, Place};
use super::super::time::{TimeFault, TimestampReader, read_date};
use super::split::{Field, unescape};

/// Why a record is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The stable code.
    pub(super) code: &'static str,
    /// What is wrong, for people.
    pub(super) message: String,
}

/// Why a field is no value of its column.
enum Fault {
    Type(&'static str),
    Range(&'static str),
}

/// The cell of a field; `None` for null.
///
/// # Errors
/// What is wrong, naming the column.
pub(super) fn read_field(
    column: &Column,
    bytes: &[u8],
    field: &Field,
    timestamps: &mut TimestampReader,
) -> Result<Option<Cell>, Problem> {
    let Field { place, quoted, escaped } = field;
    if place.is_empty() && !quoted {
        if column.nullable {
            return Ok(None);
        }
        if column.column_type != ColumnType::String {
            let message = format!("column `{}` is empty, but must have a value", column.name);
            return Err(Problem { code: "csv.null", message });
        }
    }
    let written = &bytes[place.clone()];
    let text = if *escaped {
        let mut text = Vec::new();
        unescape(written, &mut text);
        Cow::Owned(text)
    } else {
        Cow::Borrowed(written)
    };
    let here = Place::pack(place.start, place.end, *escaped);
    read_text(&column.column_type, &text, here, timestamps).map(Some).map_err(|fault| {
        let (name, piece) = (&column.name, excerpt(&text));
        match fault {
            Fault::Type(expected) => Problem {
                code: "csv.wrong_type",
                message: format!("column `{name}` must be {expected}, found `{piece}`"),
            },
            Fault::Range(why) => {
                Problem { code: "csv.out_of_range", message: format!("column `{name}`: `{piece}` {why}") }
            }
        }
    })
}

/// The cell of a text; `here` is where it lies, for types whose cells are places.
fn read_text(kind: &ColumnType, text: &[u8], here: Cell, timestamps: &mut TimestampReader) -> Result<Cell, Fault> {
    let characters = std::str::from_utf8(text).unwrap_or_default();
    let is_number = || end_of_number(text, 0).is_ok_and(|(end, _)| end == text.len());
    match kind {
        ColumnType::String => Ok(here),
        ColumnType::Int => characters.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => Fault::Range("is not a whole number of 64 bits"),
            _ => Fault::Type("a whole number"),
        }),
        ColumnType::Float => match characters.parse::<f64>() {
            Ok(value) if is_number() && value.is_finite() => Ok((value + 0.0).to_bits() as Cell),
            Ok(_) if is_number() => Err(Fault::Range("is larger than any float")),
            _ => Err(Fault::Type("a number")),
        },
        ColumnType::Decimal(precision, scale) if is_number() => match parse_decimal(text, *precision, *scale) {
            Ok(_) => Ok(here),
            Err(DecimalFault::TooFine) => Err(Fault::Range("has too many digits after the point")),
            Err(DecimalFault::TooLarge) => Err(Fault::Range("has too many digits before the point")),
        },
        ColumnType::Decimal(..) => Err(Fault::Type("a number")),
        ColumnType::Bool => match text {
            b"true" => Ok(1),
            b"false" => Ok(0),
            _ => Err(Fault::Type("`true` or `false`")),
        },
        ColumnType::Timestamp => {
            timestamps.read(text).map_err(|fault| time_fault(fault, "a time as 2026-01-05T00:00:00Z"))
        }
        ColumnType::Date => read_date(text).map(Cell::from).map_err(|fault| time_fault(fault, "a date as 2026-01-05")),
        ColumnType::Json => match skip_value(text, 0, 0) {
            Ok(end) if end == text.len() && text != b"null" => Ok(here),
            _ => Err(Fault::Type("JSON, and not null")),
        },
        ColumnType::List(_) => Err(Fault::Type("a list, which CSV has not")),
    }
}

fn time_fault(fault: TimeFault, expected: &'static str) -> Fault {
    match fault {
        TimeFault::Form => Fault::Type(expected),
        TimeFault::Calendar => Fault::Range("names a day or time that does not exist"),
        TimeFault::TooFine => Fault::Range("is finer than microseconds"),
    }
}
