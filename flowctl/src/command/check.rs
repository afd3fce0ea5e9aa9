//! `flowctl check`: says everything that is wrong with pipelines, without touching the outside.

use std::path::PathBuf;

use clap::Args;
use connectors::REGISTRY;
use connectors::console::neutralise;

use crate::exit::Failure;
use crate::pipeline::{Pipeline, Settings};
use crate::terminal::Terminal;

/// Say everything that is wrong with pipelines, without network
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The pipelines' YAML files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Check {
    /// Checks every file, and fails if one is wrong.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let variables = self.settings.variables();
        let mut outcome = Ok(());
        for file in &self.files {
            match Pipeline::open(file, None, &REGISTRY, &variables, terminal) {
                Ok(_) => terminal.print(&format!("{}: ok\n", neutralise(&file.to_string_lossy())))?,
                Err(failure) => outcome = Err(failure),
            }
        }
        outcome
    }
}
