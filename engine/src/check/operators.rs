//! The entries of `operators:`, each after those that it takes rows from.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Span, nearest};
use crate::operator::{Checked, FROM, InputView, OPERATORS, OperatorCheck, OperatorKind, RowDraft, StatefulDraft};
use crate::plan::{OnError, Target, fingerprint};
use crate::schema::{Column, ColumnType, Schema};
use crate::spec::{Content, Entry, Item, Key, Node, Spanned};

use super::Checker;
use super::draft::{Draft, Host, NodeDraft, OpDraft, Output, Place, RegionDraft, TIME_COLUMNS};
use crate::operator::ColumnDraft;
use crate::plan::At;

/// How far an operator has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    Done,
}

impl<'s> Checker<'s> {
    pub(super) fn operators(&mut self, draft: &mut Draft) {
        let items: BTreeMap<&str, &'s Item> =
            self.spec.operators.iter().map(|item| (item.name.value.as_str(), item)).collect();
        for item in &self.spec.operators {
            draft.names.entry(item.name.value.clone()).or_insert((item.name.span, false));
        }
        let mut progress = BTreeMap::new();
        for item in &self.spec.operators {
            self.visit(item, &items, &mut progress, &mut Vec::new(), draft);
        }
    }

    /// Checks an operator after everything that it takes rows from.
    fn visit(
        &mut self,
        item: &'s Item,
        items: &BTreeMap<&str, &'s Item>,
        progress: &mut BTreeMap<&'s str, Progress>,
        path: &mut Vec<&'s Item>,
        draft: &mut Draft,
    ) {
        match progress.get(item.name.value.as_str()) {
            Some(Progress::Done) => return,
            Some(Progress::Open) => return self.cycle(item, path),
            None => {}
        }
        progress.insert(&item.name.value, Progress::Open);
        path.push(item);
        for name in taken_names(&item.node) {
            let base = name.split_once('.').map_or(name, |(base, _)| base);
            if let Some(above) = items.get(base) {
                self.visit(above, items, progress, path, draft);
            }
        }
        path.pop();
        let output = self.operator(item, draft);
        draft.outputs.entry(item.name.value.clone()).or_insert(output);
        progress.insert(&item.name.value, Progress::Done);
    }

    fn cycle(&mut self, item: &Item, path: &[&Item]) {
        let start = path.iter().position(|above| above.name.value == item.name.value).unwrap_or(0);
        let mut names: Vec<&str> = path[start..].iter().map(|above| above.name.value.as_str()).collect();
        names.push(&item.name.value);
        let message = format!("operators feed each other in a circle: {}", names.join(" ← "));
        self.diagnostics
            .error(Code::Cycle, item.name.span, message)
            .hint("let one of them take its rows from somewhere else");
    }

    fn operator(&mut self, item: &Item, draft: &mut Draft) -> Option<Output> {
        let kind = self.operator_kind(item)?;
        let mut keys: Vec<Key> = vec![FROM];
        keys.extend_from_slice(kind.keys);
        let entry = Entry::read(&item.node, &keys, self.variables, self.diagnostics);
        let from = entry.as_ref().map_or_else(|| taken_names_spanned(&item.node), |entry| entry.words("from"));
        let inputs: Vec<Option<Output>> = from.iter().map(|name| self.take(name, draft)).collect();
        let entry = entry?;
        if from.len() > 1 && kind.name != "union" {
            self.diagnostics
                .error(Code::BadValue, entry.span_of("from"), format!("`{}` takes rows from one input", kind.name))
                .hint("put `union: {}` before it");
            return None;
        }
        if from.is_empty() {
            self.diagnostics.error(Code::BadValue, entry.span_of("from"), "`from` names no input");
            return None;
        }
        let inputs: Option<Vec<Output>> = inputs.into_iter().collect();
        let inputs = inputs?;
        let input = self.union(&from, inputs)?;
        let all = input.all();
        let mut context = OperatorCheck {
            input: InputView {
                schema: &input.schema,
                all: &all,
                appends: input.appends,
                timed: input.timed,
                from: &from[0],
            },
            files: self.files,
            diagnostics: self.diagnostics,
        };
        let checked = (kind.check)(&entry, &mut context)?;
        let description = item.node.canonical(self.variables);
        Some(draft.add_operator(&item.name, input, checked, &description))
    }

    fn operator_kind(&mut self, item: &Item) -> Option<&'static OperatorKind> {
        let Content::Map(pairs) = &item.node.content else {
            let message = format!("operator `{}` must be a map, found {}", item.name.value, item.node.kind());
            self.diagnostics.error(Code::WrongKind, item.node.span, message);
            return None;
        };
        let named: Vec<(&'static OperatorKind, Span)> = pairs
            .iter()
            .filter_map(|(name, _)| Some((OPERATORS.iter().find(|kind| kind.name == name.value)?, name.span)))
            .collect();
        match named.as_slice() {
            [(kind, _)] => Some(kind),
            [(first, at), (second, span), ..] => {
                let message =
                    format!("operator `{}` does two things: `{}` and `{}`", item.name.value, first.name, second.name);
                self.diagnostics
                    .error(Code::Conflict, *span, message)
                    .hint("make two operators of it, one behind the other")
                    .label(*at, "the first");
                None
            }
            [] => {
                let known: Vec<&str> = OPERATORS.iter().map(|kind| kind.name).collect();
                let near =
                    pairs.iter().find_map(|(name, _)| Some((name, nearest(&name.value, known.iter().copied())?)));
                match near {
                    Some((name, near)) => self
                        .diagnostics
                        .error(Code::UnknownKey, name.span, format!("no operator is called `{}`", name.value))
                        .did_you_mean(Some(near)),
                    None => {
                        let stranger = pairs.iter().find(|(name, _)| name.value != "from");
                        let span = stranger.map_or(item.name.span, |(name, _)| name.span);
                        let message = format!("operator `{}` names nothing that it does", item.name.value);
                        self.diagnostics
                            .error(Code::UnknownKey, span, message)
                            .hint(format!("operators: {}", known.join(", ")))
                    }
                };
                None
            }
        }
    }

    /// The rows of a name, or a diagnostic.
    pub(super) fn take(&mut self, name: &Spanned<String>, draft: &mut Draft) -> Option<Output> {
        let base = name.value.split_once('.').map_or(name.value.as_str(), |(base, _)| base);
        if let Some((_, used)) = draft.names.get_mut(base) {
            *used = true;
        }
        if let Some(output) = draft.outputs.get(&name.value) {
            if let Some(Output { places, .. }) = output
                && places.is_empty()
            {
                let arms: Vec<&str> =
                    draft.outputs.keys().filter_map(|key| key.strip_prefix(base)?.strip_prefix('.')).collect();
                self.diagnostics.error(Code::UnknownName, name.span, format!("`{base}` has arms; say which")).hint(
                    format!(
                        "write one of: {}",
                        arms.iter().map(|arm| format!("{base}.{arm}")).collect::<Vec<_>>().join(", ")
                    ),
                );
                return None;
            }
            return output.clone();
        }
        // An operator that was not understood has been reported; its arms are not known.
        if name.value.contains('.') && matches!(draft.outputs.get(base), Some(None)) {
            return None;
        }
        let in_circle = draft.names.contains_key(&name.value);
        if in_circle {
            return None;
        }
        let candidates: Vec<&str> =
            draft.outputs.keys().map(String::as_str).chain(draft.names.keys().map(String::as_str)).collect();
        let message = format!("nothing is called `{}`", name.value);
        let found = self.diagnostics.error(Code::UnknownName, name.span, message);
        match nearest(&name.value, candidates.iter().copied()) {
            Some(near) => found.did_you_mean(Some(near)),
            None if candidates.is_empty() => found.hint("there are no sources and operators"),
            None => found.hint("rows come from a source, an operator, or an arm of a `route` as `operator.arm`"),
        };
        None
    }

    /// Several inputs as one.
    pub(super) fn union(&mut self, names: &[Spanned<String>], inputs: Vec<Output>) -> Option<Output> {
        let several = inputs.len() > 1;
        let mut inputs = inputs.into_iter();
        let mut all = inputs.next()?;
        let mut sound = true;
        for (input, name) in inputs.zip(&names[1..]) {
            for column in &all.schema.columns {
                let problem = match input.schema.column(&column.name) {
                    None => format!("`{}` lacks the column `{}` of `{}`", name.value, column.name, names[0].value),
                    Some(other) if other.column_type != column.column_type => format!(
                        "column `{}` is `{}` in `{}` but `{}` in `{}`",
                        column.name, other.column_type, name.value, column.column_type, names[0].value
                    ),
                    Some(_) => continue,
                };
                self.diagnostics
                    .error(Code::SchemaMismatch, name.span, problem)
                    .hint("bring the inputs to the same columns with `select`");
                sound = false;
            }
            if let Some(extra) = input.schema.columns.iter().find(|column| all.schema.index_of(&column.name).is_none())
            {
                let message = format!("`{}` has a column `{}` that `{}` lacks", name.value, extra.name, names[0].value);
                self.diagnostics
                    .error(Code::SchemaMismatch, name.span, message)
                    .hint("bring the inputs to the same columns with `select`");
                sound = false;
            }
            if sound {
                for column in &mut all.schema.columns {
                    column.nullable |= input.schema.column(&column.name).is_some_and(|other| other.nullable);
                }
            }
            all.implicit.retain(|column| input.implicit.contains(column));
            all.places.extend(input.places);
            all.appends &= input.appends;
            all.timed &= input.timed;
            all.sources.extend(input.sources);
            all.fingerprints.extend(input.fingerprints);
        }
        all.sources.sort_unstable();
        all.sources.dedup();
        if several {
            all.order.clear();
        }
        sound.then_some(all)
    }

    /// Warns of everything that nothing takes rows from.
    pub(super) fn unused(&mut self, draft: &Draft) {
        let own = self.spec.name.span.file;
        for (name, (span, used)) in &draft.names {
            // What an included file defines is for whoever wants it.
            if !used && span.file == own {
                self.diagnostics
                    .warning(Code::Unused, *span, format!("nothing takes rows from `{name}`"))
                    .hint("remove it, or name it in a `from:`");
            }
        }
    }
}

impl Draft {
    fn add_operator(&mut self, name: &Spanned<String>, input: Output, checked: Checked, description: &str) -> Output {
        let above: Vec<&str> = input.fingerprints.iter().map(String::as_str).collect();
        let digest = fingerprint(description, &above);
        match checked {
            Checked::Union => Output { fingerprints: vec![digest], ..input },
            Checked::Rows(steps, schema) => {
                let mut places = input.places.clone();
                for step in steps {
                    places = self.add_rows(&places, &name.value, step, &input);
                }
                let order = if schema.columns == input.schema.columns { input.order.clone() } else { Vec::new() };
                // A column of the row hides one that comes with the record, also where it is gone again.
                let mut implicit = input.implicit.clone();
                implicit.retain(|column| schema.index_of(&column.name).is_none());
                Output { places, schema, implicit, order, fingerprints: vec![digest], ..input }
            }
            Checked::Route(arms) => self.add_route(name, input, arms, &digest),
            Checked::Stateful(stateful) => self.add_stateful(name, &input, *stateful, digest),
        }
    }

    fn add_rows(&mut self, places: &[Place], name: &str, step: RowDraft, input: &Output) -> Vec<Place> {
        // What is no part of the row goes along, until nobody needs it.
        let with_implicit = |columns: &[ColumnDraft]| {
            let mut all = columns.to_vec();
            let hidden = input.implicit.iter().map(|column| column.name.as_str());
            let time = TIME_COLUMNS.into_iter().filter(|_| input.timed);
            for name in hidden.chain(time) {
                if all.iter().all(|column| column.name != name) {
                    all.push(ColumnDraft::keep(name));
                }
            }
            all
        };
        places
            .iter()
            .map(|place| {
                let op = match &step {
                    RowDraft::Filter(condition) => OpDraft::Filter(condition.clone()),
                    RowDraft::Project(columns) => OpDraft::Project(with_implicit(columns)),
                };
                self.add_step(*place, name, op)
            })
            .collect()
    }

    /// Defines the arms, and under the operator's own name an output without places: it cannot be taken whole.
    fn add_route(
        &mut self,
        name: &Spanned<String>,
        input: Output,
        arms: Vec<(Spanned<String>, Option<crate::expr::Expression>)>,
        digest: &str,
    ) -> Output {
        let conditions: Vec<_> = arms.iter().map(|(_, condition)| condition.clone()).collect();
        let places: Vec<Place> = input
            .places
            .iter()
            .map(|place| self.add_step(*place, &name.value, OpDraft::Route(conditions.clone())))
            .collect();
        for (index, (arm, _)) in arms.iter().enumerate() {
            let places = places
                .iter()
                .map(|place| match place.at {
                    At::Step(step) => Place { host: place.host, at: At::Arm(step, index) },
                    other => Place { host: place.host, at: other },
                })
                .collect();
            let fingerprints = vec![fingerprint(&format!("arm {}", arm.value), &[digest])];
            let output = Output { places, fingerprints, ..input.clone() };
            self.outputs.insert(format!("{}.{}", name.value, arm.value), Some(output));
        }
        Output { places: Vec::new(), fingerprints: vec![digest.to_owned()], ..input }
    }

    fn add_stateful(
        &mut self,
        name: &Spanned<String>,
        input: &Output,
        stateful: StatefulDraft,
        digest: String,
    ) -> Output {
        let places = self.add_rows(&input.places, &name.value, RowDraft::Project(stateful.input.clone()), input);
        let mut columns: Vec<String> = stateful.input.iter().map(|column| column.name.clone()).collect();
        if stateful.timed_input {
            columns.extend(TIME_COLUMNS.iter().map(|column| (*column).to_owned()));
        }
        let at = self.nodes.len();
        self.add_exits(&places, &columns, Target::Node(at));
        let on_error =
            input.sources.iter().map(|source| self.sources[*source].on_error).max().unwrap_or(OnError::DeadLetter);
        self.nodes.push(NodeDraft {
            name: name.value.clone(),
            operator: stateful.operator,
            input: input_schema(&stateful.input, &input.all(), stateful.timed_input),
            input_appends: input.appends,
            output: stateful.output.clone(),
            clocks: input.sources.clone(),
            on_error,
            region: RegionDraft { root: stateful.output.clone(), ..RegionDraft::default() },
            fingerprint: digest.clone(),
        });
        Output {
            places: vec![Place { host: Host::Node(at), at: At::Root }],
            schema: stateful.output,
            implicit: Vec::new(),
            appends: stateful.output_appends,
            timed: false,
            sources: input.sources.clone(),
            order: stateful.order,
            fingerprints: vec![digest],
        }
    }
}

fn input_schema(columns: &[ColumnDraft], schema: &Schema, timed: bool) -> Schema {
    use crate::operator::ColumnSource;
    let mut input: Vec<Column> = columns
        .iter()
        .map(|column| {
            let (column_type, nullable) = match &column.from {
                ColumnSource::Computed(expression) => (expression.column_type().clone(), expression.nullable()),
                ColumnSource::Column(name) => {
                    let found = &schema.columns[schema.index_of(name).expect("a kept column is one of the input's")];
                    (found.column_type.clone(), found.nullable)
                }
            };
            Column { name: column.name.clone(), column_type, nullable }
        })
        .collect();
    if timed {
        let [time, partition, offset] = TIME_COLUMNS;
        input.push(Column::new(time, ColumnType::Timestamp));
        input.push(Column::new(partition, ColumnType::Int));
        input.push(Column::new(offset, ColumnType::Int));
    }
    Schema::new(input)
}

/// The names in an operator's `from:`, whatever else is wrong with it.
fn taken_names(node: &Node) -> Vec<&str> {
    let Content::Map(pairs) = &node.content else { return Vec::new() };
    let Some((_, from)) = pairs.iter().find(|(name, _)| name.value == "from") else { return Vec::new() };
    match &from.content {
        Content::Scalar(name) => vec![name],
        Content::List(names) => names
            .iter()
            .filter_map(|name| match &name.content {
                Content::Scalar(name) => Some(name.as_str()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn taken_names_spanned(node: &Node) -> Vec<Spanned<String>> {
    let Content::Map(pairs) = &node.content else { return Vec::new() };
    let Some((_, from)) = pairs.iter().find(|(name, _)| name.value == "from") else { return Vec::new() };
    let elements = match &from.content {
        Content::List(elements) => elements.as_slice(),
        _ => std::slice::from_ref(from),
    };
    elements
        .iter()
        .filter_map(|element| match &element.content {
            Content::Scalar(name) => Some(Spanned::new(name.clone(), element.span)),
            _ => None,
        })
        .collect()
}
