//! `derive: { NAME: EXPRESSION }` adds columns, or replaces them.
//!
//! ```yaml
//! enriched: { from: popular, derive: { is_popular: viewer_count > 5000, record_time: _timestamp } }
//! ```
//! An expression sees the input's columns and those derived above it. One that fails makes an error row. Keeps no state.

use crate::diagnostic::{Code, Diagnostics};
use crate::expr::Expression;
use crate::schema::{Column, Schema};
use crate::spec::{Entry, Key, Kind, Spanned, Value};

use super::{Checked, ColumnDraft, OperatorCheck, OperatorKind, RowDraft};

pub(super) const DERIVE: OperatorKind = OperatorKind {
    name: "derive",
    about: "adds columns, or replaces them",
    keys: &[Key::required("derive", Kind::Map(&Kind::Expression), "names and expressions")],
    check,
};

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Option<Checked> {
    let row = context.input.schema.columns.len();
    let implicit = context.input.all.columns[row..].to_vec();
    let mut levels = Levels { schema: context.input.schema.clone(), implicit, steps: Vec::new(), open: Vec::new() };
    let mut sound = true;
    let mut failed: Vec<&str> = Vec::new();
    for (name, value) in entry.map("derive") {
        let Value::Word(text) = &value.value else { unreachable!("the key table asks for expressions") };
        sound &= context.new_name(name, "a column").is_some();
        let text = Spanned::new(text.clone(), value.span);
        let mut found = Diagnostics::default();
        let expression = Expression::parse(&text, &levels.visible(), context.files, &mut found);
        // A column that could not be derived has been reported; those who use it are not wrong.
        let files = context.files;
        context.diagnostics.adopt(found, |found| {
            found.code != Code::UnknownColumn || !failed.iter().any(|name| *name == files.slice(found.span))
        });
        match expression {
            Some(expression) => levels.add(&name.value, expression),
            None => failed.push(&name.value),
        }
    }
    if !sound || !failed.is_empty() {
        return None;
    }
    levels.close();
    Some(Checked::Rows(levels.steps, levels.schema))
}

/// Derived columns that look at the same input share a step; one that looks at a derived column starts the next.
struct Levels {
    schema: Schema,
    /// Columns that can be named but are no part of the row.
    implicit: Vec<Column>,
    steps: Vec<RowDraft>,
    open: Vec<(Column, Expression)>,
}

impl Levels {
    /// Everything that the next expression can name.
    fn visible(&self) -> Schema {
        let hidden = self.implicit.iter().filter(|column| self.schema.index_of(&column.name).is_none());
        Schema::new(self.schema.columns.iter().chain(hidden).cloned().collect())
    }

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
        match self.schema.index_of(name) {
            Some(place) => self.schema.columns[place] = column.clone(),
            None => self.schema.columns.push(column.clone()),
        }
        self.open.push((column, expression));
    }

    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        if open.is_empty() {
            return;
        }
        let columns = self.schema.names().map(|name| match open.iter().find(|(column, _)| column.name == name) {
            Some((_, expression)) => ColumnDraft::computed(name, expression.clone()),
            None => ColumnDraft::keep(name),
        });
        self.steps.push(RowDraft::Project(columns.collect()));
    }
}
