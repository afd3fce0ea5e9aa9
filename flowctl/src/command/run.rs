//! `flowctl run`: runs a pipeline until it ends or is asked to.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use connectors::console::Output;
use engine::runtime::{RunError, RunOptions, Without, drop_state, run};
use engine::spec::parse_duration;
use tracing::{info, warn};

use crate::exit::Failure;
use crate::feed::Fed;
use crate::outcome;
use crate::pipeline::{Pipeline, Settings, StateFolder};
use crate::progress::ShownProgress;
use crate::registry;
use crate::stopping::stop_on_signals;
use crate::terminal::{Terminal, unwritable};

/// Run a pipeline: for ever in mode stream, to the end of its input in mode batch
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The pipeline's YAML file
    file: PathBuf,
    /// How many workers compute; the result is the same for any number
    #[arg(short, long, value_name = "N", default_value_t = default_workers(), value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    state: StateFolder,
    /// How all console sinks write, whatever the YAML says
    #[arg(long, value_name = "FORM")]
    output: Option<OutputForm>,
    /// Stop after this time, as 30s
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    run_for: Option<Duration>,
    /// Stop when no record has come for this time, as 5s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    until_idle: Option<Duration>,
    /// Begin anew: remove the state of this pipeline first
    #[arg(long)]
    fresh: bool,
    /// Begin with the newest checkpoint at or before this epoch, with 0 with none; the result is the same
    #[arg(long, value_name = "EPOCH", conflicts_with = "fresh")]
    from: Option<u64>,
    /// For benchmarks: leave something out to see what it costs; nobody can go on from the state that is left
    #[arg(long, hide = true, value_name = "WHAT", value_delimiter = ',')]
    without: Vec<Cost>,
}

/// What a benchmark may leave out, as words of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cost {
    /// The journal
    Journal,
    /// The digests of records, operators and sinks
    Digests,
    /// Checkpoints, and what is taken down for them
    Checkpoints,
}

/// One worker a core, but no more than most pipelines can use.
fn default_workers() -> u16 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4) as u16)
}

/// The forms of console sinks, as words of the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OutputForm {
    /// The current rows
    Table,
    /// Each change as a line of JSON
    Json,
    /// Each change as a line of CSV
    Csv,
}

impl From<OutputForm> for Output {
    fn from(form: OutputForm) -> Self {
        match form {
            OutputForm::Table => Self::Table,
            OutputForm::Json => Self::Json,
            OutputForm::Csv => Self::Csv,
        }
    }
}

impl Run {
    /// Runs the pipeline, and its feeder where it needs one.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let variables = self.settings.variables();
        let workers = usize::from(self.workers);
        terminal.screen.force_output(self.output.map(Output::from));
        let registry = registry::drawing_on(&terminal.screen);
        let pipeline = Pipeline::open(&self.file, None, &registry, &variables, terminal)?;
        if self.fresh && drop_state(&pipeline.plan.state_folder(&self.state.root, &variables))? {
            info!("the state of `{}` is removed: it begins anew", pipeline.plan.name);
        }
        let stop = stop_on_signals()?;
        terminal.screen.stop_when_closed(stop.clone());
        let fed =
            Fed { pipeline: &pipeline, variables: &variables, state_root: &self.state.root, stop: &stop, terminal };
        let feeder = fed.start_feeder()?;
        let options = RunOptions {
            run_for: self.run_for,
            until_idle: self.until_idle,
            from: self.from,
            without: self.without(),
            ..RunOptions::new(workers, self.state.root.clone(), variables, stop)
        };
        let progress = ShownProgress::new(terminal, pipeline.spec.mode, workers);
        let ended = run(&pipeline.plan, &options, &progress);
        progress.finish();
        let has_begun = ended.outcome.is_ok() || ended.summary.epochs > 0;
        let drawn = if has_begun { terminal.screen.finish() } else { terminal.screen.discard() };
        feeder.stop(terminal);
        outcome::show(&ended.summary, terminal)?;
        ended.outcome?;
        drawn.map_err(|error| unwritable(&error))
    }
}

impl Run {
    fn without(&self) -> Without {
        if !self.without.is_empty() {
            warn!("what --without leaves out, nobody can go on from: remove this state when you have measured");
        }
        let lacks = |cost| self.without.contains(&cost);
        Without { journal: lacks(Cost::Journal), digests: lacks(Cost::Digests), checkpoints: lacks(Cost::Checkpoints) }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::new(error.exit_code(), error.to_string(), error.hint())
    }
}
