//! What becomes of the records of a batch on their way through a source's region.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};

use crate::connector::{MetadataOrigin, Spans};
use crate::error_row::{ErrorOrigin, ErrorRow, LATE};
use crate::expr::Failure;
use crate::ledger::Ledger;
use crate::plan::{Late, OnError, SourceNode};

use super::batch::{Batch, Origin};
use super::flow::{Flow, FlowTarget, Operator};
use super::row_json::row_json;
use super::scan::{RawBatch, Scanned};

/// What became of one record. Greater fates win: a record that failed anywhere has failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    Filtered,
    Late,
    Used,
    Failed,
}

impl Fate {
    /// A ledger that counts one record of this fate.
    pub(super) fn ledger(self) -> Ledger {
        let mut ledger = Ledger::default();
        *self.column(&mut ledger) = 1;
        ledger
    }

    fn column(self, ledger: &mut Ledger) -> &mut u64 {
        match self {
            Self::Filtered => &mut ledger.filtered,
            Self::Late => &mut ledger.late,
            Self::Used => &mut ledger.used,
            Self::Failed => &mut ledger.dead_letter,
        }
    }
}

/// Collects what leaves a source's region.
pub(super) struct ScanTarget<'a> {
    pub(super) node: &'a SourceNode,
    pub(super) name: &'a Arc<str>,
    pub(super) raw: &'a RawBatch,
    pub(super) spans: &'a Spans,
    pub(super) fates: &'a mut Vec<Fate>,
    pub(super) scanned: Scanned,
    pub(super) source: usize,
    /// The places of records that a sink has diverted.
    diverted: BTreeSet<u32>,
    /// What failed, with the places of its records.
    errors: Vec<(u32, ErrorRow)>,
    /// Of the places of records: the ways to the operators in which they failed.
    failed: BTreeMap<u32, BTreeSet<String>>,
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

    fn fail(&mut self, operator: Operator<'_>, flow: &Flow, failure: &Failure) {
        let place = flow.places.value(failure.row as usize);
        self.failed.entry(place).or_default().insert(operator.way.to_owned());
        self.dead(&Arc::from(operator.name), place, failure.code, failure.message.clone());
    }

    fn late(&mut self, operator: Operator<'_>, flow: &Flow, row: usize, late: Late) {
        let place = flow.places.value(row);
        let fate = &mut self.fates[place as usize];
        *fate = (*fate).max(Fate::Late);
        if late != Late::Divert {
            return;
        }
        self.failed.entry(place).or_default().insert(operator.way.to_owned());
        // A row that two sinks divert is one dead letter.
        if self.diverted.insert(place) {
            let message = "the row came later than the source's lateness allows".to_owned();
            let error = self.error(&Arc::from(operator.name), place, LATE, message);
            self.errors.push((place, ErrorRow { policy: OnError::DeadLetter, ..error }));
        }
    }
}

impl<'a> ScanTarget<'a> {
    pub(super) fn new(
        (source, node): (usize, &'a SourceNode),
        name: &'a Arc<str>,
        (raw, spans): (&'a RawBatch, &'a Spans),
        fates: &'a mut Vec<Fate>,
    ) -> Self {
        fates.clear();
        fates.resize(spans.values.len(), Fate::Filtered);
        Self {
            node,
            name,
            raw,
            spans,
            fates,
            scanned: Scanned::default(),
            source,
            diverted: BTreeSet::new(),
            errors: Vec::new(),
            failed: BTreeMap::new(),
        }
    }

    pub(super) fn dead(&mut self, operator: &Arc<str>, place: u32, code: &'static str, message: String) {
        // A record that fails in two branches is one dead letter: the first failure tells why.
        if std::mem::replace(&mut self.fates[place as usize], Fate::Failed) == Fate::Failed {
            return;
        }
        let error = self.error(operator, place, code, message);
        self.errors.push((place, error));
    }

    fn error(&self, operator: &Arc<str>, place: u32, code: &'static str, message: String) -> ErrorRow {
        let bytes = self.spans.values[place as usize].as_ref().map(|span| self.raw.records.value(span).to_vec());
        ErrorRow {
            operator: Arc::clone(operator),
            origin: Some(ErrorOrigin {
                source: Arc::clone(self.name),
                partition: Arc::from(self.raw.partition.id.as_str()),
                offset: self.spans.offsets.at(place as usize),
                time: self.time(place as usize),
                metadata: self.metadata(place as usize),
                header: self.raw.records.preamble.as_ref().and_then(|header| String::from_utf8(header.to_vec()).ok()),
                failed_at: Vec::new(),
            }),
            code,
            message,
            bytes,
            policy: self.node.on_error,
        }
    }

    /// The time that came with a record.
    fn time(&self, place: usize) -> Option<i64> {
        let at = self.node.record_time().filter(|_| self.node.letters.is_some())?;
        let times = self.raw.records.metadata.get(at)?.as_primitive_opt::<TimestampMicrosecondType>()?;
        times.is_valid(place).then(|| times.value(place))
    }

    /// What came with a record and is used.
    fn metadata(&self, place: usize) -> Option<String> {
        self.node.letters?;
        let wanted = self.node.wanted_metadata();
        let mut fields = Vec::new();
        let mut columns: Vec<ArrayRef> = Vec::new();
        for column in &self.node.metadata {
            if let MetadataOrigin::Record(at) = column.origin
                && wanted[at]
            {
                let array = self.raw.records.metadata.get(at)?.slice(place, 1);
                fields.push(Field::new(&column.column.name, array.data_type().clone(), true));
                columns.push(array);
            }
        }
        let row = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).ok()?;
        String::from_utf8(row_json(&row)).ok().filter(|json| !json.is_empty())
    }

    pub(super) fn finish(mut self) -> Scanned {
        for (place, error) in &mut self.errors {
            if let (Some(origin), Some(ways)) = (&mut error.origin, self.failed.get(place)) {
                origin.failed_at = ways.iter().cloned().collect();
            }
        }
        let mut scanned = self.scanned;
        scanned.errors = self.errors.into_iter().map(|(_, error)| error).collect();
        let duplicate = self.raw.records.duplicates;
        scanned.ledger.duplicate = duplicate;
        scanned.ledger.read = self.fates.len() as u64 + duplicate;
        for fate in [Fate::Filtered, Fate::Late, Fate::Used, Fate::Failed] {
            *fate.column(&mut scanned.ledger) += self.fates.iter().filter(|found| **found == fate).count() as u64;
        }
        scanned
    }
}
