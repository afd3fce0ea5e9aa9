//! Where a run goes on: decided from what the sinks hold, what the journal says, and which checkpoints there are.

use tracing::warn;

use crate::connector::{Committed, ConnectorError, SinkMode, Writer};
use crate::plan::{Plan, Target};

use super::RunError;
use super::checkpoint::{Checkpoint, runs_folder, verify};
use super::history::{History, Summit};
use super::journal::{EpochRecord, Positions, SinkMark};
use super::source_state::SourceState;
use super::state_folder::StateFolder;

/// How far each sink has come. The journal knows of epochs that changed nothing in a sink, which the sink itself does not.
pub(super) fn sink_marks(
    plan: &Plan,
    writers: &[Box<dyn Writer>],
    last: &EpochRecord,
    folder: &StateFolder,
) -> Result<Vec<SinkMark>, RunError> {
    let each = plan.sinks.iter().zip(writers).map(|(sink, writer)| {
        let name = &sink.input.name;
        match writer.committed() {
            Committed::Epoch(epoch) if epoch > last.epoch => Err(RunError::Sink {
                name: name.clone(),
                error: ConnectorError::diverged(
                    format!(
                        "it holds epoch {epoch}, but the journal in {} ends with {}",
                        folder.path.display(),
                        last.epoch
                    ),
                    "the state directory is older than the sink: use the newest one, or begin anew with both empty",
                ),
            }),
            Committed::Epoch(written) => {
                // A sink that has gone back to an older copy needs what came after that.
                let noted = last.sinks.get(name).filter(|mark| mark.written <= written);
                Ok(SinkMark { written, passed: noted.map_or(0, |mark| mark.passed).max(written) })
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

/// The newest checkpoint from which everything can be brought to where the journal ends: each sink must have come as far, or have nothing yet
/// and need nothing but what the checkpoint brings back.
pub(super) fn choose_checkpoint(
    plan: &Plan,
    summit: &Summit,
    marks: &[SinkMark],
    folder: &StateFolder,
) -> Result<Option<Checkpoint>, RunError> {
    let cuts = plan.cut_names();
    let serves = |checkpoint: &Checkpoint| {
        let reaches = |(at, mark): (usize, &SinkMark)| {
            mark.passed >= checkpoint.epoch || (mark.written == 0 && !plan.is_fed_by_source(Target::Sink(at)))
        };
        checkpoint.cuts == cuts && marks.iter().enumerate().all(reaches)
    };
    for checkpoint in summit.checkpoints.iter().rev().filter(|checkpoint| serves(checkpoint)) {
        match verify(&runs_folder(&folder.path), checkpoint) {
            Ok(()) => return Ok(Some(checkpoint.clone())),
            Err(error) => warn!("the checkpoint at epoch {} is left out: {error}", checkpoint.epoch),
        }
    }
    if !summit.is_whole {
        let what = "the past is known only from its checkpoints on, and from none of them can this pipeline go on: its operators have changed, \
                    a sink is new or older than the oldest of them, or their files are damaged";
        return Err(RunError::State {
            folder: folder.path.clone(),
            what: what.into(),
            hint: "go back to the YAML and the sinks of the last run, or begin anew with another `--state DIR` and empty tables".into(),
        });
    }
    Ok(None)
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
