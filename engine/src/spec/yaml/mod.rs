//! YAML text → [`Node`](super::Node)s with the exact bytes of every word; every hazard of YAML is a diagnostic, never a guess.
//!
//! The parser is serde-saphyr's own, read event by event: only events tell anchors, tags, quotes and repeated keys apart.

mod parse;
mod problem;
mod quoting;

pub use parse::parse;
