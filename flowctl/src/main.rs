//! The flowctl binary: reads the command line, does what it says, and ends with the exit code that tells how it went.

mod bug;
mod cli;
mod command;
mod exit;
#[cfg(debug_assertions)]
mod failing;
mod feed;
mod form;
mod message;
mod outcome;
mod pipeline;
mod pipeline_file;
mod progress;
mod registry;
mod report;
mod stopping;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use terminal::Terminal;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    bug::report_panics();
    let cli = Cli::parse();
    let terminal = Terminal::open();
    message::listen(&terminal);
    #[cfg(debug_assertions)]
    failing::arrange();
    match cli.command.run(&terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.say(&failure.to_string());
            failure.exit_code()
        }
    }
}
