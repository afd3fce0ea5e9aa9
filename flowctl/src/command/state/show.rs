//! `flowctl state show`: what the journal says of an epoch, and what the newest checkpoint keeps.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use connectors::console::{grouped, neutralise};
use engine::runtime::inspection::{CutSize, EpochState, cut_sizes, inspect_epoch};
use serde_json::json;

use crate::exit::{FAILED, Failure};
use crate::form::{self, Form, age, ago, table};
use crate::outcome::{balance, skipped};
use crate::terminal::Terminal;

use super::overview::{SINKS, sink_row};
use super::place::{Found, Place};

/// Show what the journal says of an epoch, and what the newest checkpoint keeps
#[derive(Args, Debug)]
pub(super) struct Show {
    /// The pipeline's YAML file
    file: PathBuf,
    /// Which epoch; the last one without it
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
    /// How to write what was found
    #[arg(long, value_name = "FORM", default_value = "table")]
    output: Form,
    #[command(flatten)]
    place: Place,
}

impl Show {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Failure> {
        let found = self.place.find(&self.file, terminal)?;
        let epoch = inspect_epoch(&found.folder, self.epoch)?;
        let epoch = epoch.map_or_else(|| Err(unknown(&found, self.epoch)?), Ok)?;
        let kept = cut_sizes(&found.folder, &found.plan)?;
        terminal.print(&match self.output {
            Form::Table => describe(&found.plan.name, &epoch, kept.as_ref()),
            Form::Json => {
                let checkpoint = kept.map(|(epoch, keeps)| json!({ "epoch": epoch, "keeps": keeps }));
                form::json(&json!({ "pipeline": found.plan.name, "epoch": epoch, "checkpoint": checkpoint }))
            }
        })
    }
}

/// The journal does not know the epoch; says which ones it knows.
fn unknown(found: &Found, epoch: Option<u64>) -> Result<Failure, Failure> {
    let state = found.state()?;
    let Some(epoch) = epoch.filter(|_| state.epoch > 0) else {
        let what = format!("the journal in {} has no epoch yet", state.folder.display());
        return Ok(Failure::new(FAILED, what, "run the pipeline"));
    };
    let what = format!("the journal in {} has no record of epoch {epoch}", state.folder.display());
    Ok(Failure::new(FAILED, what, format!("it has epochs {} to {}", state.first_epoch, state.epoch)))
}

fn describe(pipeline: &str, epoch: &EpochState, kept: Option<&(u64, Vec<CutSize>)>) -> String {
    let mut text = format!(
        "epoch {} of {}: closed {} by start {}\n",
        grouped(epoch.epoch),
        neutralise(pipeline),
        ago(age(epoch.clock)),
        epoch.generation
    );
    // Writing into a string cannot fail, here and below.
    let mut part = |title: &str, columns: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            let _ = write!(text, "{title}\n{}", table(columns, rows));
        }
    };
    let ranges = epoch.ranges.iter().flat_map(|(source, ranges)| {
        ranges.iter().map(move |(partition, range)| {
            let names = [source, partition].map(|name| neutralise(name).into_owned());
            [names.to_vec(), vec![grouped(range.start), grouped(range.end)]].concat()
        })
    });
    part("read", &["source", "partition", "from offset", "to before"], ranges.collect());
    let digest =
        |(of, digest): (&String, &engine::digest::Digest)| vec![neutralise(of).into_owned(), digest.to_string()];
    part("digests of everything up to here", &["of", "digest"], epoch.digests.iter().map(digest).collect());
    part("sinks when it was closed", &SINKS[..3], epoch.sinks.iter().map(|sink| sink_row(sink, None)).collect());
    if let Some((epoch, sizes)) = kept {
        let size = |size: &CutSize| vec![neutralise(&size.of).into_owned(), grouped(size.entries), grouped(size.bytes)];
        let title = format!("the newest checkpoint, at epoch {}, keeps", grouped(*epoch));
        part(&title, &["of", "entries", "bytes"], sizes.iter().map(size).collect());
    }
    for (source, ledger) in &epoch.ledgers {
        let _ = writeln!(text, "source {}: {}", neutralise(source), balance(ledger));
    }
    let _ = writeln!(text, "dead letters: {}", grouped(epoch.dead_letters));
    text + &skipped(epoch.skipped)
}
