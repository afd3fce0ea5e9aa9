//! `arg_max(x, by)`: the value of `x` in the row where `by` is greatest; of several such rows the least `x`. Rows where `by` is null do not
//! take part; null for none.

use crate::diagnostic::Diagnostics;
use crate::expr::AggregateCall;

use super::{AggregateKind, Checked, Fold, Rank, RankBy, arguments, may_lack_rows, ordered};

pub(super) const ARG_MAX: AggregateKind =
    AggregateKind { name: "arg_max", about: "`arg_max(x, by)`: x of the row where by is greatest", check };

fn check(call: &AggregateCall, diagnostics: &mut Diagnostics) -> Option<Checked> {
    let [argument, by] = arguments(call, diagnostics)?;
    let [by_ordered, ordered] = [by, argument].map(|part| ordered(call, part, diagnostics));
    by_ordered.and(ordered)?;
    Some(Checked {
        fold: Fold::Best { order: vec![Rank { by: RankBy::Argument(1), descending: true }], value: 0 },
        column_type: argument.column_type().clone(),
        nullable: may_lack_rows(call, argument) || may_lack_rows(call, by),
        needs_time: false,
    })
}
