//! Where one pipeline has its state.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use connectors::REGISTRY;
use engine::plan::Plan;
use engine::runtime::inspection::{PipelineState, inspect};
use engine::spec::Variables;

use crate::exit::{FAILED, Failure};
use crate::pipeline::{Pipeline, Settings, StateFolder};
use crate::terminal::Terminal;

/// What tells where a pipeline has its state, but for its file.
#[derive(Args, Debug)]
pub(super) struct Place {
    #[command(flatten)]
    pub(super) settings: Settings,
    #[command(flatten)]
    pub(super) state: StateFolder,
}

/// A pipeline and its folder.
pub(super) struct Found {
    pub(super) plan: Arc<Plan>,
    pub(super) variables: Variables,
    pub(super) folder: PathBuf,
    root: PathBuf,
}

impl Place {
    /// Reads the pipeline.
    pub(super) fn find(self, file: &Path, terminal: &Terminal) -> Result<Found, Failure> {
        let variables = self.settings.variables();
        let plan = Pipeline::open(file, None, &REGISTRY, &variables, terminal)?.plan;
        let folder = plan.state_folder(&self.state.root, &variables);
        Ok(Found { plan, variables, folder, root: self.state.root })
    }
}

impl Found {
    /// How its state stands.
    pub(super) fn state(&self) -> Result<PipelineState, Failure> {
        inspect(&self.folder)?.ok_or_else(|| self.none())
    }

    /// There is no state.
    pub(super) fn none(&self) -> Failure {
        let what = format!("pipeline `{}` has no state in `{}`", self.plan.name, self.root.display());
        Failure::new(FAILED, what, "run it, or name its state folder with --state")
    }
}
