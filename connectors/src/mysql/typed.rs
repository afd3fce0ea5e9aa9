//! What a stored value means as a value of a column: the reverse of [`super::cell`].

use chrono::{NaiveDate, NaiveDateTime};
use engine::schema::ColumnType;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::cell::{date_text, timestamp_text};
use super::stored::Stored;

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Typed {
    Null,
    /// Also JSON.
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// In units of the scale.
    Decimal(i128),
    /// Microseconds since 1970.
    Timestamp(i64),
    /// Days since 1970.
    Date(i32),
    List(Vec<Typed>),
}

impl Typed {
    /// The value that was written so; none if nothing of this type is written so.
    pub(super) fn of(stored: &Stored, column_type: &ColumnType) -> Option<Self> {
        Some(match (column_type, stored) {
            (_, Stored::Null) => Self::Null,
            (ColumnType::String, Stored::Text(text)) => Self::Text(text.clone()),
            (ColumnType::Json, Stored::Text(text)) => {
                serde_json::from_str::<IgnoredAny>(text).ok()?;
                Self::Text(text.clone())
            }
            (ColumnType::Int, Stored::Int(number)) => Self::Int(*number),
            (ColumnType::Float, Stored::Float(number)) if number.is_finite() => Self::Float(*number),
            (ColumnType::Bool, Stored::Int(number @ (0 | 1))) => Self::Bool(*number == 1),
            (ColumnType::Decimal(precision, scale), stored) => Self::Decimal(match stored {
                Stored::Text(text) => decimal(text, *precision, *scale)?,
                Stored::Int(number) => decimal(&number.to_string(), *precision, *scale)?,
                // SQLite keeps up to 15 digits exactly; the shortest form of such a number is the one that was written.
                Stored::Float(number) if number.is_finite() => decimal(&number.to_string(), *precision, *scale)?,
                _ => return None,
            }),
            (ColumnType::Timestamp, Stored::Text(text)) => Self::Timestamp(timestamp(text)?),
            // Servers hand out dates with a time.
            (ColumnType::Date, Stored::Text(text)) => {
                Self::Date(date(text.strip_suffix(" 00:00:00.000000").unwrap_or(text))?)
            }
            (ColumnType::List(element), Stored::Text(text)) => list(text, element)?,
            _ => return None,
        })
    }

    /// The value that stands so in a JSON array.
    fn of_json(text: &str, column_type: &ColumnType) -> Option<Self> {
        Some(match column_type {
            ColumnType::String => Self::Text(serde_json::from_str(text).ok()?),
            ColumnType::Json => Self::Text(text.to_owned()),
            ColumnType::Int => Self::Int(text.parse().ok()?),
            ColumnType::Float => Self::Float(text.parse().ok().filter(|number: &f64| number.is_finite())?),
            ColumnType::Bool => Self::Bool(text.parse().ok()?),
            ColumnType::Decimal(precision, scale) => Self::Decimal(decimal(text, *precision, *scale)?),
            ColumnType::Timestamp => Self::Timestamp(timestamp(&serde_json::from_str::<String>(text).ok()?)?),
            ColumnType::Date => Self::Date(date(&serde_json::from_str::<String>(text).ok()?)?),
            ColumnType::List(element) => list(text, element)?,
        })
    }
}

fn list(text: &str, element: &ColumnType) -> Option<Typed> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    elements.into_iter().map(|raw| Typed::of_json(raw.get(), element)).collect::<Option<_>>().map(Typed::List)
}

/// Only the form that is written is taken, so a time has one form.
fn timestamp(text: &str) -> Option<i64> {
    let micros = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?.and_utc().timestamp_micros();
    timestamp_text(micros).ok().filter(|written| written == text).map(|_| micros)
}

fn date(text: &str) -> Option<i32> {
    let days = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.signed_duration_since(NaiveDate::default()).num_days();
    let days = i32::try_from(days).ok()?;
    date_text(days).ok().filter(|written| written == text).map(|_| days)
}

/// The unscaled value of a number without exponent. Zeros that a column with a larger scale has added go.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let scale = usize::from(scale.unsigned_abs());
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = whole.bytes().chain(fraction.bytes());
    if whole.is_empty() || fraction.len() > scale || !digits.clone().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let zeros = std::iter::repeat_n(b'0', scale - fraction.len());
    let mut magnitude: i128 = 0;
    for digit in digits.chain(zeros) {
        magnitude = magnitude.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let fits = magnitude < 10_i128.checked_pow(u32::from(precision))?;
    fits.then_some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, column_type: &ColumnType) -> Option<Typed> {
        Typed::of(&Stored::Text(text.into()), column_type)
    }

    #[test]
    fn decimals_keep_every_digit_and_refuse_others() {
        let wide = ColumnType::Decimal(38, 0);
        let most = "9".repeat(38);
        assert_eq!(text(&most, &wide), Some(Typed::Decimal(most.parse().unwrap())));
        assert_eq!(text(&format!("-{most}"), &wide), Some(Typed::Decimal(-most.parse::<i128>().unwrap())));
        let cents = ColumnType::Decimal(5, 2);
        for (written, unscaled) in [("1.5", Some(150)), ("-0.0500", Some(-5)), ("999.99", Some(99_999)), ("0", Some(0))]
        {
            assert_eq!(text(written, &cents), unscaled.map(Typed::Decimal), "{written}");
        }
        for wrong in ["1000.00", "0.001", "", ".5", "1e2", "--1", "+1", "1.-5", &"9".repeat(50)] {
            assert_eq!(text(wrong, &cents), None, "{wrong}");
        }
        assert_eq!(Typed::of(&Stored::Float(0.07), &cents), Some(Typed::Decimal(7)));
        assert_eq!(Typed::of(&Stored::Int(-3), &cents), Some(Typed::Decimal(-300)));
        assert_eq!(Typed::of(&Stored::Float(f64::INFINITY), &cents), None);
    }

    #[test]
    fn times_are_taken_only_in_the_form_that_is_written() {
        let time = ColumnType::Timestamp;
        assert_eq!(text("1969-12-31 23:59:59.999999", &time), Some(Typed::Timestamp(-1)));
        assert_eq!(text("0001-01-01 00:00:00.000000", &time), Some(Typed::Timestamp(-62_135_596_800_000_000)));
        for wrong in ["1970-01-01", "1970-01-01 00:00:00", "0000-00-00 00:00:00.000000", "1970-01-01 00:00:60.000000"] {
            assert_eq!(text(wrong, &time), None, "{wrong}");
        }
        assert_eq!(text("1969-12-31", &ColumnType::Date), Some(Typed::Date(-1)));
        assert_eq!(text("1969-12-31 00:00:00.000000", &ColumnType::Date), Some(Typed::Date(-1)));
        for wrong in ["1969-12-31 00:00:01.000000", "1969-2-1", "0000-00-00"] {
            assert_eq!(text(wrong, &ColumnType::Date), None, "{wrong}");
        }
    }

    #[test]
    fn lists_are_read_by_their_elements() {
        let list = |element| ColumnType::List(Box::new(element));
        let nested = list(list(ColumnType::Decimal(38, 1)));
        let wanted = vec![Typed::List(vec![Typed::Decimal(15)]), Typed::List(Vec::new())];
        assert_eq!(text("[[1.5],[]]", &nested), Some(Typed::List(wanted)));
        let floats = [Typed::Float(5e-324), Typed::Float(1.797_693_134_862_315_7e308)];
        assert_eq!(
            text("[5e-324,1.7976931348623157e308]", &list(ColumnType::Float)),
            Some(Typed::List(floats.to_vec()))
        );
        let raw = [Typed::Text("{\"a\": 1.0}".into()), Typed::Text("null".into())];
        assert_eq!(text("[{\"a\": 1.0},null]", &list(ColumnType::Json)), Some(Typed::List(raw.to_vec())));
        for (wrong, element) in [
            ("[null]", ColumnType::Int),
            ("[1.0]", ColumnType::Int),
            ("[1", ColumnType::Int),
            ("{}", ColumnType::Int),
            ("[1]", ColumnType::String),
            ("[\"1\"]", ColumnType::Float),
            ("[1e999]", ColumnType::Float),
            ("[1]", ColumnType::Bool),
        ] {
            assert_eq!(text(wrong, &list(element)), None, "{wrong}");
        }
    }

    #[test]
    fn other_types_are_foreign() {
        assert_eq!(Typed::of(&Stored::Int(2), &ColumnType::Bool), None);
        assert_eq!(Typed::of(&Stored::Float(f64::NAN), &ColumnType::Float), None);
        assert_eq!(Typed::of(&Stored::Bytes(vec![0xff]), &ColumnType::String), None);
        assert_eq!(text("5", &ColumnType::Int), None);
        assert_eq!(text("{\"a\"", &ColumnType::Json), None);
        assert_eq!(Typed::of(&Stored::Null, &ColumnType::Int), Some(Typed::Null));
    }
}
