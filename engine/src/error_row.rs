//! A row or record that failed.

use std::sync::Arc;

use crate::plan::OnError;

/// A failure with everything that a person needs to find and mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorRow {
    /// The record behind it, if there is one.
    pub origin: Option<ErrorOrigin>,
    /// The operator that failed, or the source that could not decode.
    pub operator: Arc<str>,
    /// A stable code, as `json.missing_field`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The record's bytes, if it has any; behind stateful operators the row as JSON.
    pub bytes: Option<Vec<u8>>,
    /// What becomes of it.
    pub policy: OnError,
}

/// Which record failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorOrigin {
    /// The source's name.
    pub source: Arc<str>,
    /// The partition's id.
    pub partition: Arc<str>,
    /// The record's offset.
    pub offset: u64,
    /// The time that came with the record, in microseconds since 1970.
    pub time: Option<i64>,
    /// What else came with the record and is used, as a JSON object.
    pub metadata: Option<String>,
    /// What stands before all records of the partition and explains them.
    pub header: Option<String>,
    /// Where rows of the record went all the same: exits by name, in order.
    pub reached: Vec<String>,
}

/// The code of rows that come later than their source allows, and that a sink diverts.
pub const LATE: &str = "late";
