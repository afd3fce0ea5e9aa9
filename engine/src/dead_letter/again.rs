//! A record whose letters are to be taken back, and what is read in its place.

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
    /// The record as it was; none if its letters hold only a part of it.
    pub original: Option<AgainRecord>,
    /// What is read in its place: the same, or what somebody has made of it.
    pub replacement: AgainRecord,
    /// What came with the record and is used, as a JSON object.
    pub metadata: Option<String>,
    /// What stands before all records of the partition.
    pub header: Option<String>,
    /// The exits that rows of the record have reached, by their keys.
    pub reached: Vec<String>,
    /// Those that lack them.
    pub lacking: Vec<String>,
    /// All letters of the record: they are taken back, and those that still hold come again.
    pub letters: Vec<Letter>,
}

/// The bytes of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgainRecord {
    /// None for a record without a value.
    pub value: Option<Vec<u8>>,
}
