//! The whole record as one text.
//!
//! The schema is exactly one `string` column. Outcomes: a record without a value is bad with `raw.tombstone`, bytes that are not UTF-8
//! with `raw.not_utf8`, more than 2 GiB with `raw.too_large`; every other record is good, the empty one too.

mod decoder;
mod kind;

pub use kind::RawKind;
