//! What a run is given, what it tells while it goes, and what it leaves.

use std::path::PathBuf;
use std::time::Duration;

use crate::connector::{Grid, StopFlag};
use crate::ledger::Ledger;
use crate::spec::Variables;

use super::RunError;

/// How to run a plan.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// How many workers; results do not depend on it.
    pub workers: usize,
    /// The root of all state.
    pub state_root: PathBuf,
    /// The values of `${…}`.
    pub variables: Variables,
    /// Asks the run to end at the next epoch boundary.
    pub stop: StopFlag,
    /// End after this time.
    pub run_for: Option<Duration>,
    /// End when no record has come for this time.
    pub until_idle: Option<Duration>,
    /// Begin with the newest checkpoint that does not lie behind this epoch, with 0 with none, instead of the newest of all. Results do not depend
    /// on it.
    pub from: Option<u64>,
    /// What the run does without.
    pub without: Without,
}

impl RunOptions {
    /// To run until the input ends or `stop` is set.
    #[must_use]
    pub fn new(workers: usize, state_root: PathBuf, variables: Variables, stop: StopFlag) -> Self {
        let without = Without::default();
        Self { workers, state_root, variables, stop, run_for: None, until_idle: None, from: None, without }
    }
}

/// What a run does without, so that what it costs can be measured. Results are the same, but nobody can go on from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// No entry is written.
    pub journal: bool,
    /// Nothing is digested.
    pub digests: bool,
    /// Nothing is taken down for a checkpoint, and none is made.
    pub checkpoints: bool,
}

/// Watches a run; called about four times a second.
pub trait Observer: Sync {
    /// How far the run has come.
    fn progress(&self, progress: &Progress);
}

/// An observer that does not look.
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _progress: &Progress) {}
}

/// How far a run has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The last epoch that all sinks have committed.
    pub epoch: u64,
    /// Records read by this run, those of the past that it read again among them.
    pub records: u64,
    /// Records a second, of late.
    pub records_per_second: f64,
    /// Records that wait outside, if sources tell.
    pub backlog: Option<u64>,
    /// How much a bounded run has to read: the distance of offsets over all partitions.
    pub total: Option<u64>,
    /// How much of that is read.
    pub done: u64,
    /// From the closing of the last epoch to its commit in all sinks.
    pub last_epoch: Duration,
    /// Since the start.
    pub elapsed: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// What it leaves; of a run that failed, up to its last epoch.
    pub summary: Summary,
    /// Why it ended before its time, if it did. A run that was asked to stop has not.
    pub outcome: Result<(), RunError>,
}

/// What a run leaves.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The last epoch that all sinks have committed.
    pub epochs: u64,
    /// What became of records since the state began, source by source.
    pub ledgers: Vec<(String, Ledger)>,
    /// How many dead letters there are.
    pub dead_letters: u64,
    /// Where dead letters are, source by source.
    pub letter_sinks: Vec<String>,
    /// How many records and rows failed that were only counted, as their source's `on_error` asks.
    pub skipped: u64,
    /// The reports' answers.
    pub reports: Vec<(String, Grid)>,
}
