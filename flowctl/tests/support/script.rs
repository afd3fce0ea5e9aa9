//! A source of records in memory, which brings them as a script says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::buffer::Buffer;
use engine::connector::{
    CheckContext, ConnectorError, Constant, Framing, MetadataColumn, MetadataOrigin, Offsets, OpenSource, Partition,
    PartitionIndex, Read, Reader, Records, Replay, Source, SourceKind, Spans,
};
use engine::schema::{Column, ColumnType};
use engine::spec::{Entry, Key};

use super::memory::{STORE, Store, store};

/// How long a cut waits for its epoch; what comes after then shares an epoch with what came before.
const CUT_PATIENCE: Duration = Duration::from_secs(1);
/// How long a reader that has nothing to bring sleeps.
const MOMENT: Duration = Duration::from_millis(1);

/// What a source brings, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// The records of partition `p0`, `p1`, …
    pub(crate) partitions: Vec<Vec<String>>,
    /// In which order partitions are announced.
    pub(crate) order: Vec<usize>,
    /// How many of them at the start; the others when the script comes to them.
    pub(crate) at_start: usize,
    /// What comes after what. Whatever it leaves comes at the end.
    pub(crate) steps: Vec<Step>,
}

/// A step of a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Of which partition.
    pub(crate) partition: usize,
    /// How many records, at most.
    pub(crate) count: usize,
    /// Whether an epoch ends before the next step.
    pub(crate) cut: bool,
}

/// The source kind `memory`.
pub(crate) struct ScriptKind;

impl SourceKind for ScriptKind {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn about(&self) -> &'static str {
        "records of a test"
    }

    fn keys(&self) -> &'static [Key] {
        STORE
    }

    fn check(&self, entry: &Entry, context: &mut CheckContext<'_>) -> Option<Box<dyn Source>> {
        Some(Box::new(ScriptSource { store: store(entry, context) }))
    }
}

#[derive(Debug)]
struct ScriptSource {
    store: Arc<Store>,
}

impl Source for ScriptSource {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn metadata(&self) -> Vec<MetadataColumn> {
        let column = |name: &str, origin| MetadataColumn { column: Column::new(name, ColumnType::Int), origin };
        vec![column("_offset", MetadataOrigin::Offset), column("_partition", MetadataOrigin::Partition(0))]
    }

    fn replay(&self) -> Replay {
        Replay::Seek
    }

    fn open(&self, request: &OpenSource<'_>) -> Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError> {
        let script = self.store.script();
        let parts = script.partitions.iter().enumerate().map(|(name, records)| Part {
            name,
            records: records.clone(),
            position: request.resume.get(&id(name)).copied().unwrap_or(0),
            limit: None,
            told: false,
            index: None,
        });
        let mut reader = ScriptReader {
            parts: parts.collect(),
            announced: 0,
            steps: script.steps.into(),
            uncut: None,
            store: Arc::clone(&self.store),
        };
        let at_start = |at: usize, name: usize| at < script.at_start || request.resume.contains_key(&id(name));
        let first: Vec<usize> =
            script.order.iter().enumerate().filter(|(at, name)| at_start(*at, **name)).map(|(_, name)| *name).collect();
        let partitions = first.into_iter().map(|name| reader.announce(name)).collect();
        Ok((partitions, Box::new(reader)))
    }
}

fn id(name: usize) -> String {
    format!("p{name}")
}

struct Part {
    name: usize,
    records: Vec<String>,
    position: u64,
    limit: Option<u64>,
    told: bool,
    /// Its place among those that are announced.
    index: Option<PartitionIndex>,
}

struct ScriptReader {
    parts: Vec<Part>,
    announced: u32,
    steps: VecDeque<Step>,
    /// How many epochs were through when records came that no cut follows yet.
    uncut: Option<u64>,
    store: Arc<Store>,
}

impl Part {
    fn take(&mut self, count: usize) -> Option<Records> {
        let (from, end) = (self.position as usize, self.limit.map_or(self.records.len(), |limit| limit as usize));
        let to = end.min(self.records.len()).min(from.saturating_add(count));
        if from >= to {
            return None;
        }
        let (mut payload, mut values) = (Vec::new(), Vec::new());
        for record in &self.records[from..to] {
            let start = payload.len() as u32;
            payload.extend_from_slice(record.as_bytes());
            values.push(Some(start..payload.len() as u32));
        }
        self.position = to as u64;
        Some(Records {
            partition: self.index.expect("only announced partitions are read"),
            range: from as u64..to as u64,
            payload: Buffer::from(payload),
            framing: Framing::Spans(Spans { values, offsets: Offsets::Dense(from as u64) }),
            metadata: Vec::new(),
            preamble: None,
            duplicates: 0,
            anchor: None,
        })
    }
}

impl ScriptReader {
    fn announce(&mut self, name: usize) -> Partition {
        let part = &mut self.parts[name];
        part.index = Some(PartitionIndex(self.announced));
        self.announced += 1;
        Partition { id: id(name), constants: vec![Constant::Int(name as i64)], start: part.position, end: None }
    }

    /// Below limits records come as fast as they can, in small pieces.
    fn limited(&mut self) -> Option<Read> {
        for part in self.parts.iter_mut().filter(|part| part.index.is_some()) {
            let Some(limit) = part.limit else { continue };
            if let Some(records) = part.take(3) {
                return Some(Read::Records(records));
            }
            if !std::mem::replace(&mut part.told, true) {
                return part.index.map(|index| Read::Reached(index, limit));
            }
        }
        None
    }

    /// Waits until the epoch of the records before a cut is through.
    fn await_cut(&mut self) {
        let Some(before) = self.uncut.take() else { return };
        let started = Instant::now();
        while self.store.epochs() <= before && started.elapsed() < CUT_PATIENCE {
            std::thread::sleep(MOMENT);
        }
    }

    fn step(&mut self) -> Option<Read> {
        while let Some(step) = self.steps.front().copied() {
            let Some(part) = self.parts.get_mut(step.partition) else {
                self.steps.pop_front();
                continue;
            };
            if part.index.is_none() {
                return Some(Read::Discovered(vec![self.announce(step.partition)]));
            }
            self.steps.pop_front();
            let Some(records) = part.take(step.count) else { continue };
            if step.cut {
                self.uncut = Some(self.store.epochs());
            }
            return Some(Read::Records(records));
        }
        None
    }

    /// What the script has left.
    fn rest(&mut self) -> Option<Read> {
        let name = self.parts.iter().find(|part| (part.position as usize) < part.records.len())?.name;
        if self.parts[name].index.is_none() {
            return Some(Read::Discovered(vec![self.announce(name)]));
        }
        self.parts[name].take(usize::MAX).map(Read::Records)
    }
}

impl Reader for ScriptReader {
    fn read(&mut self, _wait: Duration) -> Result<Read, ConnectorError> {
        if let Some(read) = self.limited() {
            return Ok(read);
        }
        if self.parts.iter().any(|part| part.limit.is_some()) {
            std::thread::sleep(MOMENT);
            return Ok(Read::Idle);
        }
        self.await_cut();
        Ok(self.step().or_else(|| self.rest()).unwrap_or(Read::End))
    }

    fn limit(&mut self, partition: PartitionIndex, limit: Option<u64>) {
        if let Some(part) = self.parts.iter_mut().find(|part| part.index == Some(partition)) {
            (part.limit, part.told) = (limit, false);
        }
    }
}
