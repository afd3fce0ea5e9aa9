//! Checked operators, put into the draft behind what they take rows from.

use crate::expr::Expression;
use crate::operator::{Checked, ColumnDraft, ColumnSource, RowDraft, StatefulDraft};
use crate::plan::{At, OnError, Target, fingerprint};
use crate::schema::{Beyond, Column, ColumnType, Schema};
use crate::spec::Spanned;

use super::draft::{Draft, Host, LATE_COLUMN, NodeDraft, OpDraft, Output, Place, RegionDraft, Shape, TIME_COLUMNS};

impl Draft {
    /// Adds a checked operator behind its input, and gives what can be taken from it.
    pub(super) fn add_operator(
        &mut self,
        name: &Spanned<String>,
        input: Output,
        checked: Checked,
        description: &str,
    ) -> Output {
        let above: Vec<&str> = input.fingerprints.iter().map(String::as_str).collect();
        let digest = fingerprint(description, &above);
        match checked {
            Checked::Union => Output { fingerprints: vec![digest], ..input },
            Checked::Rows(steps, mut columns) => {
                let mut places = input.places.clone();
                for step in steps {
                    places = self.add_rows(&places, &name.value, step, &input, &digest);
                }
                let same = columns.known == input.columns.known;
                let order = if same { input.order.clone() } else { Vec::new() };
                // A column of the row hides one that comes with the record, also where it is gone again.
                let mut implicit = input.implicit.clone();
                implicit.retain(|column| !columns.has(&column.name));
                columns.extend(input.columns.beyond().min(Beyond::Metadata));
                Output { places, columns, implicit, order, fingerprints: vec![digest], ..input }
            }
            Checked::Route(arms) => self.add_route(name, input, arms, &digest),
            Checked::Stateful(stateful) => self.add_stateful(name, &input, *stateful, digest),
        }
    }

    fn add_rows(&mut self, places: &[Place], name: &str, step: RowDraft, input: &Output, digest: &str) -> Vec<Place> {
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
                self.add_step(*place, name, op, digest)
            })
            .collect()
    }

    /// Defines the arms, and under the operator's own name an output without places: it cannot be taken whole.
    fn add_route(
        &mut self,
        name: &Spanned<String>,
        input: Output,
        arms: Vec<(Spanned<String>, Option<Expression>)>,
        digest: &str,
    ) -> Output {
        let conditions: Vec<_> = arms.iter().map(|(_, condition)| condition.clone()).collect();
        let places: Vec<Place> = input
            .places
            .iter()
            .map(|place| self.add_step(*place, &name.value, OpDraft::Route(conditions.clone()), digest))
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
            self.outputs.insert(format!("{}.{}", name.value, arm.value), output);
        }
        // A lost sign makes one name of several.
        let word = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let named = !arms.is_empty() && arms.iter().all(|(arm, _)| word(&arm.value));
        let shape = if named { Shape::Arms } else { Shape::Unknown };
        Output { shape, places: Vec::new(), fingerprints: vec![digest.to_owned()], ..input }
    }

    /// Adds a node, if the operator is understood.
    fn add_stateful(
        &mut self,
        name: &Spanned<String>,
        input: &Output,
        stateful: StatefulDraft,
        digest: String,
    ) -> Output {
        let at = self.nodes.len();
        let places = match stateful.operator {
            Some(_) => vec![Place { host: Host::Node(at), at: At::Root }],
            None => Vec::new(),
        };
        let output = Output {
            shape: Shape::Rows,
            places,
            columns: stateful.columns,
            implicit: Vec::new(),
            appends: stateful.appends,
            timed: false,
            sources: input.sources.clone(),
            order: stateful.order,
            fingerprints: vec![digest.clone()],
        };
        let Some(operator) = stateful.operator else { return output };
        let places =
            self.add_rows(&input.places, &name.value, RowDraft::Project(stateful.input.clone()), input, &digest);
        let mut columns: Vec<String> = stateful.input.iter().map(|column| column.name.clone()).collect();
        if stateful.timed_input {
            columns.extend(TIME_COLUMNS.iter().map(|column| (*column).to_owned()));
        }
        self.add_exits(&places, &columns, Target::Node(at));
        let on_error =
            input.sources.iter().map(|source| self.sources[*source].on_error).max().unwrap_or(OnError::DeadLetter);
        self.nodes.push(NodeDraft {
            name: name.value.clone(),
            operator,
            input: input_schema(&stateful.input, &input.all().known, stateful.timed_input),
            input_appends: input.appends.unwrap_or(false),
            output: output.columns.known.clone(),
            clocks: input.sources.clone(),
            on_error,
            region: RegionDraft { root: output.columns.known.clone(), ..RegionDraft::default() },
            fingerprint: digest,
        });
        output
    }
}

fn input_schema(columns: &[ColumnDraft], schema: &Schema, timed: bool) -> Schema {
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
