//! The keys and the check of `distinct`, and what it is in a plan.

use crate::diagnostic::Code;
use crate::schema::Sketch;
use crate::spec::{Content, Entry, Key, Kind, Node, Spanned};

use crate::operator::{Checked, ColumnDraft, OperatorCheck, OperatorKind, Stateful, StatefulDraft};

pub(in crate::operator) const DISTINCT: OperatorKind = OperatorKind {
    name: "distinct",
    about: "keeps each row, or each combination of some columns, once",
    keys: &[Key::required("distinct", Kind::Any, "`{}`, or a list of columns")],
    check,
};

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Checked {
    let names = entry.node_if("distinct").and_then(|node| names(node, context));
    let mut columns = match &names {
        Some(names) if names.is_empty() => context.input.columns.clone(),
        Some(_) => Sketch::default(),
        None => Sketch::anything(),
    };
    let names = names.unwrap_or_default();
    let mut sound = context.each_once(&names);
    for name in &names {
        sound &= context.take_column(name, &mut columns).is_some();
    }
    Checked::Stateful(Box::new(StatefulDraft {
        operator: sound.then_some(Stateful::Distinct),
        input: columns.known.names().map(ColumnDraft::keep).collect(),
        timed_input: false,
        columns,
        appends: context.input.appends,
        order: Vec::new(),
    }))
}

/// The names of the columns; none for the whole row.
fn names(node: &Node, context: &mut OperatorCheck<'_>) -> Option<Vec<Spanned<String>>> {
    let elements = match &node.content {
        Content::Null => &[],
        Content::Map(pairs) if pairs.is_empty() => &[],
        Content::List(elements) => elements.as_slice(),
        Content::Scalar(_) => std::slice::from_ref(node),
        Content::Map(_) => {
            let message = "`distinct` takes `{}` or a list of columns, found a map";
            context.diagnostics.error(Code::WrongKind, node.span, message).hint("write the columns as `[a, b]`");
            return None;
        }
    };
    let name = |element: &Node| match &element.content {
        Content::Scalar(name) => Spanned::new(name.clone(), element.span),
        _ => {
            let message = format!("expected a column's name, found {}", element.kind());
            context.diagnostics.error(Code::WrongKind, element.span, message);
            Spanned::new(Sketch::STAND_IN.to_owned(), element.span)
        }
    };
    Some(elements.iter().map(name).collect())
}
