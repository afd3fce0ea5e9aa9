//! `sum(x)`: the exact sum of the values that are not null; null for none. Gives the argument's type, decimals with 38 digits. A sum that
//! leaves the type's range is an error row until it is back.

use crate::diagnostic::Diagnostics;
use crate::expr::AggregateCall;
use crate::schema::ColumnType;

use super::{AggregateKind, Checked, Fold, Number, arguments, may_lack_rows, number};

pub(super) const SUM: AggregateKind =
    AggregateKind { name: "sum", about: "`sum(x)`: the exact sum; floats are rounded once, at the end", check };

fn check(call: &AggregateCall, diagnostics: &mut Diagnostics) -> Option<Checked> {
    let [argument] = arguments(call, diagnostics)?;
    let number = number(call, argument, diagnostics)?;
    let column_type = match number {
        Number::Int => ColumnType::Int,
        Number::Decimal(scale) => ColumnType::Decimal(38, scale),
        Number::Float => ColumnType::Float,
    };
    Some(Checked {
        fold: Fold::Sum(0, number),
        column_type,
        nullable: may_lack_rows(call, argument),
        needs_time: false,
    })
}
