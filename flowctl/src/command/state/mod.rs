//! `flowctl state`: looks into what pipelines keep between runs, and removes it.

mod drop;
mod ls;
mod overview;
mod place;
mod show;

use clap::{Args, Subcommand};

use crate::exit::Failure;
use crate::terminal::Terminal;

use self::drop::Drop;
use ls::Ls;
use show::Show;

/// Look into what pipelines keep between runs, or remove it
#[derive(Args, Debug)]
pub(crate) struct State {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Ls(Ls),
    Show(Show),
    Drop(Drop),
}

impl State {
    /// Does what was asked.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        match self.what {
            What::Ls(ls) => ls.run(terminal),
            What::Show(show) => show.run(terminal),
            What::Drop(drop) => drop.run(terminal),
        }
    }
}
