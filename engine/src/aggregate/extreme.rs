//! `min(x)` and `max(x)`: the least and the greatest value that is not null; null for none. Text is ordered by its UTF-8 bytes.

use crate::diagnostic::Diagnostics;
use crate::expr::AggregateCall;

use super::{AggregateKind, Checked, Fold, Rank, RankBy, arguments, may_lack_rows, ordered};

pub(super) const MIN: AggregateKind = AggregateKind {
    name: "min",
    about: "`min(x)`: the least value",
    check: |call, diagnostics| check(call, false, diagnostics),
};

pub(super) const MAX: AggregateKind = AggregateKind {
    name: "max",
    about: "`max(x)`: the greatest value",
    check: |call, diagnostics| check(call, true, diagnostics),
};

fn check(call: &AggregateCall, descending: bool, diagnostics: &mut Diagnostics) -> Option<Checked> {
    let [argument] = arguments(call, diagnostics)?;
    ordered(call, argument, diagnostics)?;
    Some(Checked {
        fold: Fold::Best { order: vec![Rank { by: RankBy::Argument(0), descending }], value: 0 },
        column_type: argument.column_type().clone(),
        nullable: may_lack_rows(call, argument),
        needs_time: false,
    })
}
