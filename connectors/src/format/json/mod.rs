//! JSON: one object a record, read strictly as RFC 8259 says, and written back.
//!
//! # Outcomes
//!
//! A record is judged as a whole, against every declared column, whether or not anyone uses that column. It is good, or bad with
//! one code. Where several apply, the one that stands higher in this table is given, and among wrong fields the first in the record.
//!
//! | record | outcome |
//! |---|---|
//! | no value (a tombstone) | `json.tombstone` |
//! | longer than 2 GiB | `json.too_large` |
//! | invalid UTF-8 | `json.not_utf8` |
//! | no bytes, or only spaces | `json.empty` |
//! | not JSON: `NaN`, `Infinity`, leading zeros, bare control characters, a lone surrogate, a byte-order mark, anything after the object | `json.syntax` |
//! | objects and arrays nested deeper than 64 levels (or `json.syntax`, whichever comes first) | `json.too_deep` |
//! | an array or a scalar | `json.not_an_object` |
//! | a declared field twice | `json.duplicate_field` |
//! | null in a column that may not be null, or in a list | `json.null` |
//! | a value of another kind; a whole number written as `1.0` or `1e3` for `int`; a text that is no RFC 3339 time or no date | `json.wrong_type` |
//! | a number that the column cannot hold (`1.5` or 2⁶³ for `int`, `1e400` for `float`, too many digits for a `decimal`); a time finer than microseconds; 30 February | `json.out_of_range` |
//! | a declared field missing, and its column may not be null: `{"test":"Kafka connection"}` | `json.missing_field`, naming the first |
//! | a declared field missing or null, and its column may be null | good, null |
//! | fields that are not declared | good, ignored |
//! | `-0.0` for `float` | good, `0.0` |
//!
//! One byte-order mark at the very beginning of a file is skipped by the file source. Whole numbers are good for `float` and `decimal`.
//! Keys and texts are compared after their escapes are replaced.

mod decoder;
mod encode;
mod grammar;
mod kind;
mod layout;
mod lines;
mod problem;
mod string;
mod value;

#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod reference;

pub use encode::encode_row;
pub(crate) use encode::{encode_columns, write_value};
pub(super) use grammar::{end_of_number, skip_value};
pub use kind::JsonKind;
pub use lines::decode_lines;
pub(super) use value::push_elements;
