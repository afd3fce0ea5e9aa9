//! `derive: { NAME: EXPRESSION }` adds columns, or replaces them.
//!
//! ```yaml
//! enriched: { from: popular, derive: { is_popular: viewer_count > 5000, record_time: _timestamp } }
//! ```
//! An expression sees the input's columns and those derived above it. One that fails makes an error row. Keeps no state.

use crate::expr::Expression;
use crate::schema::{Column, Sketch};
use crate::spec::{Entry, Key, Kind, Spanned, Value};

use super::{Checked, ColumnDraft, OperatorCheck, OperatorKind, RowDraft};

pub(super) const DERIVE: OperatorKind = OperatorKind {
    name: "derive",
    about: "adds columns, or replaces them",
    keys: &[Key::required("derive", Kind::Map(&Kind::Expression), "names and expressions")],
    check,
};

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Checked {
    let row = context.input.columns.known.columns.len();
    let implicit = context.input.all.known.columns[row..].to_vec();
    let mut levels = Levels { row: context.input.columns.clone(), implicit, steps: Vec::new(), open: Vec::new() };
    for (name, value) in entry.map("derive") {
        let Value::Word(text) = &value.value else { unreachable!("the key table asks for expressions") };
        let named = context.new_name(name, "a column");
        let text = Spanned::new(text.clone(), value.span);
        let visible = levels.row.with(&levels.implicit);
        let expression = context
            .judge_over(&visible, |known, files, diagnostics| Expression::parse(&text, known, files, diagnostics));
        match named.and(expression) {
            Some(expression) => levels.add(&name.value, expression),
            None => levels.row.add_unknown(&name.value),
        }
    }
    levels.close();
    Checked::Rows(levels.steps, levels.row)
}

/// Derived columns that look at the same input share a step; one that looks at a derived column starts the next.
struct Levels {
    row: Sketch,
    /// Columns that can be named but are no part of the row.
    implicit: Vec<Column>,
    steps: Vec<RowDraft>,
    open: Vec<(Column, Expression)>,
}

impl Levels {
    fn add(&mut self, name: &str, expression: Expression) {
        let used = expression.columns();
        if self.open.iter().any(|(column, _)| used.contains(&column.name) || column.name == name) {
            self.close();
        }
        let column = Column {
            name: name.to_owned(),
            column_type: expression.column_type().clone(),
            nullable: expression.nullable(),
        };
        self.row.add(column.clone());
        self.open.push((column, expression));
    }

    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        if open.is_empty() {
            return;
        }
        let columns = self.row.known.names().map(|name| match open.iter().find(|(column, _)| column.name == name) {
            Some((_, expression)) => ColumnDraft::computed(name, expression.clone()),
            None => ColumnDraft::keep(name),
        });
        self.steps.push(RowDraft::Project(columns.collect()));
    }
}
