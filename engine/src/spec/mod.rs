//! A pipeline as written: YAML text with the position of every word, read by tables of keys.
//!
//! Nothing here knows what a pipeline means.

mod entry;
mod key;
mod node;
mod scalar;
mod variables;

pub use entry::{Entry, Value};
pub use key::{Key, Kind, Need};
pub use node::{Content, Node};
pub use scalar::{Spanned, parse_duration};
pub use variables::{MissingVariable, Secret, Text, Variables};
