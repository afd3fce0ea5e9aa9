//! How bytes become columns.

use std::fmt::Debug;

use arrow::array::ArrayRef;

use crate::schema::Schema;

use super::{Records, Spans};

/// A format, as `json`: its name in YAML.
pub trait FormatKind: Sync {
    /// The word after `format:`.
    fn name(&self) -> &'static str;
    /// One sentence for `flowctl connectors`.
    fn about(&self) -> &'static str;
    /// A format for records of this schema.
    ///
    /// # Errors
    /// The column that the format cannot carry, and why.
    fn check(&self, schema: &Schema) -> Result<Box<dyn Format>, (usize, String)>;
}

/// A checked format, for one schema.
pub trait Format: Send + Sync + Debug {
    /// A decoder for one worker.
    fn decoder(&self, request: &DecodeRequest) -> Box<dyn Decoder>;
}

/// What a decoder is for.
#[derive(Clone, Debug)]
pub struct DecodeRequest {
    /// The declared columns; a verdict looks at all of them.
    pub schema: Schema,
    /// Which of them will ever be asked for.
    pub wanted: Vec<bool>,
}

/// Decodes the records of one worker, one batch after the other.
pub trait Decoder: Send {
    /// Judges every record of a batch against the whole schema, and remembers it for [`Decoder::column`]. `spans` are [`Records::spans`], which the
    /// caller needs, too.
    fn scan(&mut self, records: &Records, spans: &Spans) -> Verdicts;

    /// Builds one declared column of the scanned batch for the records at `rows` (places in the batch, ascending, all of them
    /// good), in the Arrow type of its column type.
    fn column(&mut self, column: usize, rows: &[u32]) -> ArrayRef;
}

/// The verdict on every record of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// The places of good records, ascending.
    pub good: Vec<u32>,
    /// The others.
    pub bad: Vec<BadRecord>,
}

/// A record that cannot be a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Its place in the batch.
    pub row: u32,
    /// A stable code, as `json.missing_field`.
    pub code: &'static str,
    /// What is wrong, naming the field; data in it is cut short.
    pub message: String,
}
