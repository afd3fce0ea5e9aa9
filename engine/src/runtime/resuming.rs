//! Where a run goes on: gathers what the sinks hold, what the journal says and which checkpoints there are, lets the protocol decide, and says why
//! if it cannot go on.

use std::path::Path;

use tracing::warn;

use crate::connector::{Committed, ConnectorError, Replay};
use crate::plan::{Plan, SinkNode, Target};
use crate::safeguard::Safeguard;

use super::RunError;
use super::checkpoint::{Checkpoint, Verifier, runs_folder};
use super::digests::sink_key;
use super::history::{History, Summit};
use super::journal::{Positions, SinkMark};
use super::protocol::{Beginning, Divergence, PastFacts, SinkFacts, SinkNeed, beginning, standing};
use super::source_state::SourceState;
use super::state_folder::StateFolder;

/// How far each sink has come. The journal knows of epochs that changed nothing in a sink, which the sink itself does not.
pub(super) fn sink_marks(
    plan: &Plan,
    held: &[Committed],
    summit: &Summit,
    folder: &StateFolder,
) -> Result<Vec<SinkMark>, RunError> {
    let last = summit.last.epoch;
    let each = plan.sinks.iter().enumerate().map(|(at, sink)| {
        let recorded = match held[at] {
            Committed::Epoch(mark) => summit.digest_at(mark.epoch, &sink_key(plan, at)),
            Committed::Volatile => None,
        };
        let noted = summit.last.sinks.get(&sink.mark_key()).copied();
        let facts = SinkFacts { held: held[at], mode: sink.input.mode, noted, last, recorded };
        let mark = standing(&facts).map_err(|divergence| RunError::Sink {
            name: sink.input.name.clone(),
            error: diverged(divergence, last, &folder.path),
        })?;
        let is_new = mark.written == 0 && noted.is_none();
        let passed = if is_new && lacks_past_letters(plan, sink, summit) { last } else { mark.passed };
        Ok(SinkMark { passed, ..mark })
    });
    each.collect()
}

/// Whether a sink of dead letters is new, and those of the past cannot be made again: then it begins here, since that must not keep the rest from
/// going on.
fn lacks_past_letters(plan: &Plan, sink: &SinkNode, summit: &Summit) -> bool {
    let reads_again = plan.sources.iter().all(|source| source.source.replay() == Replay::Seek);
    let lacks = sink.letters_of.is_some() && summit.oldest.epoch > 0 && !reads_again;
    if lacks {
        warn!(
            "`{}` begins with epoch {}: earlier records cannot be read again",
            sink.input.name,
            summit.last.epoch + 1
        );
    }
    lacks
}

fn diverged(divergence: Divergence, last: u64, folder: &Path) -> ConnectorError {
    match divergence {
        Divergence::Ahead(epoch) => ConnectorError::diverged(
            format!("it holds epoch {epoch}, but the journal in {} ends with {last}", folder.display()),
            "the state directory is older than the sink: use the newest one, or begin anew with both empty",
        ),
        Divergence::OtherRows(epoch) => ConnectorError::diverged(
            format!("it says that it holds other rows at epoch {epoch} than the journal does"),
            "one of both was put back from a copy of another time, or changed by hand: use the state directory that has \
             written this sink, or begin anew with both empty",
        ),
    }
}

/// The checkpoints that fit the plan and whose files are sound, in the order of their epochs.
pub(super) fn sound_checkpoints(plan: &Plan, summit: &Summit, folder: &StateFolder) -> Vec<Checkpoint> {
    let cuts = plan.cut_names();
    let fits = |checkpoint: &&Checkpoint| checkpoint.cuts == cuts || !Safeguard::CheckpointFits.holds();
    let fitting = summit.checkpoints.iter().filter(fits);
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

/// The checkpoint with which the past begins; none if it begins with the first records.
pub(super) fn choose_beginning(
    plan: &Plan,
    summit: &Summit,
    sound: &[Checkpoint],
    marks: &[SinkMark],
    folder: &StateFolder,
) -> Result<Option<Checkpoint>, RunError> {
    let need = |(at, mark): (usize, &SinkMark)| SinkNeed {
        mark: *mark,
        takes_source_rows: plan.is_fed_by_source(Target::Sink(at)),
    };
    let facts = PastFacts {
        checkpoints: &sound.iter().map(|checkpoint| checkpoint.epoch).collect::<Vec<_>>(),
        sinks: &marks.iter().enumerate().map(need).collect::<Vec<_>>(),
        oldest: summit.oldest.epoch,
        read_before: summit.oldest.ledgers.values().map(|ledger| ledger.read).sum(),
        can_read_again: plan.sources.iter().all(|source| source.source.replay() == Replay::Seek),
    };
    match beginning(&facts) {
        Some(Beginning::Checkpoint(at)) => Ok(Some(sound[at].clone())),
        Some(Beginning::Records | Beginning::RecordsBefore(_)) => Ok(None),
        None => Err(RunError::State {
            folder: folder.path.clone(),
            what: format!(
                "the journal begins with epoch {}, and neither from a checkpoint nor from its sources can this pipeline get what came before: \
                 its operators have changed, or a sink is new or older than that",
                summit.oldest.epoch
            ),
            hint: "go back to the YAML and the sinks of the last run, or begin anew with another `--state DIR` and empty tables"
                .into(),
        }),
    }
}

/// Where a rehearsal begins: as early as it can.
pub(super) fn earliest_beginning(
    plan: &Plan,
    summit: &Summit,
    sound: &[Checkpoint],
    folder: &StateFolder,
) -> Result<Option<Checkpoint>, RunError> {
    let reads_again = plan.sources.iter().all(|source| source.source.replay() == Replay::Seek);
    if summit.oldest.epoch == 0 || reads_again {
        return Ok(None);
    }
    sound.first().cloned().map(Some).ok_or_else(|| RunError::State {
        folder: folder.path.clone(),
        what: "no checkpoint serves, and not all sources can read again what came before the journal".into(),
        hint: "use the YAML with which the state was made".into(),
    })
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
