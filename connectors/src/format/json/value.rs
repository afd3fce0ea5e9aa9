//! Values of declared columns: read on the fast path, or else told apart by what is wrong with them.

use engine::schema::ColumnType;

use super::super::decimal::{DecimalFault, parse_decimal};
use super::super::excerpt::excerpt;
use super::super::slots::{Cell, Place};
use super::super::time::{TimeFault, TimestampReader, read_date};
use super::grammar::{DEPTH_MAX, end_of_number, end_of_word, skip_space, skip_value};
use super::problem::Problem;
use super::string::{end_of_string, unescape};

/// Reads the value at `at` for a column: its cell, and the position after it. `None` if it is not such a value, or no JSON; `depth`
/// objects and arrays are open around it.
#[inline(always)]
pub(super) fn read_value(
    kind: &ColumnType,
    bytes: &[u8],
    at: usize,
    depth: u32,
    timestamps: &mut TimestampReader,
) -> Option<(Cell, usize)> {
    match kind {
        ColumnType::String => {
            let (end, escaped) = open_string(bytes, at)?;
            Some((Place::pack(at + 1, end - 1, escaped), end))
        }
        ColumnType::Int => read_int(bytes, at),
        ColumnType::Timestamp => read_timestamp(bytes, at, timestamps),
        _ => read_rarer_value(kind, bytes, at, depth, timestamps),
    }
}

/// The types of [`read_value`] that are not worth a place in its callers.
#[inline(never)]
fn read_rarer_value(
    kind: &ColumnType,
    bytes: &[u8],
    at: usize,
    depth: u32,
    timestamps: &mut TimestampReader,
) -> Option<(Cell, usize)> {
    match kind {
        ColumnType::Bool => match bytes.get(at)? {
            b't' => Some((1, end_of_word(bytes, at, b"true").ok()?)),
            b'f' => Some((0, end_of_word(bytes, at, b"false").ok()?)),
            _ => None,
        },
        ColumnType::Float => read_float(bytes, at),
        ColumnType::Date => {
            let (text, end) = plain_string(bytes, at)?;
            Some((Cell::from(read_date(&text).ok()?), end))
        }
        ColumnType::Decimal(precision, scale) => {
            let (end, _) = end_of_number(bytes, at).ok()?;
            parse_decimal(&bytes[at..end], *precision, *scale).ok()?;
            Some((Place::pack(at, end, false), end))
        }
        ColumnType::Json => {
            // Null is no value, and space before one no part of it.
            if let Some(b'n' | b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
                return None;
            }
            let end = skip_value(bytes, at, depth).ok()?;
            Some((Place::pack(at, end, false), end))
        }
        ColumnType::List(element) => {
            let end = visit_elements(element, bytes, at, depth, timestamps, &mut |_| {})?;
            Some((Place::pack(at, end, false), end))
        }
        ColumnType::String | ColumnType::Int | ColumnType::Timestamp => read_value(kind, bytes, at, depth, timestamps),
    }
}

#[inline]
fn open_string(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    end_of_string(bytes, at).ok()
}

/// A string's text, and the position after it.
fn plain_string(bytes: &[u8], at: usize) -> Option<(std::borrow::Cow<'_, [u8]>, usize)> {
    let (end, escaped) = open_string(bytes, at)?;
    let written = &bytes[at + 1..end - 1];
    if !escaped {
        return Some((written.into(), end));
    }
    let mut text = Vec::new();
    unescape(written, &mut text);
    Some((text.into(), end))
}

#[inline]
fn read_int(bytes: &[u8], at: usize) -> Option<(Cell, usize)> {
    let negative = bytes.get(at) == Some(&b'-');
    let first = at + usize::from(negative);
    if let Some((value, digits, next)) = bytes.get(first..).and_then(|rest| rest.first_chunk()).and_then(read_short_int)
    {
        if (digits > 1 && bytes[first] == b'0') || matches!(next, b'.' | b'e' | b'E') {
            return None;
        }
        return Some((if negative { -value } else { value }, first + digits));
    }
    let mut end = first;
    let mut value: u64 = 0;
    while let Some(byte @ b'0'..=b'9') = bytes.get(end) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        end += 1;
    }
    let digits = end - first;
    if digits == 0 || (digits > 1 && bytes[first] == b'0') || matches!(bytes.get(end), Some(b'.' | b'e' | b'E')) {
        return None;
    }
    // Up to 19 digits an u64 does not wrap.
    match (digits, negative) {
        (..=18, false) => Some((value as i64, end)),
        (..=18, true) => Some((-(value as i64), end)),
        (19, false) => i64::try_from(value).ok().map(|value| (value, end)),
        (19, true) => 0_i64.checked_sub_unsigned(value).map(|value| (value, end)),
        _ => None,
    }
}

/// The value of the 1 to 7 digits that these bytes begin with, how many they are, and the byte after them. All eight bytes are worked on
/// at once, since the number of digits of a count can hardly be guessed (D. Lemire, "Quickly parsing eight digits").
#[inline]
fn read_short_int(bytes: &[u8; 8]) -> Option<(i64, usize, u8)> {
    let values = u64::from_le_bytes(*bytes) ^ 0x3030_3030_3030_3030;
    // The lowest byte that is no digit reaches its highest bit; what it carries over touches only bytes after it.
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    let digits = (others.trailing_zeros() / 8) as usize;
    if digits == 0 || digits == 8 {
        return None;
    }
    // Zeros come before the digits; then neighbours are joined to pairs, fours and eight.
    let padded = values << (64 - 8 * digits);
    let pairs = padded.wrapping_mul(10).wrapping_add(padded >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let eight = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    Some((eight as i64, digits, bytes[digits]))
}

#[inline]
fn read_timestamp(bytes: &[u8], at: usize, timestamps: &mut TimestampReader) -> Option<(Cell, usize)> {
    if let Some([b'"', text @ .., b'"']) = bytes.get(at..).and_then(|rest| rest.first_chunk::<22>())
        && let Some(text) = text.first_chunk::<20>()
        && let Some(micros) = timestamps.read_whole_seconds(text)
    {
        return Some((micros, at + 22));
    }
    read_other_timestamp(bytes, at, timestamps)
}

#[inline(never)]
fn read_other_timestamp(bytes: &[u8], at: usize, timestamps: &mut TimestampReader) -> Option<(Cell, usize)> {
    let (text, end) = plain_string(bytes, at)?;
    Some((timestamps.read(&text).ok()?, end))
}

fn read_float(bytes: &[u8], at: usize) -> Option<(Cell, usize)> {
    let (end, _) = end_of_number(bytes, at).ok()?;
    let value: f64 = std::str::from_utf8(&bytes[at..end]).ok()?.parse().ok()?;
    // Adding zero makes minus zero plus zero, and changes nothing else.
    value.is_finite().then(|| ((value + 0.0).to_bits() as Cell, end))
}

/// Reads the list at `at`, gives each element's cell to `each`, and returns the position after it.
fn visit_elements(
    element: &ColumnType,
    bytes: &[u8],
    at: usize,
    depth: u32,
    timestamps: &mut TimestampReader,
    each: &mut dyn FnMut(Cell),
) -> Option<usize> {
    if bytes.get(at) != Some(&b'[') || depth >= DEPTH_MAX {
        return None;
    }
    let mut at = skip_space(bytes, at + 1);
    if bytes.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        let (cell, end) = read_value(element, bytes, at, depth + 1, timestamps)?;
        each(cell);
        at = skip_space(bytes, end);
        match bytes.get(at)? {
            b',' => at = skip_space(bytes, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Appends the cells of the elements of a list that the scan has judged; none if nothing stands there, as for a null.
pub(in super::super) fn push_elements(element: &ColumnType, bytes: &[u8], at: usize, cells: &mut Vec<Cell>) {
    visit_elements(element, bytes, at, 1, &mut TimestampReader::default(), &mut |cell| cells.push(cell));
}

/// Says why `value`, well-formed JSON, is no value of a column; `place` names it in messages.
#[cold]
pub(super) fn diagnose(kind: &ColumnType, value: &[u8], place: &str) -> Problem {
    let wrong_type = || Problem::wrong_type(place, value, &expectation(kind));
    let first = value.first().copied().unwrap_or_default();
    match (kind, first) {
        (_, b'n') => Problem::null(place),
        (ColumnType::Int, b'-' | b'0'..=b'9') => match parse_decimal(value, 38, 0).map(i64::try_from) {
            Ok(Ok(_)) => wrong_type(),
            _ => Problem::out_of_range(place, value, "is not a whole number of 64 bits"),
        },
        (ColumnType::Float, b'-' | b'0'..=b'9') => Problem::out_of_range(place, value, "is larger than any float"),
        (ColumnType::Decimal(precision, scale), b'-' | b'0'..=b'9') => {
            let why = match parse_decimal(value, *precision, *scale) {
                Err(DecimalFault::TooFine) => format!("has more than {scale} digits after the point"),
                _ => format!("has more than {} digits before the point", i16::from(*precision) - i16::from(*scale)),
            };
            Problem::out_of_range(place, value, &why)
        }
        (ColumnType::Timestamp | ColumnType::Date, b'"') => {
            let fault = plain_string(value, 0).map(|(text, _)| match kind {
                ColumnType::Date => read_date(&text).err(),
                _ => TimestampReader::default().read(&text).err(),
            });
            match fault {
                Some(Some(TimeFault::TooFine)) => Problem::out_of_range(place, value, "is finer than microseconds"),
                Some(Some(TimeFault::Calendar)) => {
                    Problem::out_of_range(place, value, "names a day or time that does not exist")
                }
                _ => wrong_type(),
            }
        }
        (ColumnType::List(element), b'[') => diagnose_elements(element, value, place).unwrap_or_else(wrong_type),
        _ => wrong_type(),
    }
}

/// The problem of the first element that is none of its type.
fn diagnose_elements(element: &ColumnType, list: &[u8], place: &str) -> Option<Problem> {
    let mut timestamps = TimestampReader::default();
    let mut at = skip_space(list, 1);
    for number in 1.. {
        let end = skip_value(list, at, 0).ok()?;
        if read_value(element, list, at, 0, &mut timestamps).is_none() {
            return Some(diagnose(element, &list[at..end], &format!("element {number} of {place}")));
        }
        let comma = skip_space(list, end);
        if list.get(comma) != Some(&b',') {
            return None;
        }
        at = skip_space(list, comma + 1);
    }
    None
}

/// What a column's type asks for, in words.
fn expectation(kind: &ColumnType) -> String {
    match kind {
        ColumnType::String => "a string".into(),
        ColumnType::Int => "a whole number".into(),
        ColumnType::Float => "a number".into(),
        ColumnType::Decimal(..) => format!("a number of type {kind}"),
        ColumnType::Bool => "true or false".into(),
        ColumnType::Timestamp => "a time as \"2026-01-05T00:00:00Z\"".into(),
        ColumnType::Date => "a date as \"2026-01-05\"".into(),
        ColumnType::Json => "a value".into(),
        ColumnType::List(_) => format!("a {kind}"),
    }
}

/// What a JSON value is, in words, with a piece of it.
pub(super) fn describe_value(value: &[u8]) -> String {
    let noun = match value.first() {
        Some(b'"') => "the string",
        Some(b'{') => "the object",
        Some(b'[') => "the list",
        Some(b't' | b'f' | b'n') => "",
        _ => "the number",
    };
    let piece = excerpt(value);
    if noun.is_empty() { format!("`{piece}`") } else { format!("{noun} `{piece}`") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whole_numbers_are_read_at_any_length(int in any::<i64>(), shift in 0..64, after in "[,} .x]{0,9}") {
            let int = int >> shift;
            let text = format!("{int}{after}");
            let expected = if after.starts_with('.') { None } else { Some((int, text.len() - after.len())) };
            prop_assert_eq!(read_int(text.as_bytes(), 0), expected);
        }

        #[test]
        fn eight_bytes_are_read_as_their_digits(bytes in prop::array::uniform8(prop_oneof![3 => b'0'..=b'9', 1 => any::<u8>()])) {
            let digits: String = bytes.iter().map_while(|byte| byte.is_ascii_digit().then_some(char::from(*byte))).collect();
            let expected = match digits.len() {
                1..=7 => Some((digits.parse().expect("digits"), digits.len(), bytes[digits.len()])),
                _ => None,
            };
            prop_assert_eq!(read_short_int(&bytes), expected);
        }
    }
}
