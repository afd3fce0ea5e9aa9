//! A source's records → rows, and the row-wise operators behind it, fused: the only place where records are decoded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringViewArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{filter, take};
use arrow::datatypes::TimestampMicrosecondType;

use super::digests::of_records;
use crate::connector::{Constant, DecodeRequest, Decoder, MetadataOrigin, Partition, Records, Spans};
use crate::digest::Digest;
use crate::expr::Failure;
use crate::ledger::Ledger;
use crate::plan::{Late, OnError, RootColumn, SourceNode};

use super::batch::{Batch, Origin, record_batch};
use super::flow::{Flow, FlowTarget, run, select};
use crate::error_row::{ErrorOrigin, ErrorRow};

/// Records on their way to a worker.
#[derive(Clone, Debug)]
pub struct RawBatch {
    /// The records.
    pub records: Arc<Records>,
    /// Their partition.
    pub partition: Arc<Partition>,
}

/// What a scan makes of one batch of records.
#[derive(Default)]
pub(super) struct Scanned {
    /// Rows that left, by exit.
    pub(super) exits: Vec<(usize, Batch)>,
    /// What failed.
    pub(super) errors: Vec<ErrorRow>,
    /// The greatest event time of all good records, in microseconds.
    pub(super) clock: Option<i64>,
    /// What became of the records.
    pub(super) ledger: Ledger,
    /// Of the records.
    pub(super) digest: Digest,
}

/// Decodes and transforms the records of one source on one worker.
pub(super) struct Scan {
    plan: Arc<crate::plan::Plan>,
    source: usize,
    decoder: Box<dyn Decoder>,
    name: Arc<str>,
    needs_clock: bool,
    /// The greatest event time seen in each partition, if it matters which rows came late.
    seen: HashMap<String, i64>,
    fates: Vec<Fate>,
}

/// What became of one record. Greater fates win: a record that failed anywhere has failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Filtered,
    Late,
    Used,
    Failed,
}

impl Scan {
    pub(super) fn new(plan: Arc<crate::plan::Plan>, source: usize) -> Self {
        let node = &plan.sources[source];
        let needs_clock = plan.nodes.iter().any(|other| other.needs_clock() && other.clocks.contains(&source));
        let decoder = node
            .format
            .decoder(&DecodeRequest { schema: node.declared.clone(), wanted: wanted_columns(node, needs_clock) });
        let name = Arc::from(node.name.as_str());
        Self { plan, source, decoder, name, needs_clock, seen: HashMap::new(), fates: Vec::new() }
    }

    /// Takes up the greatest event time that a partition had.
    pub(super) fn restore(&mut self, partition: &[u8], greatest: i64) {
        self.seen.insert(String::from_utf8_lossy(partition).into_owned(), greatest);
    }

    /// Everything that one batch of records becomes.
    pub(super) fn scan(&mut self, raw: &RawBatch) -> Scanned {
        let plan = Arc::clone(&self.plan);
        let node = &plan.sources[self.source];
        let spans = raw.records.spans();
        let verdicts = self.decoder.scan(&raw.records);
        self.fates.clear();
        self.fates.resize(spans.values.len(), Fate::Filtered);
        let mut target = ScanTarget {
            node,
            name: &self.name,
            raw,
            spans: &spans,
            fates: &mut self.fates,
            scanned: Scanned { digest: of_records(raw, &spans), ..Scanned::default() },
            diverted: BTreeSet::new(),
            source: self.source,
        };
        for bad in verdicts.bad {
            target.dead(&self.name, bad.row, bad.code, bad.message);
        }
        let mut columns = RootColumns { node, decoder: &mut *self.decoder, raw, spans: &spans, built: BTreeMap::new() };
        if (self.needs_clock || node.judges_late())
            && let Some(event_time) = &node.event_time
        {
            let times = columns.array(event_time.column, &verdicts.good);
            target.scanned.clock = greatest_time(&times);
        }
        if node.judges_late() {
            columns.judge_late(&mut self.seen, &verdicts.good);
        }
        let mut places = UInt32Array::from(verdicts.good);
        if let Some(prefilter) = &node.prefilter {
            let arrays: Vec<ArrayRef> =
                prefilter.root.iter().map(|column| columns.array(*column, places.values())).collect();
            let schema = prefilter.schema.arrow();
            let flow = Flow { rows: record_batch(schema, arrays, places.len()), diffs: None, places };
            let mask = select(&prefilter.condition, &prefilter.name, &flow, &mut target);
            places = flow.keep(&mask).places;
            columns.keep(&mask);
        }
        if !places.is_empty() && !node.region.exits.is_empty() {
            let arrays: Vec<ArrayRef> =
                node.root.iter().map(|column| columns.array(*column, places.values())).collect();
            let rows = record_batch(node.region.root.arrow(), arrays, places.len());
            run(&node.region, Flow { rows, diffs: None, places }, &mut target);
        }
        target.finish()
    }
}

/// Which declared columns a source's region, filter and clock look at.
fn wanted_columns(node: &SourceNode, needs_clock: bool) -> Vec<bool> {
    let mut wanted = vec![false; node.declared.columns.len()];
    let prefilter = node.prefilter.iter().flat_map(|prefilter| &prefilter.root);
    let time = node.event_time.iter().map(|event_time| &event_time.column);
    let uses_time = needs_clock || node.judges_late() || node.root.contains(&RootColumn::EventTime);
    for column in prefilter.chain(&node.root).chain(time.filter(|_| uses_time)) {
        if let RootColumn::Declared(at) = column {
            wanted[*at] = true;
        }
    }
    wanted
}

fn greatest_time(times: &ArrayRef) -> Option<i64> {
    times.as_any().downcast_ref::<TimestampMicrosecondArray>().and_then(arrow::compute::max)
}

/// The columns that a region starts with, each built when it is first asked for.
struct RootColumns<'a> {
    node: &'a SourceNode,
    decoder: &'a mut dyn Decoder,
    raw: &'a RawBatch,
    spans: &'a Spans,
    built: BTreeMap<RootColumn, ArrayRef>,
}

impl RootColumns<'_> {
    fn array(&mut self, column: RootColumn, places: &[u32]) -> ArrayRef {
        if let Some(array) = self.built.get(&column) {
            return array.clone();
        }
        let array = self.build(column, places);
        self.built.insert(column, array.clone());
        array
    }

    /// Keeps of every built column the rows where `mask` is true.
    fn keep(&mut self, mask: &BooleanArray) {
        for array in self.built.values_mut() {
            *array = filter(array, mask).expect("the mask has one value a row");
        }
    }

    fn build(&mut self, column: RootColumn, places: &[u32]) -> ArrayRef {
        match column {
            RootColumn::Declared(at) => self.decoder.column(at, places),
            RootColumn::Metadata(at) => self.metadata(at, places),
            RootColumn::EventTime => match &self.node.event_time {
                Some(event_time) => self.array(event_time.column, places),
                None => Arc::new(TimestampMicrosecondArray::from(vec![0; places.len()]).with_timezone("UTC")),
            },
            RootColumn::PartitionRank => {
                let rank = partition_rank(&self.raw.partition.id);
                Arc::new(Int64Array::from(vec![rank; places.len()]))
            }
            RootColumn::Offset => self.offsets(places),
            RootColumn::Late => unreachable!("late rows are judged before any column is asked for"),
        }
    }

    /// Judges all good records of the batch, in the order of the log.
    fn judge_late(&mut self, seen: &mut HashMap<String, i64>, good: &[u32]) {
        let Some(event_time) = self.node.event_time.clone() else { return };
        let times = self.array(event_time.column, good);
        let times = times.as_primitive::<TimestampMicrosecondType>().values();
        let lateness = i64::try_from(event_time.lateness.as_micros()).unwrap_or(i64::MAX);
        let mut greatest = seen.get(&self.raw.partition.id).copied().unwrap_or(i64::MIN);
        let late = times.iter().map(|time| {
            let is_late = *time < greatest.saturating_sub(lateness);
            greatest = greatest.max(*time);
            Some(is_late)
        });
        let late: BooleanArray = late.collect();
        if !good.is_empty() {
            seen.insert(self.raw.partition.id.clone(), greatest);
        }
        self.built.insert(RootColumn::Late, Arc::new(late));
    }

    fn offsets(&self, places: &[u32]) -> ArrayRef {
        let offsets = places.iter().map(|place| self.spans.offsets.at(*place as usize) as i64);
        Arc::new(Int64Array::from_iter_values(offsets))
    }

    fn metadata(&self, at: usize, places: &[u32]) -> ArrayRef {
        match self.node.metadata[at].origin {
            MetadataOrigin::Offset => self.offsets(places),
            MetadataOrigin::Partition(constant) => match &self.raw.partition.constants[constant] {
                Constant::Text(text) => {
                    Arc::new(StringViewArray::from_iter_values(places.iter().map(|_| text.as_str())))
                }
                Constant::Int(int) => Arc::new(Int64Array::from(vec![*int; places.len()])),
            },
            MetadataOrigin::Record(record) => {
                let array = &self.raw.records.metadata[record];
                if places.len() == array.len() {
                    return array.clone();
                }
                take(array, &UInt32Array::from(places.to_vec()), None).expect("places lie within the batch")
            }
        }
    }
}

/// A number for a partition that is the same in every run, whatever order partitions were found in (FNV-1a, 64 bits).
pub(crate) fn partition_rank(id: &str) -> i64 {
    let digest = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (digest >> 1) as i64
}

/// Collects what leaves a source's region.
struct ScanTarget<'a> {
    node: &'a SourceNode,
    name: &'a Arc<str>,
    raw: &'a RawBatch,
    spans: &'a Spans,
    fates: &'a mut Vec<Fate>,
    scanned: Scanned,
    diverted: BTreeSet<u32>,
    source: usize,
}

impl FlowTarget for ScanTarget<'_> {
    fn exit(&mut self, exit: usize, flow: Flow) {
        for place in flow.places.values() {
            let fate = &mut self.fates[*place as usize];
            *fate = (*fate).max(Fate::Used);
        }
        let origin =
            Origin { source: self.source, partition: self.raw.records.partition, offset: self.raw.records.range.start };
        let batch = Batch { rows: flow.rows, diffs: None, origin: Some(origin) };
        self.scanned.exits.push((exit, batch));
    }

    fn fail(&mut self, operator: &str, flow: &Flow, failure: &Failure) {
        let place = flow.places.value(failure.row as usize);
        self.dead(&Arc::from(operator), place, failure.code, failure.message.clone());
    }

    fn late(&mut self, operator: &str, flow: &Flow, row: usize, late: Late) {
        let place = flow.places.value(row);
        let fate = &mut self.fates[place as usize];
        *fate = (*fate).max(Fate::Late);
        // A row that two sinks divert is one dead letter.
        if late == Late::Divert && self.diverted.insert(place) {
            let message = "the row came later than the source's lateness allows".to_owned();
            let error = self.error(&Arc::from(operator), place, "late", message);
            self.scanned.errors.push(ErrorRow { policy: OnError::DeadLetter, ..error });
        }
    }
}

impl ScanTarget<'_> {
    fn dead(&mut self, operator: &Arc<str>, place: u32, code: &'static str, message: String) {
        // A record that fails in two branches is one dead letter: the first failure tells why.
        if std::mem::replace(&mut self.fates[place as usize], Fate::Failed) == Fate::Failed {
            return;
        }
        let error = self.error(operator, place, code, message);
        self.scanned.errors.push(error);
    }

    fn error(&self, operator: &Arc<str>, place: u32, code: &'static str, message: String) -> ErrorRow {
        let bytes = self.spans.values[place as usize].as_ref().map(|span| self.raw.records.value(span).to_vec());
        ErrorRow {
            operator: Arc::clone(operator),
            origin: Some(ErrorOrigin {
                source: Arc::clone(self.name),
                partition: Arc::from(self.raw.partition.id.as_str()),
                offset: self.spans.offsets.at(place as usize),
            }),
            code,
            message,
            bytes: bytes.unwrap_or_default(),
            policy: self.node.on_error,
        }
    }

    fn finish(self) -> Scanned {
        let mut scanned = self.scanned;
        let duplicate = self.raw.records.duplicates;
        scanned.ledger.duplicate = duplicate;
        scanned.ledger.read = self.fates.len() as u64 + duplicate;
        for fate in self.fates.iter() {
            match fate {
                Fate::Filtered => scanned.ledger.filtered += 1,
                Fate::Late => scanned.ledger.late += 1,
                Fate::Used => scanned.ledger.used += 1,
                Fate::Failed => scanned.ledger.dead_letter += 1,
            }
        }
        scanned
    }
}
