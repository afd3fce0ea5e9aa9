//! What the journal says of one epoch.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::digest::Digest;
use crate::ledger::Ledger;
use crate::runtime::RunError;
use crate::runtime::journal::{Entry, EpochRecord, Journal};

use super::patiently;
use super::state::SinkState;

/// The journal's record of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EpochState {
    /// Its number.
    pub epoch: u64,
    /// The start that closed it.
    pub generation: u64,
    /// When it was closed, in microseconds since 1970.
    pub clock: i64,
    /// What it has read, by source and partition.
    pub ranges: BTreeMap<String, BTreeMap<String, OffsetRange>>,
    /// What became of all records up to its end, by source.
    pub ledgers: BTreeMap<String, Ledger>,
    /// Of all that was read and made up to its end, by what it is of.
    pub digests: BTreeMap<String, Digest>,
    /// How many dead letters there were at its end.
    pub dead_letters: u64,
    /// How many errors had only been counted.
    pub skipped: u64,
    /// What the sinks had when it was closed.
    pub sinks: Vec<SinkState>,
}

/// Offsets from the first to behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OffsetRange {
    /// The first.
    pub start: u64,
    /// Behind the last.
    pub end: u64,
}

/// What the journal in a pipeline's folder says of an epoch, by default of the last; none if it does not know it.
///
/// # Errors
/// The journal is damaged, or cannot be read.
pub fn inspect_epoch(folder: &Path, epoch: Option<u64>) -> Result<Option<EpochState>, RunError> {
    patiently(|| {
        let Some(mut reader) = Journal::look(folder)? else { return Ok(None) };
        let mut found = None;
        while let Some(entry) = reader.next()? {
            // A segment begins with the record of the epoch before it.
            let record = match entry {
                Entry::Epoch(record) => record,
                Entry::Base(base) if base.record.epoch > 0 => base.record,
                _ => continue,
            };
            if epoch.is_none_or(|epoch| epoch == record.epoch) {
                found = Some(record);
            }
        }
        Ok(found.map(EpochState::from))
    })
}

impl From<EpochRecord> for EpochState {
    fn from(record: EpochRecord) -> Self {
        let ranges = record.ranges.into_iter().map(|(source, ranges)| {
            let each = ranges.into_iter().map(|(id, range)| (id, OffsetRange { start: range.start, end: range.end }));
            (source, each.collect())
        });
        Self {
            epoch: record.epoch,
            generation: record.generation,
            clock: record.clock,
            ranges: ranges.collect(),
            ledgers: record.ledgers,
            digests: record.digests,
            dead_letters: record.dead_letters,
            skipped: record.skipped,
            sinks: record.sinks.into_iter().map(SinkState::from).collect(),
        }
    }
}
