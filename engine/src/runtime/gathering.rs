//! A sink that only looks: it keeps what has to stand in another one, to be compared with what does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;

use crate::connector::{Committed, Mark, Member, MemberChanges, MemberError, Sink, Writer};
use crate::dead_letter::standing;
use crate::digest::Digest;
use crate::render::RowDigester;

/// How often each row stands more than it should, told apart by its digest.
pub(super) type Balance = HashMap<Digest, i64>;

/// Looks at what flows into a sink up to an epoch.
#[derive(Clone, Debug)]
pub(super) struct GatheringSink {
    upto: u64,
    /// Whether what flows in are letters, some of which may say that others no longer hold.
    of_letters: bool,
    gathered: Arc<Mutex<Gathered>>,
}

/// What has been seen.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// If rows are counted: what the sink holds, less what it should.
    pub(super) balance: Option<Balance>,
    /// Rows to be kept when they come by.
    wanted: HashMap<Digest, Option<RecordBatch>>,
}

impl GatheringSink {
    /// Looks at what comes up to epoch `upto`.
    pub(super) fn new(upto: u64, of_letters: bool, gathered: Gathered) -> Self {
        Self { upto, of_letters, gathered: Arc::new(Mutex::new(gathered)) }
    }

    /// What has been seen. A poisoned lock is used all the same: a commit that panicked has ended the run.
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been seen in the end.
    pub(super) fn into_gathered(self) -> Gathered {
        std::mem::take(&mut *self.gathered())
    }
}

impl Gathered {
    /// Keeps rows of these digests.
    pub(super) fn wanting(rows: impl Iterator<Item = Digest>) -> Self {
        Self { balance: None, wanted: rows.map(|row| (row, None)).collect() }
    }

    /// Whether it was not asked to look at anything.
    pub(super) fn is_idle(&self) -> bool {
        self.balance.is_none() && self.wanted.is_empty()
    }

    /// The rows that were wanted and have come by.
    pub(super) fn into_rows(self) -> Vec<RecordBatch> {
        self.wanted.into_values().flatten().collect()
    }

    /// Takes rows out of the balance.
    fn expect(&mut self, rows: &RecordBatch, diffs: &[i64]) {
        if let Some(balance) = &mut self.balance {
            each_row(rows, |row, digest| {
                let count = balance.entry(digest).or_default();
                *count -= diffs[row];
                if *count == 0 {
                    balance.remove(&digest);
                }
            });
        }
        self.keep_wanted(rows);
    }

    /// Keeps those rows that are wanted, each once.
    pub(super) fn keep_wanted(&mut self, rows: &RecordBatch) {
        if self.wanted.is_empty() {
            return;
        }
        each_row(rows, |row, digest| {
            if let Some(kept) = self.wanted.get_mut(&digest) {
                kept.get_or_insert_with(|| rows.slice(row, 1));
            }
        });
    }
}

/// Gives the digest of each row.
fn each_row(rows: &RecordBatch, mut take: impl FnMut(usize, Digest)) {
    let mut digester = RowDigester::default();
    digester.each_row(rows, |row, bytes| {
        let mut digest = Digest::default();
        digest.add(bytes, 1);
        take(row, digest);
    });
}

impl Sink for GatheringSink {
    fn describe(&self) -> String {
        "nowhere".into()
    }

    fn open(&self, _members: &[Member<'_>]) -> Result<Box<dyn Writer>, MemberError> {
        Ok(Box::new(self.clone()))
    }
}

impl Writer for GatheringSink {
    fn committed(&self) -> Vec<Committed> {
        vec![Committed::Epoch(Mark::default())]
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        if epoch <= self.upto {
            for MemberChanges { changes, .. } in changed {
                if self.of_letters {
                    let (rows, signs) = standing(&changes.rows);
                    let diffs: Vec<i64> = signs.iter().zip(&changes.diffs).map(|(sign, diff)| sign * diff).collect();
                    self.gathered().expect(&rows, &diffs);
                    continue;
                }
                self.gathered().expect(&changes.rows, &changes.diffs);
            }
        }
        Ok(())
    }
}

/// What a sink holds, counted by row.
pub(super) fn count(balance: &mut Balance, rows: &RecordBatch, diffs: &[i64]) {
    each_row(rows, |row, digest| *balance.entry(digest).or_default() += diffs[row]);
}
