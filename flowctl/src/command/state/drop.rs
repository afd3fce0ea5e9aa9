//! `flowctl state drop`: removes what a pipeline keeps between runs.

use std::io::{IsTerminal, stdin};
use std::path::PathBuf;

use clap::Args;
use connectors::console::neutralise;
use engine::plan::Plan;
use engine::runtime::drop_state;
use engine::spec::Variables;
use tracing::info;

use crate::exit::{FAILED, Failure};
use crate::terminal::Terminal;

use super::place::Place;

/// Remove what a pipeline keeps between runs, so that it begins anew
#[derive(Args, Debug)]
pub(super) struct Drop {
    /// The pipeline's YAML file
    file: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

impl Drop {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let found = self.place.find(&self.file, terminal)?;
        // State that is damaged can be removed too, so that it is not read.
        if !found.folder.exists() {
            return Err(found.none());
        }
        terminal.say(&meaning(&found.plan, &found.folder.to_string_lossy(), &found.variables));
        if !self.yes && !is_confirmed(terminal)? {
            return Err(Failure::new(FAILED, "nothing was removed", ""));
        }
        drop_state(&found.folder)?;
        info!("the state of `{}` is removed", found.plan.name);
        Ok(())
    }
}

/// What removing the state means, as lines.
fn meaning(plan: &Plan, folder: &str, variables: &Variables) -> String {
    let mut text = format!(
        "this removes {}: journal, checkpoints, dead letters and status of pipeline `{}`.\n\
         The next run reads its sources from the start again.\n",
        neutralise(folder),
        neutralise(&plan.name)
    );
    let held = held(plan, variables);
    if !held.is_empty() {
        text.push_str("What these hold was written from that state. Unless it lies in that folder too, they refuse another state until they are emptied:\n");
        held.iter().for_each(|target| text.push_str(&format!("  {}\n", neutralise(target))));
    }
    text
}

/// Where sinks write what outlives a run and belongs to the state.
fn held(plan: &Plan, variables: &Variables) -> Vec<String> {
    let target =
        |sink: &engine::plan::SinkNode| Some(format!("{} (sink `{}`)", sink.sink.target(variables)?, sink.input.name));
    plan.sinks.iter().filter_map(target).collect()
}

/// Asks whoever sits at the terminal.
fn is_confirmed(terminal: &Terminal) -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        let hint = "give --yes to remove the state without being asked";
        return Err(Failure::wrong("nothing was removed: there is no terminal on which to ask", hint));
    }
    terminal.say("Remove it? Type yes: ");
    let mut answer = String::new();
    let read = stdin().read_line(&mut answer);
    read.map_err(|error| Failure::new(FAILED, format!("cannot read the answer: {error}"), ""))?;
    Ok(matches!(answer.trim(), "yes" | "y"))
}
