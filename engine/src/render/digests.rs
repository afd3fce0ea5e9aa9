//! Digests of what the dataflow has read and made, epoch by epoch: a replay that makes something else is told by them.
//!
//! They are noted where rows leave an operator, not where they arrive: then they are complete as soon as the operator has passed the epoch.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use arrow::array::RecordBatch;
use arrow::row::{RowConverter, SortField};

use super::Epoch;
use super::batch::Batch;
use super::outlet::EpochReport;
use super::scan::{RawBatch, partition_rank};
use crate::connector::Spans;
use crate::digest::Digest;
use crate::plan::{Exit, Target};

/// What a digest is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Digested {
    /// The records of a source, by its place in the plan.
    Source(usize),
    /// The rows that leave a stateful operator.
    Node(usize),
    /// The rows that reach a sink.
    Sink(usize),
}

/// What the operators of one worker note down until their epoch is passed.
#[derive(Clone)]
pub(crate) struct ReportBook {
    pages: Rc<RefCell<BTreeMap<Epoch, EpochReport>>>,
    /// Whether digests are noted.
    digests: bool,
}

impl ReportBook {
    pub(super) fn new(digests: bool) -> Self {
        Self { pages: Rc::default(), digests }
    }

    /// Whether digests are noted.
    pub(super) fn takes_digests(&self) -> bool {
        self.digests
    }

    /// Notes something of an epoch.
    pub(super) fn note(&self, epoch: Epoch, write: impl FnOnce(&mut EpochReport)) {
        write(self.pages.borrow_mut().entry(epoch).or_default());
    }

    /// Notes a part of a digest.
    pub(super) fn note_digest(&self, epoch: Epoch, of: Digested, part: impl FnOnce() -> Digest) {
        if self.digests {
            let part = part();
            self.note(epoch, |report| report.digests.entry(of).or_default().merge(part));
        }
    }

    /// What was noted of the epochs before `through`, which no longer change.
    pub(super) fn take(&self, through: Epoch) -> BTreeMap<Epoch, EpochReport> {
        let mut pages = self.pages.borrow_mut();
        let later = pages.split_off(&through);
        std::mem::replace(&mut *pages, later)
    }
}

/// Of records: what stands at which offset of which partition.
pub(super) fn of_records(raw: &RawBatch, spans: &Spans) -> Digest {
    let mut digest = Digest::default();
    let partition = partition_rank(&raw.partition.id).cast_unsigned();
    for (at, span) in spans.values.iter().enumerate() {
        let place = partition.wrapping_add(spans.offsets.at(at));
        match span {
            Some(span) => digest.add_numbered(place, raw.records.value(span)),
            // A record without a value is not one with an empty value.
            None => digest.add_numbered(!place, &[]),
        }
    }
    digest
}

/// Digests rows of one schema.
#[derive(Default)]
pub struct RowDigester {
    converter: Option<RowConverter>,
}

impl RowDigester {
    /// How rows become bytes: digests of another form are of no use.
    pub const FORM: &'static str = "arrow-row 59";

    /// Of the rows of a batch, each as often as it is added.
    pub(crate) fn of_batch(&mut self, batch: &Batch) -> Digest {
        self.of_rows(&batch.rows, |row| batch.diff(row))
    }

    /// Of rows, each as often as `times` says.
    pub fn of_rows(&mut self, rows: &RecordBatch, times: impl Fn(usize) -> i64) -> Digest {
        let mut digest = Digest::default();
        self.each_row(rows, |row, bytes| digest.add(bytes, times(row)));
        digest
    }

    /// Gives the bytes of each row.
    pub(crate) fn each_row(&mut self, rows: &RecordBatch, mut take: impl FnMut(usize, &[u8])) {
        if rows.num_columns() == 0 {
            (0..rows.num_rows()).for_each(|row| take(row, &[]));
            return;
        }
        let converter = self.converter.get_or_insert_with(|| {
            let fields = rows.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
            RowConverter::new(fields).expect("arrow-row carries every column type")
        });
        let encoded = converter.convert_columns(rows.columns()).expect("all rows are of one schema");
        encoded.iter().enumerate().for_each(|(row, bytes)| take(row, bytes.data()));
    }
}

/// Digests what leaves a region for sinks.
pub(super) struct ExitDigests {
    book: ReportBook,
    /// By exit: the sink that it leads to, if it leads to one.
    sinks: Vec<Option<(usize, RowDigester)>>,
}

impl ExitDigests {
    pub(super) fn new(book: &ReportBook, exits: &[Exit]) -> Self {
        let sink = |exit: &Exit| match exit.target {
            Target::Sink(sink) => Some((sink, RowDigester::default())),
            Target::Node(_) => None,
        };
        Self { book: book.clone(), sinks: exits.iter().map(sink).collect() }
    }

    /// Notes a batch that leaves by an exit.
    pub(super) fn note(&mut self, epoch: Epoch, exit: usize, batch: &Batch) {
        if let Some((sink, digester)) = &mut self.sinks[exit] {
            self.book.note_digest(epoch, Digested::Sink(*sink), || digester.of_batch(batch));
        }
    }
}
