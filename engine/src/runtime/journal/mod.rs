//! What happened, epoch by epoch, durable before any sink shows it.

mod entry;
mod file;
mod payload;

pub(super) use entry::{DeadLetterMark, Entry, EpochRecord, PartitionStart, Range, SinkMark};
pub(super) use file::{Journal, JournalReader};
