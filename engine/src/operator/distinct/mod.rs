//! `distinct: {}` keeps each row once; `distinct: [COLUMNS]` each combination of these columns, and only these.
//!
//! ```yaml
//! languages: { from: streams, distinct: [language] }
//! ```
//! A row is taken back when the last of its equals is. Keeps one entry for each distinct row.

mod check;
mod render;

pub(super) use check::DISTINCT;
pub(crate) use render::distinct;
