//! Where a run goes on: decided from what the sinks hold, what the journal says, and which checkpoints there are.

use std::collections::BTreeSet;

use tracing::warn;

use crate::connector::{Committed, ConnectorError, Mark, Replay, SinkMode};
use crate::plan::{Plan, SinkNode, Target};

use super::RunError;
use super::checkpoint::{Checkpoint, Verifier, runs_folder};
use super::coordinator::EPOCHS_IN_FLIGHT;
use super::digests::sink_key;
use super::history::{Beginning, History, Summit};
use super::journal::{Positions, SinkMark};
use super::source_state::SourceState;
use super::state_folder::StateFolder;

/// How far each sink has come. The journal knows of epochs that changed nothing in a sink, which the sink itself does not.
pub(super) fn sink_marks(
    plan: &Plan,
    held: &[Committed],
    summit: &Summit,
    folder: &StateFolder,
) -> Result<Vec<SinkMark>, RunError> {
    let last = &summit.last;
    let each = plan.sinks.iter().enumerate().map(|(at, sink)| {
        let diverged = |what: String, hint: &str| {
            Err(RunError::Sink { name: sink.input.name.clone(), error: ConnectorError::diverged(what, hint) })
        };
        match held[at] {
            Committed::Epoch(Mark { epoch, .. }) if epoch > last.epoch => diverged(
                format!("it holds epoch {epoch}, but the journal in {} ends with {}", folder.path.display(), last.epoch),
                "the state directory is older than the sink: use the newest one, or begin anew with both empty",
            ),
            Committed::Epoch(Mark { epoch, digest })
                if summit.digest_at(epoch, &sink_key(plan, at)).is_some_and(|known| known != digest) =>
            {
                diverged(
                    format!("it says that it holds other rows at epoch {epoch} than the journal does"),
                    "one of both was put back from a copy of another time, or changed by hand: use the state directory that has \
                     written this sink, or begin anew with both empty",
                )
            }
            Committed::Epoch(Mark { epoch: written, .. }) => {
                // A sink that has gone back to an older copy needs what came after that.
                let noted = last.sinks.get(&sink.mark_key()).filter(|mark| mark.written <= written);
                let passed = match noted {
                    None if written == 0 && lacks_past_letters(plan, sink, summit) => last.epoch,
                    noted => noted.map_or(0, |mark| mark.passed).max(written),
                };
                Ok(SinkMark { written, passed })
            }
            // Rows that are only added are shown once: those of the past have been.
            Committed::Volatile if sink.input.mode == SinkMode::Appends => {
                Ok(SinkMark { written: 0, passed: last.epoch })
            }
            Committed::Volatile => Ok(SinkMark::default()),
        }
    });
    each.collect()
}

/// Whether a sink of dead letters is new, and those of the past cannot be made again: then it begins here, since that must not keep the rest from
/// going on.
fn lacks_past_letters(plan: &Plan, sink: &SinkNode, summit: &Summit) -> bool {
    let reads_again = plan.sources.iter().all(|source| source.source.replay() == Replay::Seek);
    let lacks = sink.letters_of.is_some() && summit.oldest.is_some() && !reads_again;
    if lacks {
        warn!(
            "`{}` begins with epoch {}: earlier records cannot be read again",
            sink.input.name,
            summit.last.epoch + 1
        );
    }
    lacks
}

/// How many records a sink may get in one epoch when all of them are read again.
const AGAIN_MOST: u64 = 16_000_000;

/// The checkpoints that fit the plan and whose files are sound, in the order of their epochs.
pub(super) fn sound_checkpoints(plan: &Plan, summit: &Summit, folder: &StateFolder) -> Vec<Checkpoint> {
    let cuts = plan.cut_names();
    let fitting = summit.checkpoints.iter().filter(|checkpoint| checkpoint.cuts == cuts);
    let mut verifier = Verifier::new(&runs_folder(&folder.path));
    let sound = fitting.filter(|checkpoint| match verifier.verify(checkpoint) {
        Ok(()) => true,
        Err(what) => {
            warn!("the checkpoint at epoch {} is left out: {what}", checkpoint.epoch);
            false
        }
    });
    sound.cloned().collect()
}

/// Where the past begins: with the newest checkpoint from which everything can be brought to where the journal ends, that is, each sink has come
/// as far, or has nothing yet and needs nothing but what the checkpoint brings back; else with the first records, if those are still known.
pub(super) fn choose_beginning(
    plan: &Plan,
    summit: &Summit,
    sound: &[Checkpoint],
    marks: &[SinkMark],
    folder: &StateFolder,
) -> Result<Beginning, RunError> {
    let needs_rows = |at: usize, mark: &SinkMark| mark.written == 0 && plan.is_fed_by_source(Target::Sink(at));
    let serves = |checkpoint: &&Checkpoint| {
        let reaches = |(at, mark): (usize, &SinkMark)| {
            mark.reaches(checkpoint.epoch) || (mark.written == 0 && !needs_rows(at, mark))
        };
        marks.iter().enumerate().all(reaches)
    };
    if let Some(checkpoint) = sound.iter().rev().find(serves) {
        return Ok(Beginning::Checkpoint(checkpoint.clone()));
    }
    let Some(oldest) = &summit.oldest else { return Ok(Beginning::Records) };
    // The journal no longer has what came before its oldest segment, but it knows how much that was, and the sources may still have it.
    let reads: u64 = oldest.ledgers.values().map(|ledger| ledger.read).sum();
    let fits = |(at, mark): (usize, &SinkMark)| {
        mark.reaches(oldest.epoch) || (mark.passed == 0 && (reads <= AGAIN_MOST || !needs_rows(at, mark)))
    };
    let can_read_again = plan.sources.iter().all(|source| source.source.replay() == Replay::Seek);
    if can_read_again && marks.iter().enumerate().all(fits) {
        return Ok(Beginning::RecordsBefore(oldest.epoch));
    }
    Err(RunError::State {
        folder: folder.path.clone(),
        what: format!(
            "the journal begins with epoch {}, and neither from a checkpoint nor from its sources can this pipeline get what came before: \
             its operators have changed, or a sink is new or older than that",
            oldest.epoch
        ),
        hint: "go back to the YAML and the sinks of the last run, or begin anew with another `--state DIR` and empty tables"
            .into(),
    })
}

/// Where a rehearsal begins: as early as it can.
pub(super) fn earliest_beginning(
    plan: &Plan,
    summit: &Summit,
    sound: &[Checkpoint],
    folder: &StateFolder,
) -> Result<Beginning, RunError> {
    let Some(oldest) = &summit.oldest else { return Ok(Beginning::Records) };
    if plan.sources.iter().all(|source| source.source.replay() == Replay::Seek) {
        return Ok(Beginning::RecordsBefore(oldest.epoch));
    }
    sound.first().cloned().map(Beginning::Checkpoint).ok_or_else(|| RunError::State {
        folder: folder.path.clone(),
        what: "no checkpoint serves, and not all sources can read again what came before the journal".into(),
        hint: "use the YAML with which the state was made".into(),
    })
}

/// Where stages must end: where a sink stands, and at each of the last epochs, since a sink that cannot take an epoch whole may hold a part of one
/// of them, and gets the same records again only in the same epoch.
pub(super) fn borders(marks: &[SinkMark], last: u64) -> BTreeSet<u64> {
    let recent = last.saturating_sub(EPOCHS_IN_FLIGHT as u64 + 1)..=last;
    marks.iter().map(|mark| mark.passed).chain(recent).collect()
}

/// Where each partition stands before the past is replayed. A plan that keeps nothing between epochs begins where its sinks stand.
pub(super) fn positions(plan: &Plan, history: &mut History, marks: &[SinkMark]) -> Positions {
    let mut positions = history.starts.clone();
    for (source, ends) in &history.base {
        positions.entry(source.clone()).or_default().extend(ends.clone());
    }
    if plan.is_stateless() {
        let skipped = history.skip_to(marks.iter().map(|mark| mark.passed).min().unwrap_or(0));
        for (source, ends) in skipped {
            positions.entry(source).or_default().extend(ends);
        }
    }
    positions
}

/// Where each partition was read from first, those among them that are new.
pub(super) fn known_starts(history: &History, sources: &[SourceState]) -> Positions {
    let mut starts = history.starts.clone();
    for source in sources {
        let known = starts.entry(source.name.clone()).or_default();
        for partition in &source.partitions {
            known.entry(partition.id.clone()).or_insert(partition.start);
        }
    }
    starts
}
