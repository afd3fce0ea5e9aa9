//! `bucket: { column, as, cases }` names the range that a value falls into.
//!
//! ```yaml
//! bucketed:
//!   from: enriched
//!   bucket: { column: viewer_count, as: viewer_bucket, cases: { High: "> 25000", Medium: "> 15000", Low: else } }
//! ```
//! Cases are tried in order; each is a comparison with the column (`> 5`, `>= 5`, `< 5`, `<= 5`, `= 5`, `<> 5`, `between 5 and 9`, `in (5, 7)`) or `else`. The new column is text.
//! It is null where no case holds and there is no `else`, and where the column is null. Keeps no state.

use crate::diagnostic::Code;
use crate::expr::Expression;
use crate::schema::{Column, ColumnType};
use crate::spec::{Entry, Key, Kind, Spanned, Value};

use super::{Checked, ColumnDraft, OperatorCheck, OperatorKind, RowDraft};

const KEYS: &[Key] = &[
    Key::required("column", Kind::Column, "the column to look at"),
    Key::required("as", Kind::Column, "the new column's name"),
    Key::required("cases", Kind::Map(&Kind::Expression), "names and comparisons, in order; the last may be `else`"),
];

pub(super) const BUCKET: OperatorKind = OperatorKind {
    name: "bucket",
    about: "names the range that a value falls into",
    keys: &[Key::required("bucket", Kind::Group(KEYS), "what to look at, and the ranges")],
    check,
};

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Option<Checked> {
    let bucket = entry.group_if("bucket")?;
    let column = bucket.word("column");
    let name = bucket.word("as");
    let found = context.any_column(&column);
    context.new_name(&name, "a column")?;
    let nullable = found?.nullable;
    let cases = bucket.map("cases");
    let quoted = format!("\"{}\"", column.value);
    let mut sql = String::from("CASE");
    if nullable {
        sql.push_str(&format!(" WHEN {quoted} IS NULL THEN NULL"));
    }
    let mut otherwise = None;
    let mut sound = true;
    for (index, (label, value)) in cases.iter().enumerate() {
        let Value::Word(comparison) = &value.value else { unreachable!("the key table asks for expressions") };
        let text = label.value.replace('\'', "''");
        if comparison == "else" {
            if index + 1 < cases.len() {
                context
                    .diagnostics
                    .error(Code::BadValue, value.span, "`else` takes all that is left, so nothing can follow it")
                    .hint("move it to the end");
                sound = false;
            }
            otherwise = Some(text);
        } else {
            let comparison = Spanned::new(comparison.clone(), value.span);
            if case_condition(&comparison, &column, context).is_none() {
                sound = false;
                continue;
            }
            let comparison = &comparison.value;
            sql.push_str(&format!(" WHEN {quoted} {comparison} THEN '{text}'"));
        }
    }
    if cases.is_empty() {
        context
            .diagnostics
            .error(Code::BadValue, bucket.span_of("cases"), "`cases` has no case")
            .hint("write each as `NAME: \"> 5000\"`; the last may be `else`");
        return None;
    }
    if !sound {
        return None;
    }
    if let Some(text) = &otherwise {
        sql.push_str(&format!(" ELSE '{text}'"));
    }
    sql.push_str(" END");
    let sql = match &otherwise {
        Some(text) if !sql.contains(" WHEN ") => format!("'{text}'"),
        _ => sql,
    };
    let expression = context.expression(&Spanned::new(sql, bucket.span_of("cases")))?;
    Some(project(&name.value, expression, nullable || otherwise.is_none(), context))
}

/// A case alone must make a condition with the column, so that its error is shown at its own place.
fn case_condition(
    comparison: &Spanned<String>,
    column: &Spanned<String>,
    context: &mut OperatorCheck<'_>,
) -> Option<()> {
    let starts = ["<", ">", "=", "!", "between ", "in ", "in(", "not ", "is ", "like "];
    let lower = comparison.value.trim_start().to_lowercase();
    if !starts.iter().any(|start| lower.starts_with(start)) {
        context
            .diagnostics
            .error(Code::BadValue, comparison.span, format!("`{}` is no comparison", comparison.value))
            .hint("write how the column compares, as in `\"> 5000\"`, or `else`");
        return None;
    }
    context.comparison(&column.value, comparison).map(|_| ())
}

fn project(name: &str, expression: Expression, nullable: bool, context: &OperatorCheck<'_>) -> Checked {
    let mut schema = context.input.schema.clone();
    let column = Column { name: name.to_owned(), column_type: ColumnType::String, nullable };
    match schema.index_of(name) {
        Some(place) => schema.columns[place] = column,
        None => schema.columns.push(column),
    }
    let columns = schema
        .names()
        .map(
            |kept| {
                if kept == name { ColumnDraft::computed(name, expression.clone()) } else { ColumnDraft::keep(kept) }
            },
        )
        .collect();
    Checked::Rows(vec![RowDraft::Project(columns)], schema)
}
