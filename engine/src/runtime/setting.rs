//! What a run is about besides its plan: whose state, which sinks, and whether it goes on or only rehearses the past.

use std::sync::Arc;

use crate::connector::Sink;
use crate::plan::Plan;

use super::RunError;
use super::options::RunOptions;
use super::rehearsal::Rehearsal;
use super::state_folder::StateFolder;

/// Where a run takes place.
pub(super) struct Setting {
    /// The state; owned.
    pub(super) folder: StateFolder,
    /// What stands for each sink of the plan.
    pub(super) sinks: Vec<Arc<dyn Sink>>,
    /// If the run ends where the journal does.
    pub(super) rehearsal: Option<Rehearsal>,
}

impl Setting {
    /// The real one.
    pub(super) fn real(plan: &Plan, options: &RunOptions) -> Result<Self, RunError> {
        let folder = StateFolder::take(&plan.state_folder(&options.state_root, &options.variables), &plan.name)?;
        Ok(Self { folder, sinks: plan.sinks.iter().map(|node| Arc::clone(&node.sink)).collect(), rehearsal: None })
    }
}
