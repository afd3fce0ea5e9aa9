//! `top: N, by: COLUMNS` keeps the first N rows in an order; with `per`, the first N of each combination of columns.
//!
//! ```yaml
//! top_games: { from: games, top: 5, by: total_viewers desc }
//! ```
//! The order is total: what `by` leaves open is decided by the row's columns from left to right, ascending. Equal rows count each. Null comes last. Keeps
//! the input's rows, in order.

use crate::connector::SortKey;
use crate::expr::parse_order;
use crate::spec::{Entry, Key, Kind, Spanned};

use super::{Checked, ColumnDraft, OperatorCheck, OperatorKind, Stateful, StatefulDraft};

pub(super) const TOP: OperatorKind = OperatorKind {
    name: "top",
    about: "keeps the first rows in an order",
    keys: &[
        Key::required("top", Kind::Int(1, 1_000_000), "how many rows"),
        Key::required("by", Kind::List(&Kind::Expression), "columns, each with `asc` (default) or `desc`"),
        Key::optional("per", Kind::List(&Kind::Column), "keep that many for each combination of these columns"),
    ],
    check,
};

/// The plan form of `top`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    /// How many rows.
    pub limit: usize,
    /// The order.
    pub by: Vec<SortKey>,
    /// The places of the columns that make a group.
    pub per: Vec<usize>,
}

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Option<Checked> {
    let mut by = Vec::new();
    let mut sound = true;
    for text in entry.words("by") {
        let Some(keys) = parse_order(&text, context.input.all, context.files, context.diagnostics) else {
            sound = false;
            continue;
        };
        for key in keys {
            let at = text.value.find(&key.column).unwrap_or(0);
            let name = Spanned::new(key.column.clone(), text.span.within(at, key.column.len()));
            match context.column(&name) {
                Some(column) => by.push(SortKey { column, descending: key.descending }),
                None => sound = false,
            }
        }
    }
    let per: Option<Vec<usize>> = entry.words("per").iter().map(|name| context.column(name)).collect();
    let per = per?;
    if !sound {
        return None;
    }
    let output = context.input.schema.clone();
    let order =
        per.iter().map(|column| SortKey { column: *column, descending: false }).chain(by.iter().copied()).collect();
    Some(Checked::Stateful(Box::new(StatefulDraft {
        operator: Stateful::Top(Top { limit: usize::try_from(entry.int("top")).unwrap_or(usize::MAX), by, per }),
        input: output.names().map(ColumnDraft::keep).collect(),
        timed_input: false,
        output,
        output_appends: false,
        order,
    })))
}
