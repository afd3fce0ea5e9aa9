//! A record whose letters are to be taken back, and what is read in its place.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::Letter;

/// The record of some letters, to be read again.
///
/// Where rows of the record went at first they stay as they are; what lacks them gets those of the record that is read in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// The source.
    pub source: String,
    /// The partition's id.
    pub partition: String,
    /// The record's offset.
    pub offset: u64,
    /// What was read as this record before, in that order.
    pub before: Vec<Failed>,
    /// What is read in its place: the same, or what somebody has made of it.
    pub replacement: AgainRecord,
    /// What came with the record and is used, as a JSON object.
    pub metadata: Option<String>,
    /// What stands before all records of the partition.
    pub header: Option<String>,
    /// What the journal calls the sink of the letters.
    pub sink: String,
    /// All letters of the record: they are taken back, and those that still hold come again.
    pub letters: Vec<Letter>,
}

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The record.
    pub record: AgainRecord,
    /// The ways to the operators in which it failed; none if it could not be decoded.
    pub at: Option<Vec<String>>,
}

/// The bytes of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgainRecord {
    /// None for a record without a value.
    base64: Option<String>,
}

impl AgainRecord {
    /// A record of these bytes.
    #[must_use]
    pub fn of(value: Option<&[u8]>) -> Self {
        Self { base64: value.map(|value| BASE64_STANDARD.encode(value)) }
    }

    /// Its bytes; none for a record without a value.
    ///
    /// # Errors
    /// They are not as they were written.
    pub fn value(&self) -> Result<Option<Vec<u8>>, base64::DecodeError> {
        self.base64.as_ref().map(|base64| BASE64_STANDARD.decode(base64)).transpose()
    }
}

impl Again {
    /// Which record it is: source, partition and offset.
    #[must_use]
    pub fn place(&self) -> (&str, &str, u64) {
        (&self.source, &self.partition, self.offset)
    }
}
