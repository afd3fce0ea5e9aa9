//! `flowctl completions`: scripts that let a shell complete the command line.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::exit::Failure;
use crate::terminal::Terminal;

/// Print a script that completes flowctl's command line in a shell
#[derive(Args, Debug)]
#[command(after_help = "For instance: flowctl completions bash > ~/.local/share/bash-completion/completions/flowctl")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "flowctl", &mut script);
        terminal.print(&String::from_utf8_lossy(&script))
    }
}
