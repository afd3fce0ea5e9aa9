//! A finished draft → the plan: columns get places, and those that nobody uses go.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::Expression;
use crate::operator::{ColumnDraft, ColumnSource};
use crate::plan::{
    At, Condition, Exit, Node, Prefilter, Projection, Region, RootColumn, RowOp, SinkNode, SourceNode, Step,
    fingerprint,
};
use crate::schema::{Column, Schema};

use super::draft::{Draft, LATE_COLUMN, NodeDraft, OpDraft, RegionDraft, SourceDraft, StepDraft, TIME_COLUMNS};
use super::unused;

/// Brings a draft into its final form.
pub(super) fn lower(mut draft: Draft) -> (Vec<SourceNode>, Vec<Node>, Vec<SinkNode>) {
    unused::remove(&mut draft);
    let failing: Vec<String> = (0..draft.sources.len()).map(|source| what_fails(source, &draft)).collect();
    let sinks = draft.sinks.into_iter().map(|sink| SinkNode {
        input: sink.input,
        sink: sink.sink,
        letters_of: None,
        fingerprint: sink.fingerprint,
    });
    let mut sinks: Vec<SinkNode> = sinks.collect();
    let mut sources = Vec::new();
    for (at, (mut source, failing)) in draft.sources.into_iter().zip(failing).enumerate() {
        let letters = source.letters.take();
        let place = letters.is_some().then_some(sinks.len());
        let source = SourceNode { letters: place, ..lower_source(source) };
        if let Some(letters) = letters {
            let meaning = format!("dead letters, form 1; {:?}", source.wanted_metadata());
            let fingerprint = fingerprint(&meaning, &[&failing]);
            sinks.push(SinkNode { input: letters.input, sink: letters.sink, letters_of: Some(at), fingerprint });
        }
        sources.push(source);
    }
    let nodes = draft.nodes.into_iter().map(lower_node).collect();
    (sources, nodes, sinks)
}

/// Everything that decides which rows behind a source fail, and among whose letters they are.
fn what_fails(source: usize, draft: &Draft) -> String {
    let SourceDraft { fingerprint, on_error, region, .. } = &draft.sources[source];
    let step = |step: &StepDraft| format!("{} {}", step.name, step.fingerprint);
    let mut parts: BTreeSet<String> = region.steps.iter().map(step).collect();
    for node in draft.nodes.iter().filter(|node| node.clocks.contains(&source)) {
        let above = node.clocks.iter().map(|source| {
            let above = &draft.sources[*source];
            format!("{} {:?}", above.name, above.on_error)
        });
        parts.insert(format!("{} {}: {}", node.name, node.fingerprint, above.collect::<Vec<_>>().join(", ")));
        parts.extend(node.region.steps.iter().map(step));
    }
    format!("{fingerprint} {on_error:?}\n{}", parts.into_iter().collect::<Vec<_>>().join("\n"))
}

fn lower_source(source: SourceDraft) -> SourceNode {
    let SourceDraft {
        name,
        source,
        format,
        declared,
        metadata,
        event_time,
        on_error,
        max_errors,
        mut region,
        fingerprint,
        ..
    } = source;
    let all = region.root.clone();
    let place = |name: &str| root_column(name, &all, declared.columns.len());
    let prefilter = take_prefilter(&mut region).map(|(name, condition)| {
        let root = keep_columns(&all, &condition.columns());
        let columns = root.names().map(place).collect();
        Prefilter { name, root: columns, condition: compiled(&condition, &root), schema: root }
    });
    let region = lower_region(region);
    let root = region.root.names().map(place).collect();
    SourceNode {
        name,
        source,
        format,
        declared,
        metadata,
        event_time,
        on_error,
        max_errors,
        letters: None,
        prefilter,
        root,
        region,
        fingerprint,
    }
}

fn lower_node(node: NodeDraft) -> Node {
    let NodeDraft { name, operator, input, input_appends, output, clocks, on_error, region, fingerprint } = node;
    // A stateful operator gives all its columns; its region starts with all of them.
    let mut region = region;
    region.root = output.clone();
    let region = lower_region_with(region, true);
    Node { name, operator, input, input_appends, output, clocks, on_error, region, fingerprint }
}

/// What a column at the start of a source's region is: declared columns come first, then metadata, then the time columns.
fn root_column(name: &str, all: &Schema, declared: usize) -> RootColumn {
    match TIME_COLUMNS.iter().position(|column| *column == name) {
        _ if name == LATE_COLUMN => RootColumn::Late,
        Some(0) => RootColumn::EventTime,
        Some(1) => RootColumn::PartitionRank,
        Some(_) => RootColumn::Offset,
        None => {
            let at = all.index_of(name).expect("a region's columns are those of its root");
            if at < declared { RootColumn::Declared(at) } else { RootColumn::Metadata(at - declared) }
        }
    }
}

fn keep_columns(all: &Schema, names: &BTreeSet<String>) -> Schema {
    Schema::new(all.columns.iter().filter(|column| names.contains(&column.name)).cloned().collect())
}

/// Takes the first step out of a region if it is a filter and all rows pass it: then it can run before other columns exist.
fn take_prefilter(region: &mut RegionDraft) -> Option<(String, Expression)> {
    let from_root = region.steps.iter().filter(|step| step.input == At::Root).count();
    let first = region.steps.iter().position(|step| step.input == At::Root)?;
    let exits = region.exits.iter().any(|exit| exit.at == At::Root);
    if from_root != 1 || exits || !matches!(region.steps[first].op, OpDraft::Filter(_)) {
        return None;
    }
    let StepDraft { name, op: OpDraft::Filter(condition), .. } = region.steps.remove(first) else { return None };
    let moved = |at: At| match at {
        At::Step(step) if step == first => At::Root,
        At::Step(step) if step > first => At::Step(step - 1),
        At::Arm(step, arm) if step > first => At::Arm(step - 1, arm),
        other => other,
    };
    for step in &mut region.steps {
        step.input = moved(step.input);
    }
    for exit in &mut region.exits {
        exit.at = moved(exit.at);
    }
    Some((name, condition))
}

fn compiled(condition: &Expression, schema: &Schema) -> Condition {
    Condition { text: condition.text().to_owned(), predicate: condition.compile_predicate(schema) }
}

fn lower_region(region: RegionDraft) -> Region {
    lower_region_with(region, false)
}

fn lower_region_with(region: RegionDraft, whole_root: bool) -> Region {
    let mut needed = needed_columns(&region);
    if whole_root {
        needed.insert(At::Root, region.root.names().map(str::to_owned).collect());
    }
    let used = |at: At| needed.get(&at).cloned().unwrap_or_default();
    let mut schemas: BTreeMap<At, Schema> = BTreeMap::from([(At::Root, keep_columns(&region.root, &used(At::Root)))]);
    let mut steps = Vec::with_capacity(region.steps.len());
    for (index, step) in region.steps.into_iter().enumerate() {
        let input = schemas[&step.input].clone();
        let op = match step.op {
            OpDraft::Filter(condition) => {
                schemas.insert(At::Step(index), input.clone());
                RowOp::Filter(compiled(&condition, &input))
            }
            OpDraft::Route(conditions) => {
                for arm in 0..conditions.len() {
                    schemas.insert(At::Arm(index, arm), input.clone());
                }
                let arms = conditions.iter().map(|arm| arm.as_ref().map(|condition| compiled(condition, &input)));
                RowOp::Route(arms.collect())
            }
            OpDraft::OnTime(late) => {
                schemas.insert(At::Step(index), input.clone());
                let column = input.index_of(LATE_COLUMN).expect("a step that looks at lateness keeps the column");
                RowOp::OnTime(column, late)
            }
            OpDraft::Project(columns) => {
                let (projections, schema) = project(&columns, &used(At::Step(index)), &input);
                schemas.insert(At::Step(index), schema.clone());
                RowOp::Project(projections, schema)
            }
        };
        steps.push(Step { name: step.name, input: step.input, op });
    }
    let exits = region
        .exits
        .into_iter()
        .map(|exit| {
            let schema = &schemas[&exit.at];
            let place = |name: &String| schema.index_of(name).expect("what an exit sends is kept on its way");
            Exit { at: exit.at, columns: exit.columns.iter().map(place).collect(), target: exit.target }
        })
        .collect();
    let root = schemas.remove(&At::Root).unwrap_or_default();
    Region { root, steps, exits }
}

/// Which columns are used at each place, found from the exits backwards. A computed column is always computed: whether a row fails
/// must not depend on who looks at the result.
fn needed_columns(region: &RegionDraft) -> BTreeMap<At, BTreeSet<String>> {
    let mut needed: BTreeMap<At, BTreeSet<String>> = BTreeMap::new();
    for exit in &region.exits {
        needed.entry(exit.at).or_default().extend(exit.columns.iter().cloned());
    }
    for (index, step) in region.steps.iter().enumerate().rev() {
        let mut above = BTreeSet::new();
        match &step.op {
            OpDraft::Filter(condition) => {
                above.extend(needed.get(&At::Step(index)).cloned().unwrap_or_default());
                above.extend(condition.columns());
            }
            OpDraft::OnTime(_) => {
                above.extend(needed.get(&At::Step(index)).cloned().unwrap_or_default());
                above.insert(LATE_COLUMN.to_owned());
            }
            OpDraft::Route(conditions) => {
                for (arm, condition) in conditions.iter().enumerate() {
                    above.extend(needed.get(&At::Arm(index, arm)).cloned().unwrap_or_default());
                    above.extend(condition.iter().flat_map(Expression::columns));
                }
            }
            OpDraft::Project(columns) => {
                let used = needed.get(&At::Step(index)).cloned().unwrap_or_default();
                for column in columns {
                    match &column.from {
                        ColumnSource::Computed(expression) => above.extend(expression.columns()),
                        ColumnSource::Column(name) if used.contains(&column.name) => {
                            above.insert(name.clone());
                        }
                        ColumnSource::Column(_) => {}
                    }
                }
            }
        }
        needed.entry(step.input).or_default().extend(above);
    }
    needed
}

fn project(columns: &[ColumnDraft], used: &BTreeSet<String>, input: &Schema) -> (Vec<Projection>, Schema) {
    let mut projections = Vec::new();
    let mut schema = Schema::default();
    for column in columns {
        match &column.from {
            ColumnSource::Column(name) if used.contains(&column.name) => {
                let at = input.index_of(name).expect("a column that is used is kept on its way");
                projections.push(Projection::Column(at));
                schema.columns.push(Column { name: column.name.clone(), ..input.columns[at].clone() });
            }
            ColumnSource::Column(_) => {}
            ColumnSource::Computed(expression) => {
                projections.push(Projection::Computed(expression.compile(input)));
                schema.columns.push(Column {
                    name: column.name.clone(),
                    column_type: expression.column_type().clone(),
                    nullable: expression.nullable(),
                });
            }
        }
    }
    (projections, schema)
}
