//! From a closed epoch to the sinks: journal it once all workers have passed it, let sinks commit it, wait until they have.

use std::collections::BTreeMap;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use crate::clock::now_micros;
use crate::dead_letter::Letter;
use crate::error_row::ErrorRow;
use crate::plan::OnError;
use crate::render::EpochReport;
use crate::safeguard::Safeguard;

use super::RunError;
use super::checkpoint::Checkpoint;
use super::committer::Order;
use super::coordinator::{Coordinator, PAUSE};
use super::digests::Recorded;
use super::epochs::{Closing, ClosingKind, Expected, Ranges};
use super::journal::{Entry, EpochRecord, Positions, SinkMark};
use super::letters::LetterChanges;
use super::protocol::passed;
use super::run::committer_of;
use super::status::CheckpointStatus;
use super::threads::await_next;

/// How long sinks may take to commit what is under way when the run is asked to stop.
const STOP_PATIENCE: Duration = Duration::from_millis(4500);

impl Coordinator<'_> {
    /// Forgets the closed epochs that all sinks hold.
    pub(super) fn retire(&mut self) {
        let all = self.epochs.all_committed();
        while let Some((_, closed_at)) = self.epochs.uncommitted.pop_front_if(|(epoch, _)| *epoch <= all) {
            self.watch.committed(closed_at.elapsed());
        }
    }

    /// Journals, in order, every closed epoch that all workers have passed, and lets sinks commit it.
    pub(super) fn journal_passed(&mut self) -> Result<(), RunError> {
        let passed = passed(self.epochs.through.iter().copied());
        let mut good = None;
        let mut outcome = Ok(());
        while let Some(entry) = self.epochs.closing.first_entry().filter(|entry| Some(*entry.key()) <= passed) {
            let epoch = *entry.key();
            let Closing { kind, ends, report, again } = entry.remove();
            let is_compared = !matches!(kind, ClosingKind::Past(None));
            let letters = match kind {
                ClosingKind::New(ranges) => self.journal_epoch(epoch, ranges, ends, report, &again),
                // Of the past the journal has everything.
                ClosingKind::Past(expected) => self.compare(epoch, expected.as_ref(), report, &again),
                ClosingKind::Restored(digests) => self.compare_restored(epoch, &digests, report),
            };
            let letters = match letters {
                Ok(letters) => letters,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            };
            if is_compared {
                self.epochs.good = epoch;
            }
            good = Some(epoch);
            self.prepare_sinks(epoch, &letters);
        }
        if let Some(good) = good {
            // Epochs that were passed together become durable together.
            self.require_ownership()?;
            if Safeguard::JournalFirst.holds() {
                self.journal.sync()?;
            }
            // A committer that has ended has told why.
            self.committers.iter().for_each(|committer| drop(committer.orders.send(Order::Permit(good))));
        }
        match outcome {
            Err(failed @ RunError::Data { .. }) => {
                // Everything before the epoch is committed, and nothing of it.
                self.settle()?;
                Err(failed)
            }
            outcome => outcome,
        }
    }

    /// Lets sinks put an epoch on its way while it is made durable.
    fn prepare_sinks(&self, epoch: u64, letters: &LetterChanges) {
        for (sink, outlet) in self.letters.outlets(epoch, letters) {
            let (committer, member) = committer_of(&self.committers, sink);
            outlet.batches.iter().for_each(|(_, batch)| committer.load.add(batch));
            let _ = committer.orders.send(Order::Outlet(member, outlet));
        }
        let digest = |sink: &usize| self.epochs.digests.of_sink(*sink);
        for committer in &self.committers {
            let digests = committer.sinks.iter().map(digest).collect();
            // A committer that has ended has told why.
            let _ = committer.orders.send(Order::Prepare(epoch, digests));
        }
    }

    /// Ends the run if another instance has taken over.
    pub(super) fn require_ownership(&self) -> Result<(), RunError> {
        if self.ownership.is_lost() { Err(RunError::TakenOver { folder: self.folder.clone() }) } else { Ok(()) }
    }

    /// What a checkpoint has brought back must be what there was.
    fn compare_restored(
        &mut self,
        epoch: u64,
        recorded: &Recorded,
        report: EpochReport,
    ) -> Result<LetterChanges, RunError> {
        // What rows behind the cuts fail again is among the letters since they failed first.
        self.letters.take(&consolidated(report.errors), &[]);
        self.epochs.digests.add_restored(&report.digests);
        let diverged = self.epochs.digests.diverged(recorded).filter(|_| Safeguard::RestoreCompared.holds());
        let Some(what) = diverged else { return Ok(LetterChanges::default()) };
        Err(RunError::Diverged {
            what: format!("the checkpoint at epoch {epoch} brings back {what} otherwise than it was"),
            epochs: epoch..=epoch,
            hint: "nothing was written; this is a bug of flowctl or a damaged disk: please report it, and go on with `--from EPOCH`, an \
                   older checkpoint of `flowctl state ls`"
                .into(),
        })
    }

    /// What was read again must be what was read, and come to what it came to.
    fn compare(
        &mut self,
        epoch: u64,
        expected: Option<&Expected>,
        report: EpochReport,
        again: &[Letter],
    ) -> Result<LetterChanges, RunError> {
        for (source, ledger) in &report.ledgers {
            *self.epochs.reread.entry(*source).or_default() += ledger.read;
        }
        let letters = self.letters.take(&consolidated(report.errors), again);
        self.epochs.digests.add(&report.digests);
        self.epochs.digests.add(&self.letters.digests(&letters));
        let Some(expected) = expected else { return Ok(letters) };
        self.compare_reads(epoch, &expected.reads)?;
        let diverged = self.epochs.digests.diverged(&expected.digests).filter(|_| Safeguard::ReplayCompared.holds());
        let Some(what) = diverged else { return Ok(letters) };
        let hint = if what.starts_with("source") {
            "records that were read have changed: bring them back, or begin anew with another `--state DIR` and empty tables"
        } else {
            "this is a bug of flowctl or another version of it: please report it; sinks hold what they held, and \
             `flowctl verify` shows the rows"
        };
        Err(self.diverged(&format!("{what} is not what it was"), epoch, hint))
    }

    fn compare_reads(&mut self, epoch: u64, reads: &BTreeMap<String, u64>) -> Result<(), RunError> {
        let reread = std::mem::take(&mut self.epochs.reread);
        for (at, source) in self.sources.iter().enumerate() {
            let expected = reads.get(&source.name).copied().unwrap_or(0);
            let found = reread.get(&at).copied().unwrap_or(0);
            if found != expected {
                let what = format!("source `{}` has {found} records instead of {expected}", source.name);
                let hint = "records that were read are gone or changed (compaction?): begin anew with another `--state DIR` \
                            and empty tables";
                return Err(self.diverged(&what, epoch, hint));
            }
        }
        Ok(())
    }

    /// A stage that ends with this epoch is otherwise than it was.
    fn diverged(&self, what: &str, epoch: u64, hint: &str) -> RunError {
        let good = self.epochs.good;
        let first = good + 1;
        let replayed = if first == epoch {
            format!("when epoch {epoch} is replayed")
        } else {
            format!("when epochs {first} to {epoch} are replayed")
        };
        let equal = if good == 0 { String::new() } else { format!("; up to epoch {good} all is equal") };
        RunError::Diverged { what: format!("{what} {replayed}{equal}"), epochs: first..=epoch, hint: hint.to_owned() }
    }

    fn journal_epoch(
        &mut self,
        epoch: u64,
        ranges: Ranges,
        ends: Positions,
        report: EpochReport,
        again: &[Letter],
    ) -> Result<LetterChanges, RunError> {
        let errors = consolidated(report.errors);
        self.limits.count(&report.ledgers);
        if let Err(failed) = stop_at(&errors, epoch).and_then(|()| self.limits.judge(&errors, epoch - 1)) {
            self.epochs.uncommitted.retain(|(closed, _)| *closed < epoch);
            self.epochs.closing.clear();
            self.epochs.failed = true;
            return Err(failed);
        }
        let letters = self.letters.take(&errors, again);
        self.epochs.digests.add(&report.digests);
        self.epochs.digests.add(&self.letters.digests(&letters));
        let mut ledgers = self.epochs.last.ledgers.clone();
        for (source, ledger) in report.ledgers {
            ledgers.entry(self.plan.sources[source].name.clone()).or_default().add(&ledger);
        }
        for (source, moved) in &report.moved {
            let ledger = ledgers.entry(self.plan.sources[*source].name.clone()).or_default();
            ledger.add(&moved.to);
            ledger.subtract(&moved.from);
        }
        let record = EpochRecord {
            epoch,
            generation: self.generation,
            clock: now_micros().max(self.epochs.last.clock),
            ranges,
            ledgers,
            digests: self.epochs.digests.recorded(),
            dead_letters: self.epochs.last.dead_letters.saturating_add_signed(letters.count),
            skipped: self.epochs.last.skipped.saturating_add_signed(report.skipped),
            sinks: self.sink_marks(),
        };
        self.journal.append(&Entry::Epoch(record.clone()))?;
        self.epochs.last = record;
        self.checkpoints.settle(&mut self.journal, &self.epochs.last, ends)?;
        Ok(letters)
    }

    /// A checkpoint is complete: the journal says so, and what only older ones need is removed.
    pub(super) fn note_checkpoint(
        &mut self,
        epoch: u64,
        checkpoint: Result<Checkpoint, RunError>,
    ) -> Result<(), RunError> {
        if self.epochs.failed {
            // Its epoch is not in the journal.
            return Ok(());
        }
        self.require_ownership()?;
        // What is removed for it must not be needed by what a restart knows of the sinks.
        self.journal.append(&Entry::Marks(self.sink_marks()))?;
        let all_committed = self.epochs.all_committed();
        if checkpoint.is_ok() {
            self.epochs.checkpoint = Some(CheckpointStatus { epoch, made: now_micros() });
        }
        self.checkpoints.complete(&mut self.journal, epoch, checkpoint, all_committed)
    }

    /// Waits until the checkpoint that is being made is complete; not for ever if the run is asked to stop.
    pub(super) fn await_checkpoint(&mut self) -> Result<(), RunError> {
        while self.checkpoints.is_asked() && !self.is_out_of_patience() {
            match await_next(&self.events, PAUSE) {
                Ok(event) => self.handle(event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(RunError::Died("the workers")),
            }
        }
        Ok(())
    }

    fn is_out_of_patience(&mut self) -> bool {
        self.shall_stop();
        self.epochs.stop_seen.is_some_and(|seen| seen.elapsed() >= STOP_PATIENCE)
    }

    /// Says how far sinks have come: what changed nothing in a sink it does not know of itself.
    pub(super) fn journal_marks(&mut self) -> Result<(), RunError> {
        let marks = self.sink_marks();
        if marks == self.epochs.last.sinks {
            return Ok(());
        }
        self.journal.append(&Entry::Marks(marks))?;
        self.journal.sync()
    }

    fn sink_marks(&self) -> BTreeMap<String, SinkMark> {
        let marks = self.plan.sinks.iter().zip(&self.epochs.marks);
        marks.map(|(sink, mark)| (sink.mark_key(), *mark)).collect()
    }

    /// Whether all that was closed is committed.
    pub(super) fn is_settled(&self) -> bool {
        self.epochs.uncommitted.is_empty()
    }

    /// Waits until every closed epoch is journaled and committed; not for ever if the run is asked to stop.
    pub(super) fn settle(&mut self) -> Result<(), RunError> {
        while !self.is_settled() {
            self.look();
            if self.is_out_of_patience() {
                tracing::warn!(
                    "stopping with {} epochs that not all sinks have committed; the next start commits them",
                    self.epochs.uncommitted.len()
                );
                self.abandon.set();
                return Ok(());
            }
            match await_next(&self.events, PAUSE) {
                Ok(event) => self.handle(event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(RunError::Died("the workers")),
            }
        }
        Ok(())
    }
}

/// Each error once, in a total order.
fn consolidated(errors: Vec<(ErrorRow, i64)>) -> Vec<(ErrorRow, i64)> {
    let mut counts: BTreeMap<ErrorRow, i64> = BTreeMap::new();
    for (error, diff) in errors {
        *counts.entry(error).or_default() += diff;
    }
    counts.into_iter().filter(|(_, diff)| *diff != 0).collect()
}

/// Fails at the first error that stops the run.
fn stop_at(errors: &[(ErrorRow, i64)], epoch: u64) -> Result<(), RunError> {
    let failing = errors.iter().filter(|(error, diff)| error.policy == OnError::Fail && *diff > 0);
    // A record says more than what has become of it.
    match failing.min_by_key(|(error, _)| error.origin.is_none()) {
        Some((error, _)) => {
            let remedy = "set the source's `on_error: dead_letter`";
            Err(RunError::Data { what: describe(error), epoch: epoch - 1, remedy })
        }
        None => Ok(()),
    }
}

pub(super) fn describe(error: &ErrorRow) -> String {
    let place = match &error.origin {
        Some(origin) => {
            format!("record {} of partition `{}` of source `{}`", origin.offset, origin.partition, origin.source)
        }
        None => format!("a row of operator `{}`", error.operator),
    };
    format!("{place} fails in `{}`: {} ({})", error.operator, error.message, error.code)
}
