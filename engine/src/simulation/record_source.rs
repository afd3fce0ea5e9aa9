//! A source whose records can be read again: two partitions that grow from start to start, the second not there in the first.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::buffer::Buffer;

use crate::connector::{
    CheckContext, ConnectorError, Framing, MetadataColumn, Offsets, OpenSource, Partition, PartitionIndex, Read,
    Reader, Records, Replay, Source, SourceKind, Spans,
};
use crate::spec::{Entry, Key};

use super::oracle::{RECORDS, record};
use super::world::{dice, with};

/// The kind.
pub(super) struct RecordsKind;

#[derive(Debug)]
struct RecordSource;

impl SourceKind for RecordsKind {
    fn name(&self) -> &'static str {
        "records"
    }

    fn about(&self) -> &'static str {
        "records that a seed determines"
    }

    fn keys(&self) -> &'static [Key] {
        &[]
    }

    fn check(&self, _entry: &Entry, _context: &mut CheckContext<'_>) -> Option<Box<dyn Source>> {
        Some(Box::new(RecordSource))
    }
}

impl Source for RecordSource {
    fn describe(&self) -> String {
        "records".into()
    }

    fn metadata(&self) -> Vec<MetadataColumn> {
        Vec::new()
    }

    fn replay(&self) -> Replay {
        Replay::Seek
    }

    fn open(&self, request: &OpenSource<'_>) -> Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError> {
        // What there is depends on how much has happened, not on who looks.
        let (seed, start, planned) = with(|world| (world.seed, world.starts.len() as u64 - 1, world.planned as u64));
        // The last start finds everything.
        let end = if start + 1 >= planned { RECORDS } else { RECORDS * (start + 1) / planned };
        let partitions: Vec<Partition> = (0..if start == 0 && planned > 1 { 1 } else { 2 })
            .map(|at| {
                let id = format!("p{at}");
                let start = request.resume.get(&id).copied().unwrap_or(0);
                Partition { id, constants: Vec::new(), start, end: Some(end) }
            })
            .collect();
        let positions = partitions.iter().map(|partition| partition.start).collect();
        Ok((partitions, Box::new(RecordReader { seed, positions, end, limits: BTreeMap::new() })))
    }
}

struct RecordReader {
    seed: u64,
    positions: Vec<u64>,
    end: u64,
    limits: BTreeMap<PartitionIndex, u64>,
}

impl Reader for RecordReader {
    fn read(&mut self, _wait: Duration) -> Result<Read, ConnectorError> {
        let limit =
            |at: usize| self.limits.get(&PartitionIndex(at as u32)).map_or(self.end, |limit| self.end.min(*limit));
        let open: Vec<usize> = (0..self.positions.len()).filter(|at| self.positions[*at] < limit(*at)).collect();
        if self.positions.iter().all(|position| *position >= self.end) {
            return Ok(Read::End);
        }
        let (Some(at), count) =
            dice(|dice| (open.get(dice.below(open.len() as u64 + 1) as usize).copied(), 1 + dice.below(4)))
        else {
            return Ok(Read::Idle);
        };
        let first = self.positions[at];
        let last = limit(at).min(first + count);
        self.positions[at] = last;
        let texts: Vec<String> = (first..last).map(|offset| record(self.seed, at as u64, offset).text).collect();
        Ok(Read::Records(records_of(PartitionIndex(at as u32), first, &texts)))
    }

    fn limit(&mut self, partition: PartitionIndex, limit: Option<u64>) {
        match limit {
            Some(limit) => drop(self.limits.insert(partition, limit)),
            None => drop(self.limits.remove(&partition)),
        }
    }
}

/// Consecutive records.
pub(super) fn records_of(partition: PartitionIndex, first: u64, texts: &[String]) -> Records {
    let mut payload = Vec::new();
    let span = |text: &String| {
        let start = payload.len() as u32;
        payload.extend_from_slice(text.as_bytes());
        Some(start..payload.len() as u32)
    };
    let values = texts.iter().map(span).collect();
    Records {
        partition,
        range: first..first + texts.len() as u64,
        payload: Buffer::from(payload),
        framing: Framing::Spans(Spans { values, offsets: Offsets::Dense(first) }),
        metadata: Vec::new(),
        preamble: None,
        duplicates: 0,
        anchor: None,
    }
}
