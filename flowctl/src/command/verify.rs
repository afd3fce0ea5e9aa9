//! `flowctl verify`: proves that a pipeline's past and its sinks are what they should be.

use std::fmt::Write;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use clap::Args;
use connectors::REGISTRY;
use connectors::console::{grouped, neutralise};
use connectors::format::json::encode_row;
use engine::runtime::{Difference, SinkVerdict, Verdict, VerifyOptions, verify};
use engine::schema::Schema;

use crate::exit::{FAILED, Failure};
use crate::pipeline::{Pipeline, Settings, StateFolder};
use crate::progress::ShownProgress;
use crate::stopping::stop_on_signals;
use crate::terminal::Terminal;

/// Replay a pipeline's past, cut otherwise, and compare it with the journal and with what the sinks hold
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The pipeline's YAML file
    file: PathBuf,
    /// How many workers replay; the result is the same for any number
    #[arg(short, long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// Decides where epochs and batches are cut; any number proves the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    state: StateFolder,
}

impl Verify {
    /// Verifies, and prints what was found.
    pub(crate) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let variables = self.settings.variables();
        let pipeline = Pipeline::open(&self.file, None, &REGISTRY, &variables, terminal)?;
        let stop = stop_on_signals()?;
        let workers = usize::from(self.workers);
        let options = VerifyOptions { workers, state_root: self.state.root.clone(), variables, stop, seed: self.seed };
        let progress = ShownProgress::new(terminal, pipeline.spec.mode, workers);
        let verdict = verify(&pipeline.plan, &options, &progress);
        progress.finish();
        let Some(verdict) = verdict? else {
            return Err(Failure::new(
                FAILED,
                "stopped before everything was compared",
                "run it again; nothing was changed",
            ));
        };
        let schemas = pipeline.plan.sinks.iter().map(|sink| &sink.input.schema);
        terminal.print(&describe(&verdict, schemas, workers))?;
        if verdict.is_equal() {
            return Ok(());
        }
        let hint = "somebody else has written there, or lost something: put the rows right, or begin anew with empty sinks and another \
                    `--state DIR`";
        Err(Failure::new(FAILED, "a sink does not hold what was written to it", hint))
    }
}

fn describe<'a>(verdict: &Verdict, schemas: impl Iterator<Item = &'a Schema>, workers: usize) -> String {
    let mut text = format!(
        "replayed {} records in {} epochs on {workers} workers: equal to the journal in every source, operator and sink\n",
        grouped(verdict.records),
        grouped(verdict.epoch)
    );
    for (sink, schema) in verdict.sinks.iter().zip(schemas) {
        text.push_str(&describe_sink(sink, schema));
    }
    text
}

fn describe_sink(sink: &SinkVerdict, schema: &Schema) -> String {
    let name = neutralise(&sink.name);
    let Some(rows) = sink.rows else { return format!("sink {name}: nothing outlives a run there\n") };
    let rows = grouped(rows);
    if sink.differences.is_empty() {
        return format!("sink {name}: equal, {rows} rows at epoch {}\n", grouped(sink.epoch));
    }
    let mut text = format!("sink {name}: DIFFERS, {rows} rows at epoch {}\n", grouped(sink.epoch));
    for difference in &sink.differences {
        match difference {
            Difference::Missing(rows, count) => show(&mut text, "missing", rows, *count, schema),
            Difference::Extra(rows, count) => show(&mut text, "not written by this pipeline", rows, *count, schema),
            // Writing into a string cannot fail, here and below.
            Difference::Foreign(what) => drop(writeln!(text, "  no row of this sink: {}", neutralise(what))),
            Difference::Unknown => {
                text.push_str("  its rows are not those that were written; which, only the source knew, and it cannot read again\n");
            }
        }
    }
    text
}

fn show(text: &mut String, what: &str, rows: &[RecordBatch], count: u64, schema: &Schema) {
    let _ = writeln!(text, "  {what}: {} rows", grouped(count));
    for row in rows {
        let mut line = Vec::new();
        encode_row(row, 0, schema, &mut line);
        let _ = writeln!(text, "    {}", neutralise(&String::from_utf8_lossy(&line)));
    }
    let more = count.saturating_sub(rows.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "    and {} more", grouped(more));
    }
}
