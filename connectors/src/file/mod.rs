//! Files as sources and sinks: JSON lines and CSV.
//!
//! As a source, each file that the pattern finds is a partition; its records are lines, or CSV records with their header, and their
//! offsets are byte positions. Empty lines are no records: they are neither read nor counted. A byte-order mark at the very beginning
//! is skipped. Without `follow` a file ends where it ended when the run began; with it, new lines and new files are read as they come,
//! and a last line is read once it has its line end.
//!
//! As a sink, rows are appended, and after each epoch the file's length is stored durably with the epoch in the state directory, so
//! that after a crash whatever was not committed is cut off.

mod cut;
mod failure;
mod held;
mod part;
mod pattern;
mod reader;
mod sink;
mod source;
mod state;
mod writer;

#[cfg(test)]
mod reading;
#[cfg(test)]
mod writing;

pub use sink::FileSinkKind;
pub use source::FileSourceKind;
