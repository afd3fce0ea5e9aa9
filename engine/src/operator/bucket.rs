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
use crate::schema::{Column, ColumnType, Sketch};
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

fn check(entry: &Entry, context: &mut OperatorCheck<'_>) -> Checked {
    let Some(bucket) = entry.group_if("bucket") else { return Checked::Rows(Vec::new(), Sketch::anything()) };
    let name = bucket.word("as");
    let named = context.new_name(&name, "a column");
    let column = bucket.word("column");
    let found = context.any_column(&column);
    let nullable = found.as_ref().is_some_and(|column| column.nullable);
    let cases = Cases::read(bucket, &column, found.is_some(), context);
    let otherwise = cases.otherwise.is_some();
    let sql = cases.sql(&column.value, nullable);
    let expression = match found {
        Some(_) if cases.sound => context.expression(&Spanned::new(sql, bucket.span_of("cases"))),
        _ => None,
    };
    let mut columns = context.input.columns.clone();
    if named.is_none() {
        columns.add_unknown(&name.value);
    } else {
        let nullable = nullable || !otherwise;
        columns.add(Column { name: name.value.clone(), column_type: ColumnType::String, nullable });
    }
    Checked::Rows(
        expression.map(|expression| project(&name.value, &expression, &columns)).into_iter().collect(),
        columns,
    )
}

/// The ranges, in order.
struct Cases {
    /// Comparisons and what they name.
    named: Vec<(String, String)>,
    /// What the rest is called.
    otherwise: Option<String>,
    sound: bool,
}

impl Cases {
    /// Checks each case alone, so that its error is shown at its own place. The column may be one that is not `found`.
    fn read(bucket: &Entry, column: &Spanned<String>, found: bool, context: &mut OperatorCheck<'_>) -> Self {
        let mut read = Self { named: Vec::new(), otherwise: None, sound: true };
        let cases = bucket.map("cases");
        for (index, (label, value)) in cases.iter().enumerate() {
            let Value::Word(comparison) = &value.value else { unreachable!("the key table asks for expressions") };
            let label = label.value.replace('\'', "''");
            if comparison == "else" {
                if index + 1 < cases.len() {
                    context
                        .diagnostics
                        .error(Code::BadValue, value.span, "`else` takes all that is left, so nothing can follow it")
                        .hint("move it to the end");
                    read.sound = false;
                }
                read.otherwise = Some(label);
                continue;
            }
            let text = Spanned::new(comparison.clone(), value.span);
            read.sound &= case_condition(&text, column, found, context).is_some();
            read.named.push((comparison.clone(), label));
        }
        if cases.is_empty() {
            context
                .diagnostics
                .error(Code::BadValue, bucket.span_of("cases"), "`cases` has no case")
                .hint("write each as `NAME: \"> 5000\"`; the last may be `else`");
            read.sound = false;
        }
        read
    }

    /// All cases as one expression.
    fn sql(&self, column: &str, nullable: bool) -> String {
        let otherwise = self.otherwise.as_ref();
        if let (true, false, Some(label)) = (self.named.is_empty(), nullable, otherwise) {
            return format!("'{label}'");
        }
        let mut sql = String::from("CASE");
        if nullable {
            sql.push_str(&format!(" WHEN \"{column}\" IS NULL THEN NULL"));
        }
        for (comparison, label) in &self.named {
            sql.push_str(&format!(" WHEN \"{column}\" {comparison} THEN '{label}'"));
        }
        if let Some(label) = otherwise {
            sql.push_str(&format!(" ELSE '{label}'"));
        }
        sql.push_str(" END");
        sql
    }
}

/// A case alone must make a condition with the column.
fn case_condition(
    comparison: &Spanned<String>,
    column: &Spanned<String>,
    found: bool,
    context: &mut OperatorCheck<'_>,
) -> Option<Expression> {
    let starts = ["<", ">", "=", "!", "between ", "in ", "in(", "not ", "is ", "like "];
    let lower = comparison.value.trim_start().to_lowercase();
    if !starts.iter().any(|start| lower.starts_with(start)) {
        context
            .diagnostics
            .error(Code::BadValue, comparison.span, format!("`{}` is no comparison", comparison.value))
            .hint("write how the column compares, as in `\"> 5000\"`, or `else`");
        return None;
    }
    let mut columns = context.input.all.clone();
    if !found {
        columns.add_unknown(&column.value);
    }
    context.judge_over(&columns, |known, files, diagnostics| {
        Expression::parse_comparison(&column.value, comparison, known, files, diagnostics)
    })
}

fn project(name: &str, expression: &Expression, columns: &Sketch) -> RowDraft {
    let keep = |kept: &str| {
        if kept == name { ColumnDraft::computed(name, expression.clone()) } else { ColumnDraft::keep(kept) }
    };
    RowDraft::Project(columns.known.names().map(keep).collect())
}
