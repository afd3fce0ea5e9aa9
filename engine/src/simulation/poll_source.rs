//! A source that never gives the same again: what it brings is told once, and kept by the journal or by nobody.

use std::time::Duration;

use crate::connector::{
    CheckContext, ConnectorError, MetadataColumn, OpenSource, Partition, PartitionIndex, Read, Reader, Replay, Source,
    SourceKind,
};
use crate::spec::{Entry, Key};

use super::record_source::records_of;
use super::world::with;

/// How often a start polls.
const POLLS: u64 = 4;

/// The kind.
pub(super) struct PollsKind;

#[derive(Debug)]
struct PollSource;

impl SourceKind for PollsKind {
    fn name(&self) -> &'static str {
        "polls"
    }

    fn about(&self) -> &'static str {
        "what is told once"
    }

    fn keys(&self) -> &'static [Key] {
        &[]
    }

    fn check(&self, _entry: &Entry, _context: &mut CheckContext<'_>) -> Option<Box<dyn Source>> {
        Some(Box::new(PollSource))
    }
}

impl Source for PollSource {
    fn describe(&self) -> String {
        "polls".into()
    }

    fn metadata(&self) -> Vec<MetadataColumn> {
        Vec::new()
    }

    fn replay(&self) -> Replay {
        Replay::Journal
    }

    fn open(&self, request: &OpenSource<'_>) -> Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError> {
        let start = request.resume.get("polls").copied().unwrap_or(0);
        let partition = Partition { id: "polls".into(), constants: Vec::new(), start, end: None };
        Ok((vec![partition], Box::new(PollReader { next: start, left: POLLS })))
    }
}

struct PollReader {
    next: u64,
    left: u64,
}

impl Reader for PollReader {
    fn read(&mut self, _wait: Duration) -> Result<Read, ConnectorError> {
        if self.left == 0 {
            return Ok(Read::End);
        }
        let texts: Vec<String> = with(|world| {
            if world.dice.once_in(2) {
                return Vec::new();
            }
            let count = 1 + world.dice.below(3);
            let offsets = self.next..self.next + count;
            let texts: Vec<String> = offsets
                .map(|offset| format!("{offset} k{} {} {offset}", world.dice.below(3), world.dice.below(1000)))
                .collect();
            // What somebody is given who has been taken over from counts for nothing.
            if !world.current().is_lost {
                world.polled.truncate(self.next as usize);
                world.polled.extend(texts.iter().cloned());
            }
            texts
        });
        if texts.is_empty() {
            return Ok(Read::Idle);
        }
        self.left -= 1;
        let first = self.next;
        self.next += texts.len() as u64;
        Ok(Read::Records(records_of(PartitionIndex(0), first, &texts)))
    }

    fn limit(&mut self, _partition: PartitionIndex, _limit: Option<u64>) {}
}
