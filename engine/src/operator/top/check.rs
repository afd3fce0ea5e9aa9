//! The keys and the check of `top`, and what it is in a plan.

use crate::connector::SortKey;
use crate::diagnostic::Code;
use crate::expr::parse_order;
use crate::spec::{Entry, Key, Kind, Spanned};

use crate::operator::{Checked, ColumnDraft, OperatorCheck, OperatorKind, Stateful, StatefulDraft};

pub(in crate::operator) const TOP: OperatorKind = OperatorKind {
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

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Checked {
    let by = order(entry, context);
    let per = context.distinct_columns(&entry.words("per"));
    let columns = context.input.columns.clone();
    let ascending = |column: &usize| SortKey { column: *column, descending: false };
    let order = per.iter().flatten().map(ascending).chain(by.iter().flatten().copied()).collect();
    let limit = usize::try_from(entry.int("top")).unwrap_or(usize::MAX);
    Checked::Stateful(Box::new(StatefulDraft {
        operator: by.zip(per).map(|(by, per)| Stateful::Top(Top { limit, by, per })),
        input: columns.known.names().map(ColumnDraft::keep).collect(),
        timed_input: false,
        columns,
        appends: Some(false),
        order,
    }))
}

/// The order that `by` says; none if something in it is wrong.
fn order(entry: &Entry, context: &mut OperatorCheck<'_>) -> Option<Vec<SortKey>> {
    let texts = entry.words("by");
    let mut sound = !texts.is_empty();
    if texts.is_empty() {
        context
            .diagnostics
            .error(Code::BadValue, entry.span_of("by"), "`by` names no column")
            .hint("say which rows come first, as in `by: viewer_count desc`");
    }
    let mut names = Vec::new();
    let mut order = Vec::new();
    for text in texts {
        let keys = context.judge(|known, files, diagnostics| parse_order(&text, known, files, diagnostics));
        sound &= keys.is_some();
        for key in keys.unwrap_or_default() {
            let at = text.value.find(&key.column).unwrap_or(0);
            let name = Spanned::new(key.column.clone(), text.span.within(at, key.column.len()));
            match context.column(&name) {
                Some(column) => order.push(SortKey { column, descending: key.descending }),
                None => sound = false,
            }
            names.push(name);
        }
    }
    sound &= context.each_once(&names);
    sound.then_some(order)
}
