//! From the errors of an epoch to the rows of the sinks of dead letters.

use std::collections::BTreeMap;

use arrow::array::{Int64Array, RecordBatch};

use crate::connector::{PartitionIndex, SinkMode};
use crate::dead_letter::{Letter, rows_of};
use crate::digest::Digest;
use crate::error_row::ErrorRow;
use crate::plan::{OnError, Plan};
use crate::render::{Batch, Digested, Origin, Outlet, RowDigester};
use crate::safeguard::Safeguard;

use super::journal::SinkMark;

/// What an epoch changes in the letters of all sources.
#[derive(Default)]
pub(super) struct LetterChanges {
    /// By sink: letters, and how often each is added.
    changes: BTreeMap<usize, BTreeMap<Letter, i64>>,
    /// How many more letters there are, less those that are taken back.
    pub(super) count: i64,
}

/// What is known of letters.
pub(super) struct Letters {
    /// By sink: the source's place, how rows are taken back, and the epoch up to which the sink needs nothing.
    sinks: BTreeMap<usize, (usize, SinkMode, u64)>,
    /// By the name of a source.
    of_source: BTreeMap<String, usize>,
    /// By the name of an operator behind a stateful one, or of a stateful one itself.
    of_operator: BTreeMap<String, usize>,
    /// How many equal errors there are of rows that are no record's alone.
    standing: BTreeMap<Digest, i64>,
    names: Vec<String>,
}

impl Letters {
    pub(super) fn new(plan: &Plan, marks: &[SinkMark]) -> Self {
        let lettered = plan.sinks.iter().enumerate().filter_map(|(at, sink)| Some((at, sink, sink.letters_of?)));
        let sinks: BTreeMap<_, _> =
            lettered.map(|(at, sink, source)| (at, (source, sink.input.mode, marks[at].passed))).collect();
        let of_source = plan.sources.iter().filter_map(|source| Some((source.name.clone(), source.letters?))).collect();
        let names = plan.sources.iter().map(|source| source.name.clone()).collect();
        Self { sinks, of_source, of_operator: of_operators(plan), standing: BTreeMap::new(), names }
    }

    /// What errors change, and letters whose records were read again. They have to come epoch by epoch, or as sums over epochs.
    pub(super) fn take(&mut self, errors: &[(ErrorRow, i64)], again: &[Letter]) -> LetterChanges {
        let mut taken = LetterChanges::default();
        for letter in again {
            if let Some(sink) = self.of_source.get(&letter.source) {
                taken.retract(*sink, letter.clone());
            }
        }
        for (error, diff) in errors.iter().filter(|(error, _)| error.policy == OnError::DeadLetter) {
            let known = match &error.origin {
                Some(origin) => self.of_source.get(&*origin.source),
                None => self.of_operator.get(&*error.operator),
            };
            let Some(sink) = known.copied() else { continue };
            taken.count += diff;
            let source = &self.names[self.sinks[&sink].0];
            let letters = taken.changes.entry(sink).or_default();
            let mut add = |occurrence: i64, times: i64| {
                let number = if Safeguard::LettersNumbered.holds() { occurrence.unsigned_abs() } else { 0 };
                let letter = Letter::of(error, number, source);
                *letters.entry(letter).or_default() += times;
            };
            if error.origin.is_some() {
                add(0, *diff);
                continue;
            }
            // Of equal errors the last one goes first.
            let digest = Letter::digest_of(error);
            let before = self.standing.remove(&digest).unwrap_or(0);
            let after = before + diff;
            (before..after).for_each(|occurrence| add(occurrence, 1));
            (after..before).for_each(|occurrence| add(occurrence, -1));
            if after != 0 {
                self.standing.insert(digest, after);
            }
        }
        taken
    }

    /// Of the changed rows, sink by sink. Of letters that come and go again between two epochs nothing is left, so the digest says what still
    /// stands, also where a sink keeps the rows of both.
    pub(super) fn digests(&self, changes: &LetterChanges) -> BTreeMap<Digested, Digest> {
        let mut digests = BTreeMap::new();
        for (sink, letters) in &changes.changes {
            let (rows, diffs) = rows_and_diffs(letters, self.sinks[sink].1, &|_| false);
            digests.insert(Digested::Sink(*sink), RowDigester::default().of_rows(&rows, |row| diffs[row]));
        }
        digests
    }

    /// The rows of an epoch for the sinks that do not hold them; all sinks of letters learn that the epoch is through.
    pub(super) fn outlets(&self, epoch: u64, changes: &LetterChanges) -> Vec<(usize, Outlet)> {
        let nothing = BTreeMap::new();
        let outlet = |(sink, (source, mode, held)): (&usize, &(usize, SinkMode, u64))| {
            let letters = changes.changes.get(sink).filter(|_| epoch > *held).unwrap_or(&nothing);
            let batches = batch(letters, *mode, *source).map(|batch| (epoch, batch)).into_iter().collect();
            (*sink, Outlet { worker: 0, batches, through: epoch + 1 })
        };
        self.sinks.iter().map(outlet).collect()
    }
}

impl LetterChanges {
    /// Letters that no longer hold whatever the errors are.
    fn retract(&mut self, sink: usize, letter: Letter) {
        self.count -= 1;
        *self.changes.entry(sink).or_default().entry(letter).or_default() -= 1;
    }
}

/// The letters that an epoch changes, in the order of the log.
fn batch(letters: &BTreeMap<Letter, i64>, mode: SinkMode, source: usize) -> Option<Batch> {
    let (rows, diffs) = rows_and_diffs(letters, mode, &|diff| diff < 0);
    if diffs.is_empty() {
        return None;
    }
    let diffs = match mode {
        SinkMode::Changes => diffs,
        SinkMode::Appends => diffs.into_iter().map(i64::abs).collect(),
    };
    let origin = Origin { source, partition: PartitionIndex(0), offset: 0 };
    Some(Batch { rows, diffs: Some(Int64Array::from(diffs)), origin: Some(origin) })
}

fn rows_and_diffs(
    letters: &BTreeMap<Letter, i64>,
    mode: SinkMode,
    is_retracted: &dyn Fn(i64) -> bool,
) -> (RecordBatch, Vec<i64>) {
    let (letters, diffs): (Vec<&Letter>, Vec<i64>) = letters.iter().filter(|(_, diff)| **diff != 0).unzip();
    let retracted: Vec<bool> = diffs.iter().map(|diff| is_retracted(*diff)).collect();
    (rows_of(&letters, (mode == SinkMode::Appends).then_some(retracted.as_slice())), diffs)
}

/// Rows behind a stateful operator are no record's alone: if they fail, they are among the letters of the first by name of all sources above
/// that keep any.
fn of_operators(plan: &Plan) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<String, (&str, usize)> = BTreeMap::new();
    for node in &plan.nodes {
        let above = node.clocks.iter().map(|source| &plan.sources[*source]);
        let keeping = above.filter(|source| source.on_error == OnError::DeadLetter);
        let Some(first) = keeping.filter_map(|source| Some((source.name.as_str(), source.letters?))).min() else {
            continue;
        };
        for name in node.region.steps.iter().map(|step| &step.name).chain([&node.name]) {
            let known = found.entry(name.clone()).or_insert(first);
            *known = (*known).min(first);
        }
    }
    found.into_iter().map(|(name, (_, sink))| (name, sink)).collect()
}
