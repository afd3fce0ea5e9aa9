//! One epoch's rows, folded per group.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};

use crate::aggregate::Number;
use crate::render::Diff;
use crate::render::batch::Batch;
use crate::render::row_bytes::{RowBytes, RowCodec, columns_at};
use crate::schema::Schema;

use super::exact_float;
use super::groups::Groups;
use super::key_codec::KeyCodec;
use super::key_table::KeyTable;
use super::layout::{Addend, Layout, Sum};

/// What a worker has folded of an epoch.
pub(super) struct Folded {
    keys: KeyTable,
    sums: Vec<i128>,
    /// Candidates that go into the accumulators: one place a group and candidate.
    best: Vec<Option<RowBytes>>,
    /// Candidates and distinct values that go their own way: (group, which, bytes) with how often they stand.
    best_values: Values,
    distinct_values: Values,
    numbers: Vec<u32>,
}

type Values = BTreeMap<(u32, u32, RowBytes), Diff>;

/// A value of a group: its key, which aggregate's it is, its bytes; and how often it stands.
pub(super) type GroupValue = ((RowBytes, u32, RowBytes), Diff);

/// An epoch's folded rows, group by group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EpochGroups {
    /// What each group adds up; a checkpoint may keep it, too.
    pub(super) groups: Rc<Groups>,
    /// Candidates that may be taken back.
    pub(super) best: Vec<GroupValue>,
    /// Values to be counted once.
    pub(super) distinct: Vec<GroupValue>,
}

/// What folding needs beside the rows.
pub(super) struct Folder {
    layout: Layout,
    keys: KeyCodec,
    best_codecs: Vec<RowCodec>,
    distinct_codecs: Vec<RowCodec>,
    /// How many groups the last epoch had.
    expected: Cell<usize>,
}

impl Folder {
    pub(super) fn new(layout: Layout, input: &Schema, keys: usize) -> Self {
        let best_codecs = layout.best.iter().map(|best| best.codec(input)).collect();
        let distinct_codecs =
            layout.distinct.iter().map(|(argument, _)| RowCodec::ascending(input, [*argument])).collect();
        Self { layout, keys: KeyCodec::new(input, keys), best_codecs, distinct_codecs, expected: Cell::new(0) }
    }

    /// Nothing folded yet.
    pub(super) fn start(&self) -> Folded {
        Folded {
            keys: KeyTable::with_capacity(self.expected.get()),
            sums: Vec::with_capacity(self.expected.get() * self.layout.width),
            best: Vec::new(),
            best_values: Values::new(),
            distinct_values: Values::new(),
            numbers: Vec::new(),
        }
    }

    /// Folds a batch in.
    pub(super) fn fold(&self, folded: &mut Folded, batch: &Batch) {
        let mut numbers = std::mem::take(&mut folded.numbers);
        numbers.clear();
        self.keys.number(&batch.rows, &mut folded.keys, &mut numbers);
        folded.sums.resize(folded.keys.bound() * self.layout.width, 0);
        for sum in &self.layout.sums {
            add(sum, batch, &numbers, self.layout.width, &mut folded.sums);
        }
        self.fold_best(folded, batch, &numbers);
        self.fold_distinct(folded, batch, &numbers);
        folded.numbers = numbers;
    }

    fn fold_best(&self, folded: &mut Folded, batch: &Batch, numbers: &[u32]) {
        let count = self.layout.best.len();
        folded.best.resize(folded.keys.bound() * self.layout.shape().best, None);
        for (which, best) in self.layout.best.iter().enumerate() {
            let candidates = self.best_codecs[which].encode(&columns_at(&batch.rows, best.columns()));
            let taking_part = TakingPart::new(&batch.rows, best.condition, best.required());
            for (row, group) in numbers.iter().enumerate().filter(|(row, _)| taking_part.includes(*row)) {
                let candidate = candidates.row(row);
                if self.layout.best_in_diff {
                    let known = &mut folded.best[*group as usize * count + which];
                    if known.as_ref().is_none_or(|known| candidate.as_ref() < known.as_ref()) {
                        *known = Some(candidate.as_ref().into());
                    }
                } else {
                    let value = (*group, which as u32, candidate.as_ref().into());
                    *folded.best_values.entry(value).or_default() += batch.diff(row);
                }
            }
        }
    }

    fn fold_distinct(&self, folded: &mut Folded, batch: &Batch, numbers: &[u32]) {
        for (which, (argument, condition)) in self.layout.distinct.iter().enumerate() {
            let values = self.distinct_codecs[which].encode(&columns_at(&batch.rows, [*argument]));
            let taking_part = TakingPart::new(&batch.rows, *condition, [*argument]);
            for (row, group) in numbers.iter().enumerate().filter(|(row, _)| taking_part.includes(*row)) {
                let value = (*group, which as u32, values.row(row).as_ref().into());
                *folded.distinct_values.entry(value).or_default() += batch.diff(row);
            }
        }
    }

    /// The epoch's groups.
    pub(super) fn finish(&self, folded: Folded) -> EpochGroups {
        let mut groups = Groups { sums: folded.sums, best: folded.best, ..Groups::default() };
        self.expected.set(folded.keys.bound());
        (0..folded.keys.bound()).for_each(|number| groups.keys.push(folded.keys.key(number as u32)));
        let mut finished = EpochGroups { groups: Rc::new(groups), ..EpochGroups::default() };
        if !self.layout.is_all_in_diff() {
            let keys = self.keys.to_rows(&finished.groups.keys);
            let by_key = |values: Values| {
                let named = values.into_iter().filter(|(_, diff)| *diff != 0);
                named
                    .map(|((group, which, bytes), diff)| ((keys[group as usize].clone(), which, bytes), diff))
                    .collect()
            };
            (finished.best, finished.distinct) = (by_key(folded.best_values), by_key(folded.distinct_values));
        }
        finished
    }
}

/// Which rows take part in an aggregate.
struct TakingPart<'a> {
    condition: Option<&'a BooleanArray>,
    required: Vec<&'a dyn Array>,
}

impl<'a> TakingPart<'a> {
    fn new(rows: &'a RecordBatch, condition: Option<usize>, required: impl IntoIterator<Item = usize>) -> Self {
        Self {
            condition: condition.map(|condition| rows.column(condition).as_boolean()),
            required: required
                .into_iter()
                .map(|column| rows.column(column).as_ref())
                .filter(|array| array.null_count() > 0)
                .collect(),
        }
    }

    fn is_everything(&self) -> bool {
        self.condition.is_none() && self.required.is_empty()
    }

    fn includes(&self, row: usize) -> bool {
        self.condition.is_none_or(|condition| condition.is_valid(row) && condition.value(row))
            && self.required.iter().all(|array| array.is_valid(row))
    }
}

/// Adds a batch to one sum of every group.
fn add(sum: &Sum, batch: &Batch, numbers: &[u32], width: usize, sums: &mut [i128]) {
    let rows = Rows { batch, numbers, taking_part: TakingPart::new(&batch.rows, sum.condition, sum.argument) };
    let place = Place { width, at: sum.at };
    match (sum.addend, sum.argument) {
        (Addend::One, _) | (Addend::Value(_), None) => {
            rows.each(place, sums, |_, diff, sums| sums[0] += i128::from(diff))
        }
        (Addend::Value(Number::Int), Some(argument)) => {
            let values = batch.rows.column(argument).as_primitive::<Int64Type>().values();
            rows.each(place, sums, |row, diff, sums| sums[0] += i128::from(values[row]) * i128::from(diff));
        }
        (Addend::Value(Number::Decimal(_)), Some(argument)) => {
            let values = batch.rows.column(argument).as_primitive::<Decimal128Type>().values();
            rows.each(place, sums, |row, diff, sums| {
                // Two pieces of 64 bits, so that no sum of 38 digits can overflow.
                sums[0] += i128::from(values[row] as u64) * i128::from(diff);
                sums[1] += (values[row] >> 64) * i128::from(diff);
            });
        }
        (Addend::Value(Number::Float), Some(argument)) => {
            let values = batch.rows.column(argument).as_primitive::<Float64Type>().values();
            rows.each(place, sums, |row, diff, sums| exact_float::add(sums, values[row], diff));
        }
    }
}

/// Where a sum lies among those of a group.
#[derive(Clone, Copy)]
struct Place {
    width: usize,
    at: usize,
}

/// The rows of a batch that take part in a sum.
struct Rows<'a> {
    batch: &'a Batch,
    numbers: &'a [u32],
    taking_part: TakingPart<'a>,
}

impl Rows<'_> {
    /// Calls `add` with each row, how often it stands, and its group's sums.
    fn each(&self, place: Place, sums: &mut [i128], mut add: impl FnMut(usize, i64, &mut [i128])) {
        let mut give = |row: usize, diff: i64| {
            add(row, diff, &mut sums[self.numbers[row] as usize * place.width + place.at..]);
        };
        let everything = self.taking_part.is_everything();
        match &self.batch.diffs {
            None if everything => (0..self.numbers.len()).for_each(|row| give(row, 1)),
            None => (0..self.numbers.len()).filter(|row| self.taking_part.includes(*row)).for_each(|row| give(row, 1)),
            Some(diffs) => {
                let rows = (0..self.numbers.len()).filter(|row| everything || self.taking_part.includes(*row));
                rows.for_each(|row| give(row, diffs.value(row)));
            }
        }
    }
}
