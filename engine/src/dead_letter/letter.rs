//! One dead letter, made of an error, and the record that it holds.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error_row::{ErrorRow, LATE};

/// Of a record's bytes at most this many are kept.
pub const TEXT_MAX: usize = 1 << 20;

/// What stands between ways.
const WAYS: &str = ", ";

/// A dead letter.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Letter {
    /// The partition's id; none if the row is no record's alone.
    pub partition: Option<String>,
    /// The record's offset.
    pub offset: Option<i64>,
    /// 32 hexadecimal digits: of the operator, the record, the code, the bytes, and which of several equal errors it is.
    pub id: String,
    /// The source among whose letters it is.
    pub source: String,
    /// The operator that failed, or the source that could not decode.
    pub operator: String,
    /// A stable code, as `json.missing_field`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// The time that came with the record, in microseconds since 1970.
    pub time: Option<i64>,
    /// The bytes as text; behind stateful operators the row as JSON.
    pub text: Option<String>,
    /// The bytes, if they are no UTF-8.
    pub base64: Option<String>,
    /// How many bytes there are, if there are any; more than [`TEXT_MAX`] are cut.
    pub bytes: Option<i64>,
    /// The operators in which the record failed, in all branches, each with the way to it; none if it could not be decoded.
    pub failed_at: Option<String>,
    /// What else came with the record and is used, as a JSON object.
    pub metadata: Option<String>,
    /// What stands before all records of the partition and explains them.
    pub header: Option<String>,
}

/// Why a letter holds no record that can be read again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// It has none.
    #[error("it is no record's alone: it goes away when its operator's rows change")]
    NoRecord,
    /// Only the beginning of it was kept.
    #[error("only the first {TEXT_MAX} of its bytes were kept")]
    Cut,
    /// Its bytes are not as they were written.
    #[error("its base64 is damaged")]
    Garbled,
}

impl Letter {
    /// The digest of what tells an error from others; equal errors have equal ones.
    pub(crate) fn digest_of(error: &ErrorRow) -> Digest {
        let mut parts = Vec::new();
        let mut add = |part: &[u8]| {
            parts.extend_from_slice(&(part.len() as u64).to_le_bytes());
            parts.extend_from_slice(part);
        };
        add(error.operator.as_bytes());
        if let Some(origin) = &error.origin {
            add(origin.source.as_bytes());
            add(origin.partition.as_bytes());
            add(&origin.offset.to_le_bytes());
        }
        add(error.code.as_bytes());
        if let Some(bytes) = &error.bytes {
            add(bytes);
        }
        let mut digest = Digest::default();
        digest.add(&parts, 1);
        digest
    }

    /// The letter of an error, the `occurrence`-th of equal ones, among those of a source.
    pub(crate) fn of(error: &ErrorRow, occurrence: u64, source: &str) -> Self {
        let mut digest = Self::digest_of(error);
        digest.add_numbered(occurrence, b"occurrence");
        let origin = error.origin.as_ref();
        let kept = error.bytes.as_ref().map(|bytes| &bytes[..bytes.len().min(TEXT_MAX)]);
        let (text, base64) = match kept.map(|kept| (kept, std::str::from_utf8(kept))) {
            None => (None, None),
            Some((_, Ok(text))) => (Some(text.to_owned()), None),
            Some((kept, Err(_))) => (None, Some(BASE64_STANDARD.encode(kept))),
        };
        Self {
            id: digest.to_string(),
            source: source.to_owned(),
            partition: origin.map(|origin| origin.partition.to_string()),
            offset: origin.map(|origin| origin.offset.cast_signed()),
            operator: error.operator.to_string(),
            code: error.code.to_owned(),
            message: error.message.clone(),
            time: origin.and_then(|origin| origin.time),
            text,
            base64,
            bytes: error.bytes.as_ref().map(|bytes| bytes.len() as i64),
            failed_at: origin.filter(|origin| !origin.failed_at.is_empty()).map(|origin| origin.failed_at.join(WAYS)),
            metadata: origin.and_then(|origin| origin.metadata.clone()),
            header: origin.and_then(|origin| origin.header.clone()),
        }
    }

    /// Whether a sink has diverted the record since it came late.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.code == LATE
    }

    /// The operators in which the record failed; none if it could not be decoded.
    #[must_use]
    pub fn ways(&self) -> Option<Vec<String>> {
        self.failed_at.as_ref().map(|ways| ways.split(WAYS).map(str::to_owned).collect())
    }

    /// The bytes of its record; none if the record has no value.
    ///
    /// # Errors
    /// It holds no record, or not the whole of it.
    pub fn record(&self) -> Result<Option<Vec<u8>>, LetterError> {
        if self.partition.is_none() {
            return Err(LetterError::NoRecord);
        }
        let kept = match (&self.text, &self.base64) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(base64)) => Some(BASE64_STANDARD.decode(base64).map_err(|_| LetterError::Garbled)?),
            (None, None) => None,
        };
        let whole = kept.as_ref().map_or(0, Vec::len) as i64;
        if whole == self.bytes.unwrap_or(0) { Ok(kept) } else { Err(LetterError::Cut) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error_row::ErrorOrigin;
    use crate::plan::OnError;

    fn error(offset: u64, bytes: Option<&[u8]>) -> ErrorRow {
        let origin = ErrorOrigin {
            source: Arc::from("s"),
            partition: Arc::from("p"),
            offset,
            time: None,
            metadata: None,
            header: None,
            failed_at: Vec::new(),
        };
        let bytes = bytes.map(<[u8]>::to_vec);
        let (operator, message) = (Arc::from("s"), "bad".to_owned());
        ErrorRow { origin: Some(origin), operator, code: "json.syntax", message, bytes, policy: OnError::DeadLetter }
    }

    #[test]
    fn ids_tell_errors_apart_and_stay_what_they_are() {
        let letter = Letter::of(&error(1, Some(b"x")), 0, "s");
        assert_eq!(letter, Letter::of(&error(1, Some(b"x")), 0, "s"));
        // Ids stand in users' tables.
        assert_eq!(letter.id, "2d4581a263fc79f7218accbc88339db6");
        for other in
            [(2, Some(b"x".as_slice()), 0), (1, Some(b"y"), 0), (1, Some(b""), 0), (1, None, 0), (1, Some(b"x"), 1)]
        {
            assert_ne!(letter.id, Letter::of(&error(other.0, other.1), other.2, "s").id, "{other:?}");
        }
    }

    #[test]
    fn a_letter_gives_its_record_back_or_says_why_not() {
        for bytes in [Some(b"text".as_slice()), Some(b"\xff\x00"), Some(b""), None] {
            let letter = Letter::of(&error(1, bytes), 0, "s");
            assert_eq!(letter.record(), Ok(bytes.map(<[u8]>::to_vec)));
        }
        let long = Letter::of(&error(1, Some(&vec![b'x'; TEXT_MAX + 1])), 0, "s");
        assert_eq!(long.record(), Err(LetterError::Cut));
        let none = Letter::of(&ErrorRow { origin: None, ..error(1, Some(b"{}")) }, 0, "s");
        assert_eq!(none.record(), Err(LetterError::NoRecord));
    }
}
