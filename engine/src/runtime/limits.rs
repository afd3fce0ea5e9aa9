//! `max_errors`: how many records of a run may fail before it stops.

use std::collections::BTreeMap;

use crate::error_row::ErrorRow;
use crate::ledger::Ledger;
use crate::plan::{MaxErrors, Plan};
use crate::spec::Mode;

use super::RunError;
use super::journaling::describe;

/// A part is not judged before so many records are read.
const READ_LEAST: u64 = 1_000;

/// What this run has read, and what of it has failed.
pub(super) struct Limits {
    sources: Vec<Limit>,
    is_batch: bool,
    /// A bounded run has read everything: now all counts.
    pub(super) is_end: bool,
}

struct Limit {
    name: String,
    most: Option<MaxErrors>,
    read: u64,
    failed: u64,
    /// The first record that has failed.
    example: Option<String>,
}

impl Limits {
    pub(super) fn new(plan: &Plan) -> Self {
        let limit = |source: &crate::plan::SourceNode| Limit {
            name: source.name.clone(),
            most: source.max_errors,
            read: 0,
            failed: 0,
            example: None,
        };
        Self { sources: plan.sources.iter().map(limit).collect(), is_batch: plan.mode == Mode::Batch, is_end: false }
    }

    /// Counts what became of records of an epoch, by the places of their sources.
    pub(super) fn count(&mut self, ledgers: &BTreeMap<usize, Ledger>) {
        for (at, ledger) in ledgers {
            self.sources[*at].read += ledger.read;
            self.sources[*at].failed += ledger.dead_letter;
        }
    }

    /// Fails if too many records have, these among them; `good` is the last epoch whose results stand then.
    pub(super) fn judge(&mut self, errors: &[(ErrorRow, i64)], good: u64) -> Result<(), RunError> {
        let all_counts = self.is_batch && self.is_end;
        for limit in self.sources.iter_mut().filter(|limit| limit.most.is_some()) {
            limit.note(errors);
            if let Some(most) = limit.exceeded(all_counts) {
                return Err(RunError::Data { what: limit.describe(&most), epoch: good, remedy: "raise `max_errors`" });
            }
        }
        Ok(())
    }
}

impl Limit {
    fn note(&mut self, errors: &[(ErrorRow, i64)]) {
        if self.example.is_none() {
            let own = |error: &ErrorRow| error.origin.as_ref().is_some_and(|origin| *origin.source == *self.name);
            self.example =
                errors.iter().find(|(error, diff)| *diff > 0 && own(error)).map(|(error, _)| describe(error));
        }
    }

    /// The limit, in words, if more have failed.
    fn exceeded(&self, all_counts: bool) -> Option<String> {
        match self.most? {
            MaxErrors::Count(most) => (self.failed > most).then(|| most.to_string()),
            MaxErrors::Percent(_) if self.read < READ_LEAST && !all_counts => None,
            MaxErrors::Percent(percent) => {
                (self.failed as f64 * 100.0 > self.read as f64 * percent).then(|| format!("{percent}%"))
            }
        }
    }

    fn describe(&self, most: &str) -> String {
        let Self { name, read, failed, example, .. } = self;
        let example = example.as_ref().map_or_else(String::new, |example| format!("; for instance, {example}"));
        format!(
            "{failed} of {read} records of source `{name}` have failed in this run, more than `max_errors: {most}` allows{example}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exceeded(most: MaxErrors, failed: u64, read: u64, all_counts: bool) -> bool {
        let limit = Limit { name: "s".into(), most: Some(most), read, failed, example: None };
        limit.exceeded(all_counts).is_some()
    }

    #[test]
    fn parts_are_judged_once_enough_is_read_and_numbers_at_once() {
        assert!(!exceeded(MaxErrors::Percent(5.0), 50, 1_000, false));
        assert!(exceeded(MaxErrors::Percent(5.0), 51, 1_000, false));
        assert!(!exceeded(MaxErrors::Percent(5.0), 999, 999, false));
        assert!(exceeded(MaxErrors::Percent(5.0), 1, 19, true) && !exceeded(MaxErrors::Percent(5.0), 0, 0, true));
        assert!(exceeded(MaxErrors::Count(2), 3, 3, false) && !exceeded(MaxErrors::Count(2), 2, 2, true));
    }
}
