//! CSV as RFC 4180 says, with a header line: columns are found by their names in it, others are ignored.
//!
//! Fields are separated by commas. A field in double quotes may hold commas, line ends and quotes (doubled). Spaces belong to fields.
//! The header reaches the decoder as the records' preamble: the file source gives it for files that it reads as CSV, and a source
//! that gives none cannot carry this format.
//!
//! # Outcomes
//!
//! | record | outcome |
//! |---|---|
//! | no value (a tombstone) | `csv.tombstone` |
//! | longer than 2 GiB | `csv.too_large` |
//! | invalid UTF-8 | `csv.not_utf8` |
//! | the source gives no header, or one that cannot be read | `csv.no_header` |
//! | a column that may not be null is not in the header, or a column is there twice | `csv.header_mismatch` |
//! | a quote that is not closed | `csv.open_quote` |
//! | a quote within a field that does not begin with one, or text after a closing quote | `csv.syntax` |
//! | more or fewer fields than the header | `csv.field_count` |
//! | an empty field without quotes | null if the column may be null; else the empty text if it is a `string`; else `csv.null` |
//! | a field that is not of its column's type | `csv.wrong_type` |
//! | a number that its column cannot hold, a time finer than microseconds, 30 February | `csv.out_of_range` |
//! | a nullable column that the header lacks | good, null |
//!
//! Numbers, times and dates are written as in JSON, without quotes or with them; `bool` is `true` or `false`; `json` holds JSON text.
//! Lists have no place in a CSV record.

mod decoder;
mod encode;
mod field;
mod header;
mod kind;
mod split;

pub use encode::{encode_header, encode_row};
pub use kind::CsvKind;
pub use split::{RecordEnd, end_of_record};
