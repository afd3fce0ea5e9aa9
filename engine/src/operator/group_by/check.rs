//! The keys and the check of `group_by`, and what it is in a plan.

use crate::aggregate::{AggregateKind, Fold, Rank, RankBy};
use crate::diagnostic::Code;
use crate::expr::{AggregateCall, Expression, parse_aggregate};
use crate::schema::{Column, Sketch};
use crate::spec::{Entry, Key, Kind, Spanned, Value};

use crate::operator::{Checked, ColumnDraft, OperatorCheck, OperatorKind, Stateful, StatefulDraft};

pub(in crate::operator) const GROUP_BY: OperatorKind = OperatorKind {
    name: "group_by",
    about: "makes one row of each group",
    keys: &[
        Key::required(
            "group_by",
            Kind::List(&Kind::Column),
            "the columns that make a group; `[]` for one group of all",
        ),
        Key::required("aggregate", Kind::Map(&Kind::Expression), "names and aggregates, as `sum(viewer_count)`"),
    ],
    check,
};

/// The plan form of `group_by`. Its input has the key's columns, then the aggregates' arguments and conditions, then, if an
/// aggregate asks when rows happened, event time, partition rank and offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupBy {
    /// How many columns the key has; they come first.
    pub keys: usize,
    /// The aggregates, in the order of the output's further columns.
    pub aggregates: Vec<Aggregate>,
}

/// One aggregate of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Aggregate {
    /// The output column's name.
    pub name: String,
    /// What is folded; places count in the node's input.
    pub fold: Fold,
    /// The place of the boolean that says whether a row takes part.
    pub condition: Option<usize>,
}

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Checked {
    let names = entry.words("group_by");
    let mut draft = Draft::default();
    for name in &names {
        if draft.is_new(name, context) {
            draft.sound &= context.take_column(name, &mut draft.columns).is_some();
            draft.input.push(ColumnDraft::keep(&name.value));
        }
    }
    for (name, value) in entry.map("aggregate") {
        let Value::Word(text) = &value.value else { unreachable!("the key table asks for expressions") };
        draft.add_aggregate(name, &Spanned::new(text.clone(), value.span), context);
    }
    let operator = Stateful::GroupBy(GroupBy { keys: names.len(), aggregates: draft.aggregates });
    Checked::Stateful(Box::new(StatefulDraft {
        operator: draft.sound.then_some(operator),
        input: draft.input,
        timed_input: draft.timed,
        columns: draft.columns,
        appends: Some(false),
        order: Vec::new(),
    }))
}

struct Draft {
    /// The names of all columns that come out, understood or not.
    names: Vec<String>,
    input: Vec<ColumnDraft>,
    columns: Sketch,
    aggregates: Vec<Aggregate>,
    timed: bool,
    sound: bool,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            input: Vec::new(),
            columns: Sketch::default(),
            aggregates: Vec::new(),
            timed: false,
            sound: true,
        }
    }
}

impl Draft {
    /// Whether no column of this name comes out yet.
    fn is_new(&mut self, name: &Spanned<String>, context: &mut OperatorCheck<'_>) -> bool {
        if self.names.contains(&name.value) {
            let message = format!("column `{}` stands twice in the result", name.value);
            context.diagnostics.error(Code::DuplicateColumn, name.span, message).hint("give one of them another name");
            self.sound = false;
            return false;
        }
        self.names.push(name.value.clone());
        true
    }

    fn add_aggregate(&mut self, name: &Spanned<String>, text: &Spanned<String>, context: &mut OperatorCheck<'_>) {
        let named = context.new_name(name, "a column");
        let call = context.judge(|known, files, diagnostics| parse_aggregate(text, known, files, diagnostics));
        let checked = call.and_then(|call| Some((AggregateKind::check(&call, context.diagnostics)?, call)));
        let is_new = self.is_new(name, context);
        let Some((checked, call)) = named.and(checked) else {
            if is_new {
                self.columns.add_unknown(&name.value);
            }
            self.sound = false;
            return;
        };
        if checked.needs_time && !context.input.timed {
            let message = format!(
                "`{}` needs rows that know when they happened; those of `{}` do not",
                call.name.value, context.input.from.value
            );
            context
                .diagnostics
                .error(Code::NeedsEventTime, call.span, message)
                .hint("aggregate rows of a source with `event_time`, or use `arg_max(x, time)` with a column");
            self.sound = false;
        }
        self.timed |= checked.needs_time;
        if is_new {
            let (column_type, nullable) = (checked.column_type, checked.nullable);
            self.columns.add(Column { name: name.value.clone(), column_type, nullable });
        }
        let AggregateCall { arguments, condition, .. } = call;
        let places: Vec<usize> = arguments.into_iter().map(|argument| self.add_input(argument)).collect();
        let condition = condition.map(|condition| self.add_input(condition));
        self.aggregates.push(Aggregate { name: name.value.clone(), fold: placed(checked.fold, &places), condition });
    }

    /// The place of an expression in the node's input; equal expressions share one.
    fn add_input(&mut self, expression: Expression) -> usize {
        let draft = ColumnDraft::computed(&format!("$={}", expression.text()), expression);
        match self.input.iter().position(|column| column.name == draft.name) {
            Some(place) => place,
            None => {
                self.input.push(draft);
                self.input.len() - 1
            }
        }
    }
}

/// A fold with its arguments' places in the node's input.
fn placed(fold: Fold, places: &[usize]) -> Fold {
    match fold {
        Fold::Count(argument) => Fold::Count(argument.map(|at| places[at])),
        Fold::Sum(at, number) => Fold::Sum(places[at], number),
        Fold::Average(at, number) => Fold::Average(places[at], number),
        Fold::Distinct(at) => Fold::Distinct(places[at]),
        Fold::Best { order, value } => Fold::Best {
            order: order
                .into_iter()
                .map(|rank| match rank.by {
                    RankBy::Argument(at) => Rank { by: RankBy::Argument(places[at]), ..rank },
                    RankBy::Time => rank,
                })
                .collect(),
            value: places[value],
        },
    }
}
