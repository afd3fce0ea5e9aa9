//! `count_distinct(x)`, also written `count(distinct x)`: how many distinct values that are not null. Exact. Gives `int`, never null.

use crate::diagnostic::Diagnostics;
use crate::expr::AggregateCall;
use crate::schema::ColumnType;

use super::{AggregateKind, Checked, Fold, arguments};

pub(super) const COUNT_DISTINCT: AggregateKind =
    AggregateKind { name: "count_distinct", about: "`count_distinct(x)`: how many distinct values, exactly", check };

fn check(call: &AggregateCall, diagnostics: &mut Diagnostics) -> Option<Checked> {
    let [_] = arguments(call, diagnostics)?;
    Some(Checked { fold: Fold::Distinct(0), column_type: ColumnType::Int, nullable: false, needs_time: false })
}
