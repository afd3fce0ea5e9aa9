//! Values with their position, and the written forms of durations.

use std::time::Duration;

use crate::diagnostic::Span;

/// A value and the bytes that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// Reads a duration: a whole number and one of `us ms s m h d`.
///
/// # Errors
/// Says what the right form is.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let wrong =
        || format!("`{text}` is not a duration; write a number and a unit, as in `250ms`, `20s`, `5m`, `2h` or `1d`");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let micros: u64 = match text[digits..].trim_start() {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" | "min" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(micros)
        .filter(|micros| i64::try_from(*micros).is_ok())
        .map(Duration::from_micros)
        .ok_or_else(|| format!("`{text}` is too long a time"))
}

/// Reads a size: a whole number and one of `KiB MiB GiB TiB`; in bytes.
///
/// # Errors
/// Says what the right form is.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let wrong = || format!("`{text}` is not a size; write a number and a unit, as in `512MiB` or `2GiB`");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit: u64 = match text[digits..].trim_start() {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).ok_or_else(|| format!("`{text}` is more than there can be"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("512MiB"), Ok(512 << 20));
        assert_eq!(parse_size("2 GiB"), Ok(2 << 30));
        for wrong in ["5", "MiB", "-1GiB", "2GB", "99999999999TiB", ""] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["5", "m", "-1s", "1 fortnight", "99999999999999d", ""] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
