//! A plan as indented text and as a Graphviz picture.

use std::fmt::Write as _;

use crate::aggregate::{Fold, RankBy};
use crate::operator::Stateful;

use super::{At, Node, Plan, Region, RootColumn, RowOp, SinkNode, SourceNode, Target};

/// The plan as text: every source with the columns that it builds, every operator where it runs, every sink.
#[must_use]
pub fn explain(plan: &Plan) -> String {
    let mut text = format!("pipeline {} ({}, epochs of {:?})\n", plan.name, plan.mode, plan.epoch);
    for source in &plan.sources {
        let _ = writeln!(text, "source {}: {}", source.name, source.source.describe());
        let _ = writeln!(text, "  columns: {}", root_columns(source));
        if let Some(prefilter) = &source.prefilter {
            let _ = writeln!(text, "  filter first: {} ({})", prefilter.condition.text, prefilter.name);
        }
        region(&source.region, plan, &mut text);
    }
    for node in &plan.nodes {
        let changes = if node.input_appends { "rows only added" } else { "rows added and taken back" };
        let _ = writeln!(text, "operator {}: {} over {changes}", node.name, stateful(node));
        region(&node.region, plan, &mut text);
    }
    for sink in &plan.sinks {
        let _ = writeln!(text, "{}: {}", sink_title(sink), sink.sink.describe());
    }
    for report in &plan.reports {
        let _ =
            writeln!(text, "report {}: in the database of sink {}", report.name, plan.sinks[report.sink].input.name);
    }
    text
}

fn sink_title(sink: &SinkNode) -> String {
    let role = if sink.letters_of.is_some() { "" } else { "sink " };
    format!("{role}{}", sink.input.name)
}

fn root_columns(source: &SourceNode) -> String {
    let prefilter = source.prefilter.iter().flat_map(|prefilter| prefilter.root.iter());
    let mut names: Vec<String> = prefilter.chain(&source.root).map(|column| root_column(*column, source)).collect();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    if names.is_empty() { "(none)".into() } else { names.join(", ") }
}

fn root_column(column: RootColumn, source: &SourceNode) -> String {
    match column {
        RootColumn::Declared(at) => source.declared.columns[at].name.clone(),
        RootColumn::Metadata(at) => source.metadata[at].column.name.clone(),
        RootColumn::EventTime => "event time".into(),
        RootColumn::PartitionRank => "partition".into(),
        RootColumn::Offset => "offset".into(),
        RootColumn::Late => "late".into(),
    }
}

fn stateful(node: &Node) -> String {
    let name = |place: usize| shown(&node.input.columns[place].name);
    let names = |places: &[usize]| places.iter().map(|place| name(*place)).collect::<Vec<_>>().join(", ");
    match &node.operator {
        Stateful::Distinct => "distinct".into(),
        Stateful::Latest(latest) => {
            let expire = latest.expire.map_or(String::new(), |expire| format!(", expiring after {expire:?}"));
            format!("latest by {}{expire}", names(&latest.key))
        }
        Stateful::GroupBy(group_by) => {
            let keys = names(&(0..group_by.keys).collect::<Vec<_>>());
            let aggregates = group_by.aggregates.iter().map(|aggregate| {
                let condition = aggregate.condition.map_or(String::new(), |place| format!(" where {}", name(place)));
                format!("{}: {}{condition}", aggregate.name, fold(&aggregate.fold, &name))
            });
            let keys = if keys.is_empty() { "nothing" } else { &keys };
            format!("group by {keys}; {}", aggregates.collect::<Vec<_>>().join(", "))
        }
        Stateful::Top(top) => {
            let by = top.by.iter().map(|key| format!("{}{}", name(key.column), direction(key.descending)));
            let per = if top.per.is_empty() { String::new() } else { format!(" per {}", names(&top.per)) };
            format!("top {} by {}{per}", top.limit, by.collect::<Vec<_>>().join(", "))
        }
    }
}

fn fold<'a>(fold: &Fold, name: &impl Fn(usize) -> &'a str) -> String {
    match fold {
        Fold::Count(None) => "count(*)".into(),
        Fold::Count(Some(argument)) => format!("count({})", name(*argument)),
        Fold::Sum(argument, _) => format!("sum({})", name(*argument)),
        Fold::Average(argument, _) => format!("avg({})", name(*argument)),
        Fold::Distinct(argument) => format!("count_distinct({})", name(*argument)),
        Fold::Best { order, value } => {
            let ranks = order.iter().map(|rank| {
                let by = match rank.by {
                    RankBy::Argument(argument) => name(argument),
                    RankBy::Time => "event time",
                };
                format!("{by}{}", direction(rank.descending))
            });
            format!("{} of the first by {}", name(*value), ranks.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A column's name without the sign of those that nobody has named.
fn shown(name: &str) -> &str {
    name.trim_start_matches("$=").trim_start_matches('$')
}

fn direction(descending: bool) -> &'static str {
    if descending { " desc" } else { "" }
}

fn region(region: &Region, plan: &Plan, text: &mut String) {
    branch(region, At::Root, 1, plan, text);
}

fn branch(region: &Region, at: At, depth: usize, plan: &Plan, text: &mut String) {
    let indent = "  ".repeat(depth);
    for exit in region.exits.iter().filter(|exit| exit.at == at) {
        let _ = writeln!(text, "{indent}→ {}", target(exit.target, plan));
    }
    for (index, step) in region.steps.iter().enumerate().filter(|(_, step)| step.input == at) {
        match &step.op {
            RowOp::Filter(condition) => {
                let _ = writeln!(text, "{indent}{}: filter {}", step.name, condition.text);
                branch(region, At::Step(index), depth + 1, plan, text);
            }
            RowOp::Project(_, schema) => {
                let _ = writeln!(
                    text,
                    "{indent}{}: columns {}",
                    step.name,
                    schema.names().map(shown).collect::<Vec<_>>().join(", ")
                );
                branch(region, At::Step(index), depth + 1, plan, text);
            }
            RowOp::OnTime(_, late) => {
                let _ = writeln!(text, "{indent}{}: late rows: {late:?}", step.name);
                branch(region, At::Step(index), depth + 1, plan, text);
            }
            RowOp::Route(arms) => {
                for (arm, predicate) in arms.iter().enumerate() {
                    let condition = predicate.as_ref().map_or("else", |condition| condition.text.as_str());
                    let _ = writeln!(text, "{indent}{}: route {condition}", step.name);
                    branch(region, At::Arm(index, arm), depth + 1, plan, text);
                }
            }
        }
    }
}

fn target(target: Target, plan: &Plan) -> String {
    match target {
        Target::Node(at) => format!("operator {}", plan.nodes[at].name),
        Target::Sink(at) => format!("sink {}", plan.sinks[at].input.name),
    }
}

/// The plan as a Graphviz digraph: sources, stateful operators and sinks, with the row-wise operators between as labels of edges.
#[must_use]
pub fn dot(plan: &Plan) -> String {
    let mut text = String::from("digraph pipeline {\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\"];\n");
    for source in &plan.sources {
        let _ = writeln!(text, "  {} [shape=cds];", quoted(&format!("source {}", source.name)));
        edges(&format!("source {}", source.name), &source.region, plan, &mut text);
    }
    for node in &plan.nodes {
        let label = format!("{}\n{}", node.name, node.operator.kind());
        let _ = writeln!(text, "  {} [label={}];", quoted(&format!("operator {}", node.name)), quoted(&label));
        edges(&format!("operator {}", node.name), &node.region, plan, &mut text);
    }
    for sink in plan.sinks.iter().filter(|sink| sink.letters_of.is_none()) {
        let _ = writeln!(text, "  {} [shape=cylinder];", quoted(&format!("sink {}", sink.input.name)));
    }
    text.push_str("}\n");
    text
}

fn edges(from: &str, region: &Region, plan: &Plan, text: &mut String) {
    for exit in &region.exits {
        let mut names = Vec::new();
        let mut at = exit.at;
        while let At::Step(step) | At::Arm(step, _) = at {
            names.push(region.steps[step].name.as_str());
            at = region.steps[step].input;
        }
        names.reverse();
        names.dedup();
        let label = quoted(&names.join(" → "));
        let _ = writeln!(text, "  {} -> {} [label={label}];", quoted(from), quoted(&target(exit.target, plan)));
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
