//! A pipeline as written: YAML text with the position of every word, read by tables of keys.
//!
//! Nothing here knows what a pipeline means.

mod entry;
mod key;
mod likeness;
mod load;
mod merge;
mod node;
mod pipeline;
mod scalar;
mod value;
mod variables;
mod yaml;

pub use entry::Entry;
pub use key::{Key, Kind, Need};
pub use load::{Loaded, load};
pub use node::{Content, Node};
pub use pipeline::{FEED_KEYS, Feed, Item, Mode, PIPELINE_KEYS, PipelineSpec, REPORT_KEYS, Report};
pub use scalar::{Spanned, parse_duration};
pub use value::Value;
pub use variables::{MissingVariable, Secret, Text, Variables};
pub use yaml::parse;
