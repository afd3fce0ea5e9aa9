//! The keys and the check of `latest`, and what it is in a plan.

use std::time::Duration;

use crate::diagnostic::Code;
use crate::spec::{Entry, Key, Kind};

use crate::operator::{Checked, ColumnDraft, OperatorCheck, OperatorKind, Stateful, StatefulDraft};

const KEYS: &[Key] = &[
    Key::required("key", Kind::List(&Kind::Column), "the columns that say what a row is about"),
    Key::optional(
        "expire",
        Kind::Duration,
        "how long a key stays without a new row, in event time; for ever by default",
    ),
];

pub(in crate::operator) const LATEST: OperatorKind = OperatorKind {
    name: "latest",
    about: "keeps the newest row of each key",
    keys: &[Key::required("latest", Kind::Group(KEYS), "the key, and when it expires")],
    check,
};

/// The plan form of `latest`. Its input has the row's columns, then event time, partition rank and offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Latest {
    /// The places of the key's columns.
    pub key: Vec<usize>,
    /// How long a key stays without a new row.
    pub expire: Option<Duration>,
}

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Checked {
    let columns = context.input.columns.clone();
    Checked::Stateful(Box::new(StatefulDraft {
        operator: operator(entry, context).map(Stateful::Latest),
        input: columns.known.names().map(ColumnDraft::keep).collect(),
        timed_input: true,
        columns,
        appends: Some(false),
        order: Vec::new(),
    }))
}

fn operator(entry: &Entry, context: &mut OperatorCheck<'_>) -> Option<Latest> {
    let latest = entry.group_if("latest")?;
    let key = context.distinct_columns(&latest.words("key"));
    let mut sound = true;
    if !context.input.timed {
        let message =
            format!("`latest` needs rows that know when they happened; those of `{}` do not", context.input.from.value);
        context.diagnostics.error(Code::NeedsEventTime, context.input.from.span, message).hint(
            "give the source an `event_time`; rows keep it through filter, select, derive, bucket, route and union only",
        );
        sound = false;
    }
    if latest.words("key").is_empty() {
        context
            .diagnostics
            .error(Code::BadValue, latest.span_of("key"), "`key` names no column")
            .hint("name the columns that say what a row is about");
        sound = false;
    }
    let expire = latest.duration_if("expire");
    if expire == Some(Duration::ZERO) {
        context
            .diagnostics
            .error(
                Code::BadValue,
                latest.span_of("expire"),
                "with `expire: 0s` a key would be gone as soon as it comes",
            )
            .hint("say how long a key stays without a new row, as in `10m`, or remove it: then keys stay for ever");
        sound = false;
    }
    key.filter(|_| sound).map(|key| Latest { key, expire })
}
