//! `avg(x)`: the sum divided by how many values are not null; null for none. Gives `float`; of decimals a decimal with four more digits after the
//! point, rounded half away from zero.

use crate::diagnostic::Diagnostics;
use crate::expr::AggregateCall;
use crate::schema::ColumnType;

use super::{AggregateKind, Checked, Fold, Number, arguments, may_lack_rows, number};

/// Digits that an average of decimals has beyond its argument's, as MySQL gives.
pub(crate) const EXTRA_SCALE: i8 = 4;

pub(super) const AVG: AggregateKind =
    AggregateKind { name: "avg", about: "`avg(x)`: the exact sum divided by the count", check };

fn check(call: &AggregateCall, diagnostics: &mut Diagnostics) -> Option<Checked> {
    let [argument] = arguments(call, diagnostics)?;
    let number = number(call, argument, diagnostics)?;
    let column_type = match number {
        Number::Int | Number::Float => ColumnType::Float,
        Number::Decimal(scale) => ColumnType::Decimal(38, (scale + EXTRA_SCALE).min(38)),
    };
    Some(Checked {
        fold: Fold::Average(0, number),
        column_type,
        nullable: may_lack_rows(call, argument),
        needs_time: false,
    })
}
