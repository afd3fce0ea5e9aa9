//! `group_by: [COLUMNS], aggregate: { NAME: CALL }` makes one row of each group.
//!
//! ```yaml
//! games:
//!   from: bucketed
//!   group_by: [game_name]
//!   aggregate: { viewers: sum(viewer_count), big: count(*) where viewer_count > 5000 }
//! ```
//! An aggregate is one call, with `where CONDITION` (or SQL's `filter (where …)`) to take part of the rows. Nulls of a key make a group. `group_by: []` makes one
//! row of everything, and none of nothing. A row changes when its group does. Keeps one entry a group, and for `count_distinct` and, over rows
//! that are taken back, `min max first last arg_max` also the values.

use crate::aggregate::{AggregateKind, Fold, Rank, RankBy};
use crate::diagnostic::Code;
use crate::expr::{AggregateCall, Expression, parse_aggregate};
use crate::schema::{Column, Schema};
use crate::spec::{Entry, Key, Kind, Spanned, Value};

use super::{Checked, ColumnDraft, OperatorCheck, OperatorKind, Stateful, StatefulDraft};

pub(super) const GROUP_BY: OperatorKind = OperatorKind {
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

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Option<Checked> {
    let names = entry.words("group_by");
    let mut draft = Draft::default();
    for name in &names {
        match context.any_column(name) {
            Some(column) => draft.add_column(column, name, context),
            None => draft.sound = false,
        }
        draft.input.push(ColumnDraft::keep(&name.value));
    }
    for (name, value) in entry.map("aggregate") {
        let Value::Word(text) = &value.value else { unreachable!("the key table asks for expressions") };
        draft.add_aggregate(name, &Spanned::new(text.clone(), value.span), context);
    }
    if !draft.sound {
        return None;
    }
    Some(Checked::Stateful(Box::new(StatefulDraft {
        operator: Stateful::GroupBy(GroupBy { keys: names.len(), aggregates: draft.aggregates }),
        input: draft.input,
        timed_input: draft.timed,
        output: draft.output,
        output_appends: false,
        order: Vec::new(),
    })))
}

struct Draft {
    input: Vec<ColumnDraft>,
    output: Schema,
    aggregates: Vec<Aggregate>,
    timed: bool,
    sound: bool,
}

impl Default for Draft {
    fn default() -> Self {
        Self { input: Vec::new(), output: Schema::default(), aggregates: Vec::new(), timed: false, sound: true }
    }
}

impl Draft {
    fn add_column(&mut self, column: Column, name: &Spanned<String>, context: &mut OperatorCheck<'_>) {
        if self.output.index_of(&column.name).is_some() {
            let message = format!("column `{}` stands twice in the result", column.name);
            context.diagnostics.error(Code::DuplicateColumn, name.span, message).hint("give one of them another name");
            self.sound = false;
        } else {
            self.output.columns.push(column);
        }
    }

    fn add_aggregate(&mut self, name: &Spanned<String>, text: &Spanned<String>, context: &mut OperatorCheck<'_>) {
        self.sound &= context.new_name(name, "a column").is_some();
        let call = parse_aggregate(text, context.input.all, context.files, context.diagnostics);
        let checked = call.and_then(|call| Some((AggregateKind::check(&call, context.diagnostics)?, call)));
        let Some((checked, call)) = checked else {
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
            return;
        }
        self.timed |= checked.needs_time;
        let column = Column { name: name.value.clone(), column_type: checked.column_type, nullable: checked.nullable };
        self.add_column(column, name, context);
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
