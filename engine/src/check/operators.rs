//! The entries of `operators:`, each after those that it takes rows from.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Span, nearest};
use crate::operator::{Checked, FROM, InputView, OPERATORS, OperatorCheck, OperatorKind, RowDraft, StatefulDraft};
use crate::plan::{OnError, Target, fingerprint};
use crate::schema::{Column, ColumnType, Schema};
use crate::spec::{Content, Entry, Item, Key, Node, Spanned};

use super::Checker;
use super::draft::{Draft, Host, LATE_COLUMN, NodeDraft, OpDraft, Output, Place, RegionDraft, TIME_COLUMNS};
use super::misplaced::Section;
use super::names::{base_of, taken_names};
use crate::operator::ColumnDraft;
use crate::plan::At;

impl<'s> Checker<'s> {
    pub(super) fn operators(&mut self, draft: &mut Draft) {
        let entries = self.entries(&self.spec.operators, Section::Operators, draft);
        let items: BTreeMap<&str, &'s Item> = entries.iter().map(|item| (item.name.value.as_str(), *item)).collect();
        for item in entries {
            self.visit(item, &items, &mut Vec::new(), draft);
        }
    }

    /// Checks an operator after everything that it takes rows from.
    fn visit(&mut self, item: &'s Item, items: &BTreeMap<&str, &'s Item>, path: &mut Vec<&'s Item>, draft: &mut Draft) {
        let name = &item.name.value;
        if draft.outputs.contains_key(name) {
            return;
        }
        if !draft.open.insert(name.clone()) {
            draft.loose = true;
            return self.cycle(item, path);
        }
        path.push(item);
        for taken in taken_names(&item.node) {
            if let Some(above) = items.get(base_of(&taken.value)) {
                self.visit(above, items, path, draft);
            }
        }
        path.pop();
        let output = self.operator(item, draft);
        draft.outputs.insert(name.clone(), output);
        draft.open.remove(name);
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
        let node = self.without_entries(item, draft);
        let kind = self.operator_kind(item, &node)?;
        let mut keys: Vec<Key> = vec![FROM];
        keys.extend_from_slice(kind.keys);
        let entry = Entry::read(&node, &keys, self.variables, self.diagnostics);
        let from = entry.as_ref().map_or_else(|| taken_names(&node), |entry| entry.words("from"));
        let inputs: Vec<Option<Output>> = from.iter().map(|name| self.take(name, draft)).collect();
        let entry = entry?;
        if from.len() > 1 && kind.name != "union" {
            self.diagnostics
                .error(Code::BadValue, entry.span_of("from"), format!("`{}` takes rows from one input", kind.name))
                .hint("put `union: {}` before it");
            return None;
        }
        if from.is_empty() {
            self.diagnostics
                .error(Code::BadValue, entry.span_of("from"), "`from` names no input")
                .hint("name a source or an operator");
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

    fn operator_kind(&mut self, item: &Item, node: &Node) -> Option<&'static OperatorKind> {
        let Content::Map(pairs) = &node.content else {
            let message = format!("operator `{}` must be a map, found {}", item.name.value, item.node.kind());
            self.diagnostics.error(Code::WrongKind, item.node.span, message).hint(format!(
                "write what it does and where it takes its rows, as `{}: {{ from: …, filter: … }}`",
                item.name.value
            ));
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
                self.report_no_operator(item, pairs);
                None
            }
        }
    }

    fn report_no_operator(&mut self, item: &Item, pairs: &[(Spanned<String>, Node)]) {
        let known: Vec<&str> = OPERATORS.iter().map(|kind| kind.name).collect();
        let near = pairs.iter().find_map(|(name, _)| Some((name, nearest(&name.value, known.iter().copied())?)));
        if let Some((name, near)) = near {
            self.diagnostics
                .error(Code::UnknownKey, name.span, format!("no operator is called `{}`", name.value))
                .did_you_mean(Some(near));
            return;
        }
        let owned = pairs.iter().filter(|(name, _)| name.value != FROM.name).find_map(|(name, _)| {
            let kind = OPERATORS.iter().find(|kind| kind.keys.iter().any(|key| key.name == name.value))?;
            Some((name, kind.keys.iter().find(|key| key.name == kind.name)?))
        });
        if let Some((name, lacking)) = owned {
            let message = format!("`{}` is a part of `{}`, which is missing", name.value, lacking.name);
            self.diagnostics.error(Code::MissingKey, name.span, message).hint(format!(
                "add `{}:` with {} ({})",
                lacking.name,
                lacking.kind.describe(),
                lacking.doc
            ));
            return;
        }
        let (span, message) = match pairs.iter().find(|(name, _)| name.value != FROM.name) {
            Some((name, _)) => (name.span, format!("no operator is called `{}`", name.value)),
            None => (item.name.span, format!("operator `{}` names nothing that it does", item.name.value)),
        };
        self.diagnostics.error(Code::UnknownKey, span, message).hint(format!("operators: {}", known.join(", ")));
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
            let time = TIME_COLUMNS.into_iter().chain([LATE_COLUMN]).filter(|_| input.timed);
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
