//! `distinct: {}` keeps each row once; `distinct: [COLUMNS]` each combination of these columns, and only these.
//!
//! ```yaml
//! languages: { from: streams, distinct: [language] }
//! ```
//! A row is taken back when the last of its equals is. Keeps one entry for each distinct row.

use crate::diagnostic::Code;
use crate::schema::{Column, Schema};
use crate::spec::{Content, Entry, Key, Kind, Spanned};

use super::{Checked, ColumnDraft, OperatorCheck, OperatorKind, Stateful, StatefulDraft};

pub(super) const DISTINCT: OperatorKind = OperatorKind {
    name: "distinct",
    about: "keeps each row, or each combination of some columns, once",
    keys: &[Key::required("distinct", Kind::Any, "`{}`, or a list of columns")],
    check,
};

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Option<Checked> {
    let node = entry.node_if("distinct")?;
    let single = std::slice::from_ref(node);
    let elements = match &node.content {
        Content::Null => &[],
        Content::Map(pairs) if pairs.is_empty() => &[],
        Content::List(elements) => elements.as_slice(),
        Content::Scalar(_) => single,
        Content::Map(_) => {
            let message = "`distinct` takes `{}` or a list of columns, found a map";
            context.diagnostics.error(Code::WrongKind, node.span, message).hint("write the columns as `[a, b]`");
            return None;
        }
    };
    let mut columns = Vec::new();
    for element in elements {
        let Content::Scalar(name) = &element.content else {
            let message = format!("expected a column's name, found {}", element.kind());
            context.diagnostics.error(Code::WrongKind, element.span, message);
            return None;
        };
        columns.push(context.any_column(&Spanned::new(name.clone(), element.span))?);
    }
    for (at, element) in elements.iter().enumerate() {
        let column: &Column = &columns[at];
        if columns[..at].iter().any(|before| before.name == column.name) {
            let message = format!("column `{}` is named twice", column.name);
            context.diagnostics.error(Code::DuplicateColumn, element.span, message);
            return None;
        }
    }
    let output = if columns.is_empty() { context.input.schema.clone() } else { Schema::new(columns) };
    Some(Checked::Stateful(Box::new(StatefulDraft {
        operator: Stateful::Distinct,
        input: output.names().map(ColumnDraft::keep).collect(),
        timed_input: false,
        output,
        output_appends: context.input.appends,
        order: Vec::new(),
    })))
}
