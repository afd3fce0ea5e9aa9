//! Why a record is no row: the stable codes of JSON records, and their messages.

use super::super::excerpt::excerpt;
use super::grammar::{DEPTH_MAX, Expected, Malformed};
use super::value::describe_value;

/// Why a record is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The stable code.
    pub(super) code: &'static str,
    /// What is wrong, for people.
    pub(super) message: String,
}

impl Problem {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// There is no value at all.
    pub(super) fn tombstone() -> Self {
        Self::new("json.tombstone", "the record has no value (a tombstone)")
    }

    /// There are no bytes, or only spaces.
    pub(super) fn empty() -> Self {
        Self::new("json.empty", "the record is empty")
    }

    /// The record is longer than can be addressed.
    pub(super) fn too_large() -> Self {
        Self::new("json.too_large", "the record is larger than 2 GiB")
    }

    /// The bytes are not text.
    pub(super) fn not_utf8(record: &[u8]) -> Self {
        let at = std::str::from_utf8(record).err().map_or(record.len(), |error| error.valid_up_to());
        let piece = excerpt(&record[at..]);
        Self::new("json.not_utf8", format!("byte {at} of the record is not UTF-8: `{piece}`"))
    }

    /// The text is not JSON, or nests too deeply; `start` is where the record begins.
    pub(super) fn malformed(bytes: &[u8], start: usize, malformed: Malformed) -> Self {
        let at = malformed.at.min(bytes.len());
        let place = at - start;
        match malformed.expected {
            Expected::LessDepth => {
                Self::new("json.too_deep", format!("at byte {place} values nest deeper than {DEPTH_MAX} levels"))
            }
            Expected::Words(expected) => {
                let found = if at == bytes.len() { "the end".into() } else { format!("`{}`", excerpt(&bytes[at..])) };
                Self::new("json.syntax", format!("not JSON at byte {place}: expected {expected}, found {found}"))
            }
        }
    }

    /// The record is some other JSON value.
    pub(super) fn not_an_object(value: &[u8]) -> Self {
        Self::new("json.not_an_object", format!("expected an object, found {}", describe_value(value)))
    }

    /// A declared field is not there.
    pub(super) fn missing(field: &str) -> Self {
        Self::new("json.missing_field", format!("field `{field}` is missing"))
    }

    /// A declared field stands twice.
    pub(super) fn duplicate(field: &str) -> Self {
        Self::new("json.duplicate_field", format!("field `{field}` stands twice"))
    }

    /// A value that must be there is null.
    pub(super) fn null(place: &str) -> Self {
        Self::new("json.null", format!("{place} is null, but must have a value"))
    }

    /// A value is of another kind.
    pub(super) fn wrong_type(place: &str, value: &[u8], expectation: &str) -> Self {
        Self::new("json.wrong_type", format!("{place} must be {expectation}, found {}", describe_value(value)))
    }

    /// A value is of the kind, but its column cannot hold it.
    pub(super) fn out_of_range(place: &str, value: &[u8], why: &str) -> Self {
        Self::new("json.out_of_range", format!("{place}: {} {why}", describe_value(value)))
    }
}
