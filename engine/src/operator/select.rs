//! `select: [COLUMNS]` or `select: { NAME: EXPRESSION }` says which columns there are from here on.
//!
//! ```yaml
//! slim:    { from: streams, select: [user_name, viewer_count] }
//! renamed: { from: streams, select: { streamer: user_name, thousands: viewer_count / 1000 } }
//! ```
//! An expression that fails makes an error row. Keeps no state.

use crate::diagnostic::Code;
use crate::schema::{Column, Schema};
use crate::spec::{Content, Entry, Key, Kind, Node, Spanned};

use super::{Checked, ColumnDraft, OperatorCheck, OperatorKind, RowDraft};

pub(super) const SELECT: OperatorKind = OperatorKind {
    name: "select",
    about: "says which columns there are from here on",
    keys: &[Key::required("select", Kind::Any, "a list of columns, or a map of names to expressions")],
    check,
};

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Option<Checked> {
    let pairs = pairs(entry.node_if("select")?, context)?;
    let mut columns = Vec::new();
    let mut schema = Schema::default();
    let mut sound = true;
    for (name, text) in pairs {
        sound &= context.new_name(&name, "a column").is_some();
        if schema.index_of(&name.value).is_some() {
            let message = format!("column `{}` is selected twice", name.value);
            context
                .diagnostics
                .error(Code::DuplicateColumn, name.span, message)
                .hint("remove one of them, or rename it");
            sound = false;
            continue;
        }
        let Some(expression) = context.expression(&text) else {
            sound = false;
            continue;
        };
        schema.columns.push(Column {
            name: name.value.clone(),
            column_type: expression.column_type().clone(),
            nullable: expression.nullable(),
        });
        columns.push(ColumnDraft::computed(&name.value, expression));
    }
    sound.then(|| Checked::Rows(vec![RowDraft::Project(columns)], schema))
}

/// Names and expressions; in a list a column's name is both.
fn pairs(node: &Node, context: &mut OperatorCheck<'_>) -> Option<Vec<(Spanned<String>, Spanned<String>)>> {
    let single = std::slice::from_ref(node);
    let pairs: Vec<_> = match &node.content {
        Content::Map(pairs) => {
            pairs.iter().map(|(name, value)| Some((name.clone(), scalar(value, context)?))).collect::<Option<_>>()?
        }
        Content::List(elements) => names(elements, context)?,
        Content::Scalar(_) => names(single, context)?,
        Content::Null => Vec::new(),
    };
    if pairs.is_empty() {
        context
            .diagnostics
            .error(Code::BadValue, node.span, "`select` selects nothing")
            .hint("list at least one column");
        return None;
    }
    Some(pairs)
}

fn names(elements: &[Node], context: &mut OperatorCheck<'_>) -> Option<Vec<(Spanned<String>, Spanned<String>)>> {
    let read: Vec<_> = elements
        .iter()
        .map(|element| {
            let name = scalar(element, context)?;
            context.any_column(&name)?;
            let quoted = Spanned::new(format!("\"{}\"", name.value), name.span);
            Some((name, quoted))
        })
        .collect();
    read.into_iter().collect()
}

fn scalar(node: &Node, context: &mut OperatorCheck<'_>) -> Option<Spanned<String>> {
    if let Content::Scalar(text) = &node.content {
        return Some(Spanned::new(text.clone(), node.span));
    }
    let message = format!("expected a column or an expression, found {}", node.kind());
    context
        .diagnostics
        .error(Code::WrongKind, node.span, message)
        .hint("write a list of columns, or a map of names and expressions");
    None
}
