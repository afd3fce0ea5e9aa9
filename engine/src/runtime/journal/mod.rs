//! What happened, epoch by epoch, durable before any sink shows it.

mod entry;
mod file;
mod frame;
mod payload;
mod segment;

pub(super) use entry::{Anchors, Base, Entry, EpochRecord, PartitionStart, Positions, Range, SinkMark, note_anchors};
pub(super) use file::{Journal, JournalReader};
pub(super) use segment::{Link, Seal, Segment};
