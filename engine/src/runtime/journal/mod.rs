//! What happened, epoch by epoch, durable before any sink shows it.

mod entry;
mod file;
mod frame;
mod payload;
mod segment;

pub(super) use entry::{Base, Entry, EpochRecord, PartitionStart, Positions, Range, SinkMark};
pub(super) use file::{Journal, JournalReader};
pub(super) use segment::{Link, Seal, Segment};
