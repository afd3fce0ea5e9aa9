//! `flowctl state ls`: which pipelines have state, or how one pipeline's stands.

use std::path::{Path, PathBuf};

use clap::Args;
use connectors::console::{grouped, neutralise};
use engine::runtime::RunError;
use engine::runtime::inspection::{PipelineState, inspect, state_folders};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::exit::Failure;
use crate::form::{self, Form, age, ago, size, table};
use crate::terminal::Terminal;

use super::overview;
use super::place::Place;

/// List the pipelines that have state, or show how one pipeline's stands
#[derive(Args, Debug)]
pub(super) struct Ls {
    /// The pipeline's YAML file; all pipelines without it
    file: Option<PathBuf>,
    /// How to write what was found
    #[arg(long, value_name = "FORM", default_value = "table")]
    output: Form,
    #[command(flatten)]
    place: Place,
}

impl Ls {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let Some(file) = &self.file else { return all(&self.place.state.root, self.output, terminal) };
        let found = self.place.find(file, terminal)?;
        let state = found.state()?;
        terminal.print(&match self.output {
            Form::Table => overview::describe(&state, &found.plan),
            Form::Json => form::json(&overview::as_json(&state, &found.plan)),
        })
    }
}

/// Lists every pipeline below a state directory; one whose state is damaged is no reason not to see the others.
fn all(root: &Path, output: Form, terminal: &Terminal) -> Result<(), Failure> {
    let mut states = Vec::new();
    for folder in state_folders(root)? {
        match inspect(&folder) {
            Ok(Some(state)) => states.push((folder, Ok(state))),
            // It was removed meanwhile.
            Ok(None) => {}
            Err(error) => {
                warn!("{error}");
                states.push((folder, Err(error)));
            }
        }
    }
    if states.is_empty() {
        info!("no pipeline has state in `{}`", root.display());
    }
    terminal.print(&match output {
        Form::Table => {
            let rows = states.iter().map(|(folder, state)| row(folder.strip_prefix(root).unwrap_or(folder), state));
            table(&["pipeline", "epoch", "checkpoints", "size", "last run", "process"], rows.collect())
        }
        Form::Json => form::json(&states.iter().map(|(folder, state)| value(folder, state)).collect::<Vec<_>>()),
    })
}

fn row(folder: &Path, state: &Result<PipelineState, RunError>) -> Vec<String> {
    let mut row = vec![neutralise(&folder.to_string_lossy()).into_owned()];
    match state {
        Ok(state) => row.extend([
            grouped(state.epoch),
            state.checkpoints.len().to_string(),
            size(state.bytes),
            ago(age(state.last_run)),
            state.process.map_or(String::new(), |process| process.to_string()),
        ]),
        Err(_) => row.extend(["unreadable", "", "", "", ""].map(str::to_owned)),
    }
    row
}

fn value(folder: &Path, state: &Result<PipelineState, RunError>) -> Value {
    match state {
        Ok(state) => json!({
            "pipeline": state.pipeline,
            "folder": folder,
            "epoch": state.epoch,
            "checkpoints": state.checkpoints.len(),
            "bytes": state.bytes,
            "last_run": state.last_run,
            "process": state.process,
        }),
        Err(error) => json!({ "folder": folder, "error": error.to_string() }),
    }
}
