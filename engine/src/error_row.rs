//! A row or record that failed.

use std::sync::Arc;

use crate::plan::OnError;

/// A failure with everything that a person needs to find and mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorRow {
    /// The operator that failed, or the source that could not decode.
    pub operator: Arc<str>,
    /// The record behind it, if there is one.
    pub origin: Option<ErrorOrigin>,
    /// A stable code, as `json.missing_field`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The record's bytes; behind stateful operators the row as JSON.
    pub bytes: Vec<u8>,
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
}
