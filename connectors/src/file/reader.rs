//! Reads the files of a source in turns.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, Constant, Partition, PartitionIndex, Read, Reader, StopFlag};

use super::cut::Separation;
use super::part::Part;
use super::pattern::{FilePattern, Found};

/// How often new files are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often files that grow are looked at.
const POLL_EVERY: Duration = Duration::from_millis(10);

/// The most files that are kept open.
const OPEN_MAX: usize = 128;

/// Reads the files of a source, a batch of each in turn.
#[derive(Debug)]
pub(super) struct FileReader {
    parts: Vec<Part>,
    limits: Vec<Limit>,
    known: BTreeSet<String>,
    /// Where to look for new files, if they are followed.
    followed: Option<FilePattern>,
    separation: Option<Separation>,
    looked: Instant,
    turn: usize,
    stop: StopFlag,
}

/// How far a partition may be read.
#[derive(Clone, Copy, Debug, Default)]
struct Limit {
    offset: Option<u64>,
    /// Whether it was said that it is reached.
    said: bool,
}

impl FileReader {
    /// A reader of `parts`, which are partitions in their order; `followed` finds more.
    pub(super) fn new(
        parts: Vec<Part>,
        followed: Option<FilePattern>,
        separation: Option<Separation>,
        stop: StopFlag,
    ) -> Self {
        Self {
            limits: vec![Limit::default(); parts.len()],
            known: parts.iter().map(|part| part.id().to_owned()).collect(),
            parts,
            followed,
            separation,
            looked: Instant::now(),
            turn: 0,
            stop,
        }
    }

    /// The next batch of the next file that has one.
    fn next_records(&mut self) -> Result<Option<Read>, ConnectorError> {
        let many = self.parts.len() > OPEN_MAX;
        for _ in 0..self.parts.len() {
            let at = self.turn % self.parts.len();
            self.turn = at + 1;
            let (part, limit) = (&mut self.parts[at], &mut self.limits[at]);
            if let Some(offset) = limit.offset.filter(|offset| part.position() >= *offset) {
                if !limit.said {
                    limit.said = true;
                    return Ok(Some(Read::Reached(PartitionIndex(at as u32), offset)));
                }
                continue;
            }
            let records = if part.is_over() { None } else { part.read()? };
            if many || part.is_over() {
                part.close();
            }
            match (records, limit.offset) {
                (Some(records), _) => return Ok(Some(Read::Records(records))),
                (None, None) => {}
                // Limits are where the file was read to before.
                (None, Some(offset)) => {
                    let what = format!("file {} ends at byte {}, but was read to {offset}", part.id(), part.position());
                    let hint = "restore the file, or start from a fresh state directory";
                    return Err(ConnectorError::diverged(what, hint));
                }
            }
        }
        Ok(None)
    }

    /// Files that have appeared since the last look.
    fn discover(&mut self) -> Result<Option<Read>, ConnectorError> {
        let Some(pattern) = &self.followed else { return Ok(None) };
        if self.looked.elapsed() < LOOK_EVERY {
            return Ok(None);
        }
        let found = pattern.find()?;
        self.looked = Instant::now();
        let mut partitions = Vec::new();
        for found in found.into_iter().filter(|found| !self.known.contains(&found.id)).collect::<Vec<_>>() {
            let index = PartitionIndex(self.parts.len() as u32);
            let separation = self.separation.unwrap_or_else(|| separation_of(&found));
            self.known.insert(found.id.clone());
            let part = Part::open(found, index, separation, 0, true)?;
            partitions.push(partition(&part));
            self.parts.push(part);
            self.limits.push(Limit::default());
        }
        Ok((!partitions.is_empty()).then_some(Read::Discovered(partitions)))
    }

    fn is_at_end(&self) -> bool {
        self.followed.is_none() && self.parts.iter().all(Part::is_over)
    }
}

impl Reader for FileReader {
    fn read(&mut self, wait: Duration) -> Result<Read, ConnectorError> {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(read) = self.discover()? {
                return Ok(read);
            }
            if let Some(read) = self.next_records()? {
                return Ok(read);
            }
            if self.is_at_end() {
                return Ok(Read::End);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.is_set() {
                return Ok(Read::Idle);
            }
            // Many files are looked at less often.
            std::thread::sleep(left.min(POLL_EVERY * (1 + self.parts.len() as u32 / 64)));
        }
    }

    fn limit(&mut self, partition: PartitionIndex, limit: Option<u64>) {
        if let Some(known) = self.limits.get_mut(partition.0 as usize) {
            *known = Limit { offset: limit, said: false };
        }
    }
}

/// How the records of a file are separated if the YAML does not say: by its name.
pub(super) fn separation_of(found: &Found) -> Separation {
    let is_csv = found.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if is_csv { Separation::Csv } else { Separation::Lines }
}

/// A file as a partition.
pub(super) fn partition(part: &Part) -> Partition {
    Partition {
        id: part.id().to_owned(),
        constants: vec![Constant::Text(part.id().to_owned())],
        start: part.position(),
        end: part.end(),
    }
}
