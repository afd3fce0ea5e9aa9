//! `first(x)` and `last(x)`: the value of the row that happened first or last, by event time, then partition (in a fixed order,
//! not that of their names), then offset. The value may be null.

use crate::diagnostic::Diagnostics;
use crate::expr::AggregateCall;

use super::{AggregateKind, Checked, Fold, Rank, RankBy, arguments, may_lack_rows};

pub(super) const FIRST: AggregateKind = AggregateKind {
    name: "first",
    about: "`first(x)`: the value of the row that happened first",
    check: |call, diagnostics| check(call, false, diagnostics),
};

pub(super) const LAST: AggregateKind = AggregateKind {
    name: "last",
    about: "`last(x)`: the value of the row that happened last",
    check: |call, diagnostics| check(call, true, diagnostics),
};

fn check(call: &AggregateCall, descending: bool, diagnostics: &mut Diagnostics) -> Option<Checked> {
    let [argument] = arguments(call, diagnostics)?;
    Some(Checked {
        fold: Fold::Best { order: vec![Rank { by: RankBy::Time, descending }], value: 0 },
        column_type: argument.column_type().clone(),
        nullable: may_lack_rows(call, argument),
        needs_time: true,
    })
}
