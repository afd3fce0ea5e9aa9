//! `filter: CONDITION` keeps the rows for which the condition is true.
//!
//! ```yaml
//! popular: { from: streams, filter: viewer_count > 1000 }
//! ```
//! A condition that is null keeps nothing; one that fails makes an error row. Columns stay as they are. Keeps no state.

use crate::spec::{Entry, Key, Kind};

use super::{Checked, OperatorCheck, OperatorKind, RowDraft};

pub(super) const FILTER: OperatorKind = OperatorKind {
    name: "filter",
    about: "keeps the rows for which a condition is true",
    keys: &[Key::required("filter", Kind::Expression, "the condition")],
    check,
};

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Checked {
    let condition = context.predicate(&entry.word("filter"));
    Checked::Rows(condition.map(RowDraft::Filter).into_iter().collect(), context.input.columns.clone())
}
