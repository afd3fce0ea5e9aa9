//! Finds where a replay first came to something else: replays the past once more, in a scratch folder, with every epoch in question as a stage of its
//! own.
//!
//! What stands in operators cannot be wound back, so this begins where the replay began. It happens only to a run that ends anyway.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use tracing::info;

use crate::connector::Sink;
use crate::plan::Plan;

use super::RunError;
use super::gathering::{Gathered, GatheringSink};
use super::options::{RunOptions, Silent};
use super::rehearsal::{Cuts, Rehearsal};
use super::run::run_in;
use super::scratch::Scratch;
use super::setting::Setting;

/// The same error, about the first epoch that differs and what differs first in it, as far as that can be found. `begins` is the checkpoint's epoch
/// with which the replay began, if it did with one; the folder is owned.
pub(super) fn narrow(
    found: RunError,
    plan: &Arc<Plan>,
    options: &RunOptions,
    folder: &Path,
    begins: Option<u64>,
) -> RunError {
    let RunError::Diverged { what, epochs, hint } = found else { return found };
    if epochs.start() == epochs.end() || is_simulated() {
        return RunError::Diverged { what, epochs, hint };
    }
    info!("{what}: replaying these epochs one by one, to find the first");
    match rehearse(plan, options, folder, begins, epochs.clone()) {
        Err(first @ RunError::Diverged { .. }) => first,
        Ok(()) if !options.stop.is_set() => {
            let what = format!("{what}; one by one, they are what they were: it matters where epochs are cut");
            RunError::Diverged { what, epochs, hint }
        }
        // That there is no room for it, or no answer, says nothing of the past.
        Ok(()) | Err(_) => RunError::Diverged { what, epochs, hint },
    }
}

fn rehearse(
    plan: &Arc<Plan>,
    options: &RunOptions,
    folder: &Path,
    begins: Option<u64>,
    epochs: RangeInclusive<u64>,
) -> Result<(), RunError> {
    let options =
        RunOptions::new(options.workers, options.state_root.clone(), options.variables.clone(), options.stop.clone());
    let scratch = Scratch::make(folder)?;
    let setting = || {
        let sink = |of_letters| Arc::new(GatheringSink::new(0, of_letters, Gathered::default())) as Arc<dyn Sink>;
        Ok(Setting {
            folder: scratch.take(&plan.name)?,
            sinks: plan.sinks.iter().map(|node| sink(node.letters_of.is_some())).collect(),
            rehearsal: Some(Rehearsal::new(Cuts::OneByOne { begins, epochs })),
        })
    };
    run_in(plan, &options, &Silent, setting).outcome
}

/// A scratch folder is on no simulated disk.
fn is_simulated() -> bool {
    #[cfg(test)]
    if crate::simulation::crew::is_there() {
        return true;
    }
    false
}
