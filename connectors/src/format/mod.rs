//! Formats: bytes to columns and back.
//!
//! Each format has a folder with its manual page. What they share: where records lie (`framing`), whether they are text
//! (`utf8`), what a scan remembers (`slots`), how columns are built from that (`build`), and the written forms of numbers
//! and times (`decimal`, `time`).

pub mod csv;
pub mod json;
pub mod raw;

mod build;
mod decimal;
mod excerpt;
mod framing;
mod slots;
mod time;
mod utf8;
