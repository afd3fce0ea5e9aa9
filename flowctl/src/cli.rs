//! The command line.

use clap::{Parser, Subcommand};

use crate::command::{
    check::Check, completions::Completions, connectors::Connectors, explain::Explain, run::Run, simulate::Simulate,
    state::State, status::Status, topic::Topic, verify::Verify,
};
use crate::exit::Failure;
use crate::terminal::Terminal;

/// One YAML file says where rows come from, what happens to them and where they go. flowctl checks it and runs it: for ever as an
/// incremental stream, or once as a full replay, with the same answer.
#[derive(Debug, Parser)]
#[command(name = "flowctl", bin_name = "flowctl", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 the run failed · 2 the YAML or the command line is wrong · 70 a bug in flowctl · 75 another instance \
took over · 130 interrupted twice";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Check(Check),
    Explain(Explain),
    Simulate(Simulate),
    Topic(Topic),
    Connectors(Connectors),
    Status(Status),
    State(State),
    Verify(Verify),
    Completions(Completions),
}

impl Command {
    /// Does it.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        match self {
            Self::Run(run) => run.run(terminal),
            Self::Check(check) => check.run(terminal),
            Self::Explain(explain) => explain.run(terminal),
            Self::Simulate(simulate) => simulate.run(terminal),
            Self::Topic(topic) => topic.run(terminal),
            Self::Connectors(connectors) => connectors.run(terminal),
            Self::Status(status) => status.run(terminal),
            Self::State(state) => state.run(terminal),
            Self::Verify(verify) => verify.run(terminal),
            Self::Completions(completions) => completions.run(terminal),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
