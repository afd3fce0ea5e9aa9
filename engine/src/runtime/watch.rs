//! Tells observers, and the status file, how far a run has come.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::{Moment, now_micros};

use super::RunError;
use super::epochs::Epochs;
use super::options::{Observer, Progress};
use super::source_state::SourceState;
use super::status::{SinkStatus, Status, write_status};

/// How often observers are told.
const TELL: Duration = Duration::from_millis(250);
/// How often the status file is written.
const WRITE: Duration = Duration::from_secs(2);

/// The state of telling.
pub(super) struct Watch<'a> {
    observer: &'a dyn Observer,
    pipeline: String,
    folder: PathBuf,
    sinks: Vec<String>,
    started: Moment,
    told: Moment,
    written: Option<Moment>,
    records_told: u64,
    rate: f64,
    last_epoch: Duration,
    committed: u64,
}

/// Whether a run goes on.
#[derive(Clone, Copy)]
pub(super) enum Life<'a> {
    /// It does.
    Runs,
    /// It has ended, and why if it failed.
    Ended(Option<&'a RunError>),
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        observer: &'a dyn Observer,
        pipeline: &str,
        folder: PathBuf,
        sinks: Vec<String>,
        started: Moment,
    ) -> Self {
        Self {
            observer,
            pipeline: pipeline.to_owned(),
            folder,
            sinks,
            started,
            told: Moment::now(),
            written: None,
            records_told: 0,
            rate: 0.0,
            last_epoch: Duration::ZERO,
            committed: 0,
        }
    }

    /// Since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// An epoch has been committed by all sinks, so long after its closing.
    pub(super) fn committed(&mut self, after: Duration) {
        self.last_epoch = after;
    }

    /// Tells whoever is due; everybody at the end.
    pub(super) fn look(&mut self, records: u64, sources: &[SourceState], epochs: &Epochs, life: Life<'_>) {
        let last = matches!(life, Life::Ended(_));
        let since = self.told.elapsed();
        if last || since >= TELL {
            let fresh = (records - self.records_told) as f64 / since.as_secs_f64().max(1e-9);
            // Records come in steps: a moving average is what a person wants to read.
            self.rate += (fresh - self.rate) * (since.as_secs_f64() / 2.0).min(1.0);
            self.records_told = records;
            self.told = Moment::now();
            self.committed = epochs.all_committed();
            self.observer.progress(&self.progress(sources, records));
        }
        if last || self.written.is_none_or(|written| written.elapsed() >= WRITE) {
            self.written = Some(Moment::now());
            // The status is for people; a run does not end for it.
            if let Err(error) = write_status(&self.folder, &self.status(sources, epochs, life)) {
                tracing::warn!("the status cannot be written: {error}");
            }
        }
    }

    fn progress(&self, sources: &[SourceState], records: u64) -> Progress {
        let backlogs: Vec<u64> = sources.iter().filter_map(|source| source.backlog).collect();
        let bounded: Option<Vec<(u64, u64)>> = sources.iter().map(SourceState::progress).collect();
        Progress {
            epoch: self.committed,
            records,
            records_per_second: self.rate,
            backlog: (!backlogs.is_empty()).then(|| backlogs.iter().sum()),
            total: bounded.as_ref().map(|parts| parts.iter().map(|(_, total)| total).sum()),
            done: bounded.map_or(0, |parts| parts.iter().map(|(done, _)| done).sum()),
            last_epoch: self.last_epoch,
            elapsed: self.elapsed(),
        }
    }

    fn status(&self, sources: &[SourceState], epochs: &Epochs, life: Life<'_>) -> Status {
        let backlog: BTreeMap<String, u64> =
            sources.iter().filter_map(|source| Some((source.name.clone(), source.backlog?))).collect();
        let committed = |at: usize| epochs.committed_by(at);
        let sinks = self.sinks.iter().enumerate();
        Status {
            pipeline: self.pipeline.clone(),
            ended: matches!(life, Life::Ended(_)),
            failure: match life {
                Life::Ended(Some(error)) => Some(error.to_string()),
                Life::Ended(None) | Life::Runs => None,
            },
            written: now_micros(),
            epoch: epochs.all_committed(),
            ledgers: epochs.last.ledgers.clone(),
            backlog,
            dead_letters: epochs.last.dead_letters,
            skipped: epochs.last.skipped,
            sinks: sinks.map(|(at, name)| SinkStatus { name: name.clone(), committed: committed(at) }).collect(),
            checkpoint: epochs.checkpoint,
        }
    }
}
