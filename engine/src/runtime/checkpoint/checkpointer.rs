//! One thread that makes checkpoints: gathers what all workers have noted, writes a run, merges runs that have grown many.

use std::path::{Path, PathBuf};

use crossbeam_channel::{Sender, unbounded};
use tracing::warn;

use crate::failpoint::{Failpoint, hit};
use crate::render::{CutSums, SumEntry};
use crate::runtime::RunError;
use crate::runtime::event::{DeathWatch, Event};
use crate::runtime::threads::{self, Started, Turn};

use super::entry::{Checkpoint, Run};
use super::expiry::Expiry;
use super::merge::Merge;
use super::run_file::{run_name, write_run};

/// What one worker has noted up to an epoch since the checkpoint before.
pub(in crate::runtime) struct CutReport {
    pub(in crate::runtime) epoch: u64,
    pub(in crate::runtime) sums: CutSums,
}

/// The coordinator's side of the thread.
pub(in crate::runtime) struct Checkpointer {
    /// Where workers send what they have noted.
    pub(in crate::runtime) reports: Sender<CutReport>,
    task: Started,
}

/// What the thread is started with.
pub(in crate::runtime) struct CheckpointerStart {
    /// Where runs are.
    pub(in crate::runtime) folder: PathBuf,
    /// Part of the names of files: a start never writes what another has written.
    pub(in crate::runtime) generation: u64,
    /// How many workers report.
    pub(in crate::runtime) workers: usize,
    /// The names of the cuts.
    pub(in crate::runtime) cuts: Vec<String>,
    /// What expires.
    pub(in crate::runtime) expiry: Expiry,
    /// The runs of the checkpoint that the run began with.
    pub(in crate::runtime) runs: Vec<Run>,
}

impl Checkpointer {
    pub(in crate::runtime) fn start(start: CheckpointerStart, events: Sender<Event>) -> std::io::Result<Self> {
        // At most one report a worker waits: the next checkpoint is asked for when this one is complete.
        let (reports, received) = unbounded();
        let mut state = State { start, gathered: CutSums::new(), reported: 0, files: 0 };
        let watch = DeathWatch(events);
        let task = threads::start("checkpoint", move |patience| match patience.next(&received) {
            Ok(report) => state.gather(report, &watch.0),
            Err(nothing) => nothing,
        })?;
        Ok(Self { reports, task })
    }

    /// Waits until the thread has ended, once no worker can report.
    pub(in crate::runtime) fn join(self) {
        drop(self.reports);
        self.task.join();
    }
}

struct State {
    start: CheckpointerStart,
    /// What no run has yet.
    gathered: CutSums,
    reported: usize,
    files: u64,
}

impl State {
    fn gather(&mut self, CutReport { epoch, sums }: CutReport, events: &Sender<Event>) -> Turn {
        for (cut, sum) in sums {
            self.gathered.entry(cut).or_default().add_sum(sum);
        }
        self.reported += 1;
        if self.reported == self.start.workers {
            self.reported = 0;
            let _ = events.send(Event::Checkpoint(epoch, self.complete(epoch)));
        }
        Turn::Busy
    }

    /// Makes what has been gathered durable. If that fails, it waits for the next checkpoint.
    fn complete(&mut self, epoch: u64) -> Result<Checkpoint, RunError> {
        hit(Failpoint::RunWrite).map_err(RunError::file(&self.start.folder))?;
        let mut entries = self.gathered.iter().flat_map(|(cut, sum)| sum.in_order().map(|entry| (*cut, entry)));
        let run = write_run(&self.start.folder, self.start.name(epoch, self.files), |run| {
            entries.try_for_each(|(cut, entry)| run.push(cut, entry))
        })?;
        drop(entries);
        self.files += 1;
        self.gathered.clear();
        self.start.runs.push(run);
        if let Err(error) = self.merge(epoch) {
            warn!("runs of checkpoints are not merged, which only makes them more: {error}");
        }
        Ok(Checkpoint { epoch, cuts: self.start.cuts.clone(), runs: self.start.runs.clone() })
    }

    /// Merges the newest runs as long as the one before them is not twice as large: so there are few runs, and each entry is rewritten seldom.
    fn merge(&mut self, epoch: u64) -> Result<(), RunError> {
        let name = self.start.name(epoch, self.files);
        let runs = &mut self.start.runs;
        let (mut first, mut bytes) = (runs.len() - 1, runs.last().map_or(0, |run| run.bytes));
        while first > 0 && runs[first - 1].bytes < 2 * bytes {
            first -= 1;
            bytes += runs[first].bytes;
        }
        if first + 1 == runs.len() {
            return Ok(());
        }
        hit(Failpoint::RunMerge).map_err(RunError::file(&self.start.folder))?;
        let whole = (first == 0).then(|| self.start.expiry.clone());
        let mut merged = Merge::open(&self.start.folder, &runs[first..], whole)?;
        let run = write_run(&self.start.folder, name, |run| {
            while let Some((cut, key, value)) = merged.next()? {
                run.push(cut, SumEntry::Value(&key, &value))?;
            }
            Ok(())
        })?;
        self.files += 1;
        runs.truncate(first);
        runs.push(run);
        Ok(())
    }
}

impl CheckpointerStart {
    fn name(&self, epoch: u64, file: u64) -> String {
        run_name(epoch, self.generation, file)
    }
}

/// The folder of runs in a pipeline's folder.
pub(in crate::runtime) fn runs_folder(folder: &Path) -> PathBuf {
    folder.join("checkpoints")
}
