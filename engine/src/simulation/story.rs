//! A story: some starts of the pipeline in one world, and what became of each.

use std::path::PathBuf;

use crate::runtime::{RunError, RunOptions, Silent, run};
use crate::spec::Variables;

use super::crew;
use super::dice::Dice;
use super::fault::{Fault, roll};
use super::oracle;
use super::pipeline::plan;
use super::world::{Start, World, with, within};

/// A story, before it is told.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) seed: u64,
    /// How many starts there are, the last without faults.
    pub(super) starts: usize,
    pub(super) faults: Vec<Fault>,
}

/// What was seen.
pub(super) struct Told {
    /// What must not be, if it was.
    pub(super) violation: Option<String>,
    /// What happened.
    pub(super) events: Vec<String>,
}

impl Story {
    /// The story of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(!seed);
        let starts = 2 + dice.below(3) as usize;
        Self { seed, starts, faults: roll(&mut dice, starts - 1) }
    }

    /// Tells it.
    pub(super) fn tell(&self) -> Told {
        let world = World::new(self.seed, self.faults.clone(), self.starts);
        let world = within(world, || {
            while with(|world| world.starts.len() < world.planned && world.violation.is_none()) {
                start();
            }
        });
        let finished = world.violation.clone().map_or_else(|| oracle::require_all(&world), Err);
        Told { violation: finished.err(), events: world.told }
    }
}

/// The running process is stopped, and the next one started; unless that is the last, which begins when nobody else is left.
pub(super) fn go_on_without() {
    if with(|world| world.starts.len() + 1 < world.planned) {
        start();
    }
}

/// One start of the pipeline, to its end.
fn start() {
    let stop = with(|world| {
        world.starts.push(Start::default());
        world.running.push(world.starts.len() - 1);
        world.tell("starts");
        world.current().stop.clone()
    });
    let options = RunOptions::new(1, PathBuf::from("/root/state"), Variables::default(), stop);
    let ended = crew::with_new(|| run(&plan(), &options, &Silent));
    with(|world| {
        let outcome = match &ended.outcome {
            Ok(()) => "ends".to_owned(),
            Err(error) => format!("ends: {error}"),
        };
        world.tell(&outcome);
        if let Err(what) = judge(world.current(), &ended.outcome) {
            world.violate(what);
        }
        world.running.pop();
    });
}

/// Whether a process may end like this.
fn judge(start: &Start, outcome: &Result<(), RunError>) -> Result<(), String> {
    match outcome {
        _ if start.is_dead => Ok(()),
        Ok(()) => Ok(()),
        Err(error) if start.is_lost && error.exit_code() == 75 => Ok(()),
        Err(RunError::File { .. }) if start.has_failed => Ok(()),
        Err(error) => Err(format!("a start ends without reason: {error} ({})", error.hint())),
    }
}
