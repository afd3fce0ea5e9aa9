//! `select: [COLUMNS]` or `select: { NAME: EXPRESSION }` says which columns there are from here on.
//!
//! ```yaml
//! slim:    { from: streams, select: [user_name, viewer_count] }
//! renamed: { from: streams, select: { streamer: user_name, thousands: viewer_count / 1000 } }
//! ```
//! An expression that fails makes an error row. Keeps no state.

use crate::diagnostic::Code;
use crate::expr::Expression;
use crate::schema::{Column, Sketch};
use crate::spec::{Content, Entry, Key, Kind, Node, Spanned};

use super::{Checked, ColumnDraft, OperatorCheck, OperatorKind, RowDraft};

pub(super) const SELECT: OperatorKind = OperatorKind {
    name: "select",
    about: "says which columns there are from here on",
    keys: &[Key::required("select", Kind::Any, "a list of columns, or a map of names to expressions")],
    check,
};

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Checked {
    let Some(node) = entry.node_if("select") else { return Checked::Rows(Vec::new(), Sketch::anything()) };
    let mut selection = Selection::default();
    match &node.content {
        Content::Map(pairs) => pairs.iter().for_each(|(name, value)| selection.take_pair(name, value, context)),
        Content::List(elements) => elements.iter().for_each(|element| selection.take_column(element, context)),
        Content::Scalar(_) => selection.take_column(node, context),
        Content::Null => {}
    }
    if matches!(&node.content, Content::Null) || selection.columns.is_empty() {
        context
            .diagnostics
            .error(Code::BadValue, node.span, "`select` selects nothing")
            .hint("list at least one column");
        selection.columns = Sketch::anything();
    }
    Checked::Rows(vec![RowDraft::Project(selection.drafts)], selection.columns)
}

/// The columns so far.
#[derive(Default)]
struct Selection {
    /// Their names, whether or not they are understood.
    names: Vec<String>,
    columns: Sketch,
    drafts: Vec<ColumnDraft>,
}

impl Selection {
    fn take_pair(&mut self, name: &Spanned<String>, value: &Node, context: &mut OperatorCheck<'_>) {
        let named = context.new_name(name, "a column");
        let expression = scalar(value, context).and_then(|text| context.expression(&text));
        if !self.is_new(name, context) {
            return;
        }
        match named.and(expression) {
            Some(expression) => self.add(name, expression),
            None => self.columns.add_unknown(&name.value),
        }
    }

    /// Takes a column of the list form, whose name is its expression.
    fn take_column(&mut self, element: &Node, context: &mut OperatorCheck<'_>) {
        let Some(name) = scalar(element, context) else {
            self.columns.add_unknown(Sketch::STAND_IN);
            return;
        };
        if !self.is_new(&name, context) || context.take_column(&name, &mut self.columns).is_none() {
            return;
        }
        context.new_name(&name, "a column");
        let quoted = Spanned::new(format!("\"{}\"", name.value), name.span);
        if let Some(expression) = context.expression(&quoted) {
            self.add(&name, expression);
        }
    }

    fn is_new(&mut self, name: &Spanned<String>, context: &mut OperatorCheck<'_>) -> bool {
        if self.names.contains(&name.value) {
            let message = format!("column `{}` is selected twice", name.value);
            context
                .diagnostics
                .error(Code::DuplicateColumn, name.span, message)
                .hint("remove one of them, or rename it");
            return false;
        }
        self.names.push(name.value.clone());
        true
    }

    fn add(&mut self, name: &Spanned<String>, expression: Expression) {
        self.columns.add(Column {
            name: name.value.clone(),
            column_type: expression.column_type().clone(),
            nullable: expression.nullable(),
        });
        self.drafts.push(ColumnDraft::computed(&name.value, expression));
    }
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
