//! What an epoch changes in a sink.

use arrow::array::RecordBatch;

/// The rows that an epoch adds (diff above zero) and takes back (below), consolidated: a row stands once, with no diff of zero.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The rows, in the sink's schema.
    pub rows: RecordBatch,
    /// How often each is added or taken back.
    pub diffs: Vec<i64>,
}

impl Changes {
    /// Whether the epoch changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.diffs.is_empty()
    }
}
