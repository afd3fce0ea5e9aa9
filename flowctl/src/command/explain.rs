//! `flowctl explain`: how a pipeline was understood.

use std::path::PathBuf;

use clap::Args;
use connectors::REGISTRY;
use engine::plan;

use crate::exit::Failure;
use crate::pipeline::{Pipeline, Settings};
use crate::terminal::Terminal;

/// Show how a pipeline was understood: what is read, computed where, and written
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The pipeline's YAML file
    file: PathBuf,
    /// Print a Graphviz graph, for `dot -Tsvg`
    #[arg(long)]
    dot: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Explain {
    /// Prints the plan.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let pipeline = Pipeline::open(&self.file, None, &REGISTRY, &self.settings.variables(), terminal)?;
        let text = if self.dot { plan::dot(&pipeline.plan) } else { plan::explain(&pipeline.plan) };
        terminal.print(&text)
    }
}
