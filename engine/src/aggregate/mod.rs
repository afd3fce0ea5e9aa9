//! The aggregates of `group_by`: what each takes, gives and folds. The closed list.
//!
//! An aggregate file holds its manual page and its type rule; it says how to fold by one of the few [`Fold`]s, which the renderer
//! knows how to keep exactly, incrementally, and without regard to order.

mod arg_max;
mod average;
mod count;
mod count_distinct;
mod extreme;
mod moment;
mod sum;

use crate::diagnostic::{Code, Diagnostics, nearest};
use crate::expr::{AggregateCall, Expression};
use crate::schema::ColumnType;

/// An aggregate that YAML can name.
pub struct AggregateKind {
    /// The word before the parenthesis.
    pub name: &'static str,
    /// One sentence, for manuals.
    pub about: &'static str,
    check: fn(&AggregateCall, &mut Diagnostics) -> Option<Checked>,
}

/// Every aggregate.
pub static AGGREGATES: &[AggregateKind] = &[
    count::COUNT,
    sum::SUM,
    extreme::MIN,
    extreme::MAX,
    average::AVG,
    count_distinct::COUNT_DISTINCT,
    moment::FIRST,
    moment::LAST,
    arg_max::ARG_MAX,
];

/// What an aggregate folds and what comes out.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    /// How, over arguments by their place in the call.
    pub(crate) fold: Fold,
    /// The type that comes out.
    pub(crate) column_type: ColumnType,
    /// Whether null may come out.
    pub(crate) nullable: bool,
    /// Whether it needs to know when rows happened.
    pub(crate) needs_time: bool,
}

/// How a group is folded. Arguments are places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fold {
    /// How many rows there are; with an argument, how many where it is not null.
    Count(Option<usize>),
    /// The exact sum of the values that are not null.
    Sum(usize, Number),
    /// The sum divided by how many values are not null.
    Average(usize, Number),
    /// The value of the row that comes first in an order. Rows where a column of the order is null do not take part.
    Best {
        /// What the row must be first by; the row's value breaks ties.
        order: Vec<Rank>,
        /// The value that is wanted.
        value: usize,
    },
    /// How many distinct values there are.
    Distinct(usize),
}

/// One thing that [`Fold::Best`] ranks by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rank {
    /// What.
    pub by: RankBy,
    /// Greatest first.
    pub descending: bool,
}

/// What a rank looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RankBy {
    /// An argument.
    Argument(usize),
    /// When the row happened; then its partition and offset.
    Time,
}

/// What a sum adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Number {
    /// `int`.
    Int,
    /// `decimal` with this scale.
    Decimal(i8),
    /// `float`.
    Float,
}

impl AggregateKind {
    /// The aggregate that a call names, checked against its arguments.
    pub(crate) fn check(call: &AggregateCall, diagnostics: &mut Diagnostics) -> Option<Checked> {
        let name =
            if call.distinct && call.name.value == "count" { "count_distinct" } else { call.name.value.as_str() };
        let Some(kind) = AGGREGATES.iter().find(|kind| kind.name == name) else {
            let names: Vec<&str> = AGGREGATES.iter().map(|kind| kind.name).collect();
            let message = format!("no aggregate is called `{name}`");
            let found = diagnostics.error(Code::BadAggregate, call.name.span, message);
            match nearest(name, names.iter().copied()) {
                Some(near) => found.did_you_mean(Some(near)),
                None => found.hint(format!("known: {}", names.join(", "))),
            };
            return None;
        };
        if call.distinct && name != "count_distinct" {
            let message = format!("`{name}` does not take `distinct`");
            diagnostics.error(Code::BadAggregate, call.span, message).hint("only `count(distinct …)` does");
            return None;
        }
        (kind.check)(call, diagnostics)
    }
}

/// The arguments of a call that takes exactly `N`.
fn arguments<'a, const N: usize>(
    call: &'a AggregateCall,
    diagnostics: &mut Diagnostics,
) -> Option<&'a [Expression; N]> {
    if !call.star
        && let Ok(arguments) = <&[Expression; N]>::try_from(call.arguments.as_slice())
    {
        return Some(arguments);
    }
    let given = if call.star { "`*`".to_owned() } else { call.arguments.len().to_string() };
    let expected = if N == 1 { "one argument".to_owned() } else { format!("{N} arguments") };
    let message = format!("`{}` takes {expected}, found {given}", call.name.value);
    let hint = match N {
        _ if call.star => "only `count` takes `*`".to_owned(),
        1 => format!("write `{}(viewer_count)`", call.name.value),
        _ => format!("write `{}(user_name, viewer_count)`", call.name.value),
    };
    diagnostics.error(Code::BadAggregate, call.span, message).hint(hint);
    None
}

/// What a numeric argument adds up as.
fn number(call: &AggregateCall, argument: &Expression, diagnostics: &mut Diagnostics) -> Option<Number> {
    match argument.column_type() {
        ColumnType::Int => Some(Number::Int),
        ColumnType::Decimal(_, scale) => Some(Number::Decimal(*scale)),
        ColumnType::Float => Some(Number::Float),
        other => {
            let message = format!("`{}` needs a number, found `{other}`", call.name.value);
            diagnostics.error(Code::TypeMismatch, call.span, message).hint("aggregate an int, decimal or float");
            None
        }
    }
}

/// Refuses arguments that have no order.
fn ordered(call: &AggregateCall, argument: &Expression, diagnostics: &mut Diagnostics) -> Option<()> {
    match argument.column_type() {
        ColumnType::List(_) | ColumnType::Json => {
            let message =
                format!("`{}` needs values with an order, found `{}`", call.name.value, argument.column_type());
            diagnostics.error(Code::TypeMismatch, call.span, message).hint("name a column of another type");
            None
        }
        _ => Some(()),
    }
}

/// Whether the result is null for a group none of whose rows takes part.
fn may_lack_rows(call: &AggregateCall, argument: &Expression) -> bool {
    call.condition.is_some() || argument.nullable()
}
