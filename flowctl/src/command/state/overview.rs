//! How one pipeline's state stands, as text and as JSON.

use std::fmt::Write;

use connectors::console::{grouped, neutralise};
use engine::plan::Plan;
use engine::runtime::inspection::{CheckpointState, PipelineState, SegmentState, SinkState, misfit};
use serde_json::{Value, json};

use crate::form::{age, ago, size, table};

/// Tables of everything.
pub(super) fn describe(state: &PipelineState, plan: &Plan) -> String {
    let mut text = headline(state);
    let mut part = |title: &str, columns: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            // Writing into a string cannot fail.
            let _ = write!(text, "{title}\n{}", table(columns, rows));
        }
    };
    let segment =
        |segment: &SegmentState| vec![grouped(segment.base), segment.generation.to_string(), grouped(segment.bytes)];
    part("journal", &["after epoch", "start", "bytes"], state.segments.iter().map(segment).collect());
    let checkpoint = |checkpoint: &CheckpointState| {
        vec![
            grouped(checkpoint.epoch),
            ago(age(checkpoint.closed)),
            checkpoint.runs.to_string(),
            grouped(checkpoint.bytes),
            misfit(plan, &checkpoint.cuts)
                .map_or_else(|| "yes".to_owned(), |what| format!("no: {}", neutralise(&what))),
        ]
    };
    let columns = ["epoch", "made", "files", "bytes", "fits the YAML"];
    part("checkpoints", &columns, state.checkpoints.iter().map(checkpoint).collect());
    let positions = state.positions.iter().flat_map(|(source, partitions)| {
        let row = |(partition, offset): (&String, &u64)| {
            vec![neutralise(source).into_owned(), neutralise(partition).into_owned(), grouped(*offset)]
        };
        partitions.iter().map(row)
    });
    part("sources", &["source", "partition", "next offset"], positions.collect());
    part("sinks", SINKS, state.sinks.iter().map(|sink| sink_row(sink, Some(plan))).collect());
    text
}

/// The columns of [`sink_row`].
pub(super) const SINKS: &[&str] = &["sink", "last change", "has everything up to", "in the YAML"];

/// A sink as a row; whether it is one of the plan's shows if there is a plan.
pub(super) fn sink_row(sink: &SinkState, plan: Option<&Plan>) -> Vec<String> {
    let mut row = vec![neutralise(&sink.name).into_owned(), grouped(sink.written), grouped(sink.passed)];
    row.extend(plan.map(|plan| if is_in(sink, plan) { "yes" } else { "no, or changed" }.to_owned()));
    row
}

/// Everything, with whether checkpoints and sinks are those of the YAML.
pub(super) fn as_json(state: &PipelineState, plan: &Plan) -> Value {
    let mut value = json!(state);
    let checkpoints = state.checkpoints.iter().map(|checkpoint| {
        let misfit = misfit(plan, &checkpoint.cuts);
        json!({
            "epoch": checkpoint.epoch, "closed": checkpoint.closed, "runs": checkpoint.runs, "bytes": checkpoint.bytes,
            "fits": misfit.is_none(), "differs": misfit,
        })
    });
    value["checkpoints"] = checkpoints.collect();
    for (sink, value) in state.sinks.iter().zip(value["sinks"].as_array_mut().into_iter().flatten()) {
        value["in_yaml"] = is_in(sink, plan).into();
    }
    value
}

fn is_in(sink: &SinkState, plan: &Plan) -> bool {
    plan.sinks.iter().any(|found| found.input.name == sink.name && found.fingerprint == sink.fingerprint)
}

fn headline(state: &PipelineState) -> String {
    let process = state.process.map_or_else(
        || format!("last run {}", ago(age(state.last_run))),
        |process| format!("process {process} has it now"),
    );
    format!(
        "{} in {}: epoch {}, start {}, {}, {process}\n",
        neutralise(&state.pipeline),
        neutralise(&state.folder.to_string_lossy()),
        grouped(state.epoch),
        state.generation,
        size(state.bytes),
    )
}
