//! `flowctl dead-letters`: looks at the records that failed, and has them read again.

mod ls;
mod replay;
mod show;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use connectors::REGISTRY;
use engine::plan::Plan;
use engine::runtime::LetterAccess;

use crate::exit::Failure;
use crate::pipeline::{Pipeline, Settings, StateFolder};
use crate::terminal::Terminal;

use ls::Ls;
use replay::Replay;
use show::Show;

/// Look at the records that failed, and have them read again
#[derive(Args, Debug)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Ls(Ls),
    Show(Show),
    Replay(Replay),
}

/// Whose letters.
#[derive(Args, Debug)]
struct Place {
    /// The pipeline's YAML file
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    state: StateFolder,
}

impl DeadLetters {
    /// Does what was asked for.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        match self.what {
            What::Ls(ls) => ls.run(terminal),
            What::Show(show) => show.run(terminal),
            What::Replay(replay) => replay.run(terminal),
        }
    }
}

impl Place {
    fn plan(&self, terminal: &Terminal) -> Result<Arc<Plan>, Failure> {
        Ok(Pipeline::open(&self.file, None, &REGISTRY, &self.settings.variables(), terminal)?.plan)
    }

    fn letters<'a>(&self, plan: &'a Plan) -> Result<LetterAccess<'a>, Failure> {
        Ok(LetterAccess::open(plan, self.state.root.clone(), self.settings.variables())?)
    }
}
