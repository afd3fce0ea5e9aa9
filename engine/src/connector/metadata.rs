//! Columns that come with every record beside its content: `_topic`, `_offset`, `_timestamp`, …

use crate::schema::Column;

/// One such column, as a source declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataColumn {
    /// Name (with a leading underscore) and type.
    pub column: Column,
    /// Where its values come from.
    pub origin: MetadataOrigin,
}

/// Where a metadata column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataOrigin {
    /// The record's offset.
    Offset,
    /// The same for all records of a partition: [`super::Partition::constants`] at this place.
    Partition(usize),
    /// One value a record: [`super::Records::metadata`] at this place.
    Record(usize),
}

/// A value that all records of a partition share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    /// For `string` columns.
    Text(String),
    /// For `int` columns.
    Int(i64),
}
