//! Formats: bytes to columns and back.
//!
//! Each format has a folder with its manual page. What they share: whether they are text
//! (`utf8`), what a scan remembers (`slots`), how columns are built from that (`build`, `texts`), the written forms of numbers
//! and times (`decimal`, `time`), and rows of all columns at once (`held_batch`).

pub mod csv;
pub mod json;
pub mod raw;

mod build;
mod decimal;
mod excerpt;
#[cfg(test)]
mod given;
mod held_batch;
mod slots;
mod texts;
mod time;
mod utf8;

pub(crate) use held_batch::decode_all;
