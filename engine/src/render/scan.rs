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
use crate::ledger::Ledger;
use crate::plan::{RootColumn, SourceNode};

use super::batch::{Batch, record_batch};
use super::flow::{Flow, Operator, run, select};
use super::outlet::Moved;
use super::scan_target::{Fate, ScanTarget};
use crate::error_row::ErrorRow;

/// Records on their way to a worker.
#[derive(Clone, Debug)]
pub struct RawBatch {
    /// The records.
    pub records: Arc<Records>,
    /// Their partition.
    pub partition: Arc<Partition>,
    /// Whether this is a record that has letters and is read again.
    pub again: Option<Arc<RawAgain>>,
}

/// What is known of a record that is read again.
#[derive(Clone, Debug)]
pub struct RawAgain {
    /// What was read as this record before, in that order, and the ways to the operators in which it failed; none if it could not be decoded.
    pub before: Vec<(Arc<Records>, Option<Vec<String>>)>,
    /// Whether all that was wrong with it is that it came late.
    pub only_late: bool,
    /// Whether its letters are taken back by whoever knows them; else by what the record as it was fails with now.
    pub letters_known: bool,
}

/// What a scan makes of one batch of records.
#[derive(Default)]
pub(super) struct Scanned {
    /// Rows that left, by exit.
    pub(super) exits: Vec<(usize, Batch)>,
    /// What failed.
    pub(super) errors: Vec<ErrorRow>,
    /// What failed before, and is taken back.
    pub(super) retracted: Vec<ErrorRow>,
    /// The greatest event time of all good records, in microseconds.
    pub(super) clock: Option<i64>,
    /// What became of the records.
    pub(super) ledger: Ledger,
    /// What became of a record that was read again, and before.
    pub(super) moved: Option<Moved>,
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
    takes_digests: bool,
    /// The greatest event time seen in each partition, if it matters which rows came late.
    seen: HashMap<String, i64>,
    fates: Vec<Fate>,
}

impl Scan {
    pub(super) fn new(plan: Arc<crate::plan::Plan>, source: usize, takes_digests: bool) -> Self {
        let node = &plan.sources[source];
        let needs_clock = plan.nodes.iter().any(|other| other.needs_clock() && other.clocks.contains(&source));
        let decoder = node
            .format
            .decoder(&DecodeRequest { schema: node.declared.clone(), wanted: wanted_columns(node, needs_clock) });
        let name = Arc::from(node.name.as_str());
        Self { plan, source, decoder, name, needs_clock, takes_digests, seen: HashMap::new(), fates: Vec::new() }
    }

    /// Takes up the greatest event time that a partition had.
    pub(super) fn restore(&mut self, partition: &[u8], greatest: i64) {
        self.seen.insert(String::from_utf8_lossy(partition).into_owned(), greatest);
    }

    /// Everything that one batch of records becomes.
    pub(super) fn scan(&mut self, raw: &RawBatch) -> Scanned {
        match &raw.again {
            Some(again) => self.scan_again(raw, again),
            None => self.examine(raw),
        }
    }

    /// What a record becomes that is read again: rows for those who lack them, and letters if it still fails. It is not judged by its time, and tells
    /// none: what comes after it was judged without it.
    fn scan_again(&mut self, raw: &RawBatch, again: &RawAgain) -> Scanned {
        let plan = Arc::clone(&self.plan);
        let node = &plan.sources[self.source];
        let mut reached = BTreeSet::new();
        let mut failed = Vec::new();
        for (records, failed_at) in &again.before {
            let scanned = self.examine(&RawBatch { records: Arc::clone(records), ..raw.clone() });
            failed = scanned.errors;
            let Some(ways) = failed_at else { continue };
            let is_cut_off = |exit: usize| {
                node.prefilter.as_ref().is_some_and(|prefilter| ways.contains(&prefilter.name))
                    || node.region.leads_through(node.region.exits[exit].at, ways)
            };
            // An operator in which the record failed may have been mended since: what lies behind it lacks the record all the same.
            reached.extend(scanned.exits.iter().map(|(exit, _)| *exit).filter(|exit| !is_cut_off(*exit)));
        }
        let was = match (again.only_late, reached.is_empty()) {
            (false, _) => Fate::Failed,
            (true, true) => Fate::Late,
            (true, false) => Fate::Used,
        };
        let mut scanned = self.examine(raw);
        scanned.exits.retain(|(exit, _)| !reached.contains(exit));
        reached.extend(scanned.exits.iter().map(|(exit, _)| *exit));
        let is = match (scanned.ledger.dead_letter, reached.is_empty()) {
            (0, true) => Fate::Filtered,
            (0, false) => Fate::Used,
            _ => Fate::Failed,
        };
        let moved = Moved { from: was.ledger(), to: is.ledger() };
        let retracted = if again.letters_known { Vec::new() } else { failed };
        Scanned { exits: scanned.exits, errors: scanned.errors, retracted, moved: Some(moved), ..Scanned::default() }
    }

    fn examine(&mut self, raw: &RawBatch) -> Scanned {
        let plan = Arc::clone(&self.plan);
        let node = &plan.sources[self.source];
        let spans = raw.records.spans();
        let verdicts = self.decoder.scan(&raw.records, &spans);
        let mut target = ScanTarget::new((self.source, node), &self.name, (raw, &spans), &mut self.fates);
        if self.takes_digests && raw.again.is_none() {
            target.scanned.digest = of_records(raw, &spans);
        }
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
        if raw.again.is_some() {
            let on_time = BooleanArray::from(vec![false; verdicts.good.len()]);
            columns.built.insert(RootColumn::Late, Arc::new(on_time));
        } else if node.judges_late() {
            columns.judge_late(&mut self.seen, &verdicts.good);
        }
        let mut places = UInt32Array::from(verdicts.good);
        if let Some(prefilter) = &node.prefilter {
            let arrays: Vec<ArrayRef> =
                prefilter.root.iter().map(|column| columns.array(*column, places.values())).collect();
            let schema = prefilter.schema.arrow();
            let flow = Flow { rows: record_batch(schema, arrays, places.len()), diffs: None, places };
            let operator = Operator { name: &prefilter.name, way: &prefilter.name };
            let mask = select(&prefilter.condition, operator, &flow, &mut target);
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
