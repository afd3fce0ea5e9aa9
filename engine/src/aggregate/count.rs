//! `count(*)`: how many rows; `count(x)`: how many rows where `x` is not null. Gives `int`, never null.

use crate::diagnostic::Diagnostics;
use crate::expr::AggregateCall;
use crate::schema::ColumnType;

use super::{AggregateKind, Checked, Fold, arguments};

pub(super) const COUNT: AggregateKind = AggregateKind {
    name: "count",
    about: "`count(*)`: how many rows; `count(x)`: how many rows where x is not null",
    check,
};

fn check(call: &AggregateCall, diagnostics: &mut Diagnostics) -> Option<Checked> {
    let argument = if call.star || call.arguments.is_empty() {
        None
    } else {
        let [argument] = arguments(call, diagnostics)?;
        argument.nullable().then_some(0)
    };
    Some(Checked { fold: Fold::Count(argument), column_type: ColumnType::Int, nullable: false, needs_time: false })
}
