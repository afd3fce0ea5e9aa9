//! What happened, epoch by epoch, durable before any sink shows it.

mod entry;
mod file;
mod payload;

pub(super) use entry::{DeadLetterMark, Entry, EpochRecord, PartitionStart, Range};
pub(super) use file::{Journal, JournalReader};
