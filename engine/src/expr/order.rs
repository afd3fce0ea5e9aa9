//! `total_viewers desc, name`: columns to order by.

use datafusion_sql::sqlparser::ast::{Expr as SqlExpr, Spanned as _};
use datafusion_sql::sqlparser::parser::Parser;

use crate::diagnostic::{Code, Diagnostics, Files};
use crate::schema::Schema;
use crate::spec::Spanned;

use super::build::Builder;
use super::deep_stack::on_deep_stack;
use super::locate::bytes_of;
use super::syntax::{Problem, parse_sql};

/// One column to order by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderKey {
    /// The column's name.
    pub column: String,
    /// Largest first.
    pub descending: bool,
}

/// Reads a list of columns, each with `asc` (the default) or `desc`.
pub fn parse_order(
    text: &Spanned<String>,
    schema: &Schema,
    files: &Files,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<OrderKey>> {
    on_deep_stack(|| read_order(text, schema, files, diagnostics))
}

fn read_order(
    text: &Spanned<String>,
    schema: &Schema,
    files: &Files,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<OrderKey>> {
    let mut builder = Builder::new(&text.value, schema);
    let list = parse_sql(&text.value, |parser| parser.parse_comma_separated(Parser::parse_order_by_expr));
    let keys = match list {
        Err(problem) => builder.refuse(problem),
        Ok(list) => list
            .iter()
            .map(|item| {
                let bytes = bytes_of(&text.value, item.expr.span());
                let SqlExpr::Identifier(ident) = &item.expr else {
                    let problem = Problem::new(Code::NotAnExpression, bytes, "only columns can be ordered by");
                    return builder.refuse(problem.hint("compute it in a `derive` first, then name that column"));
                };
                if item.options.nulls_first.is_some() || item.with_fill.is_some() {
                    let problem = Problem::new(Code::NotAnExpression, bytes, "the place of nulls cannot be chosen");
                    return builder.refuse(problem.hint("write `asc` or `desc` only"));
                }
                builder.column(ident)?;
                Some(OrderKey { column: ident.value.clone(), descending: item.options.asc == Some(false) })
            })
            .collect::<Vec<_>>()
            .into_iter()
            .collect(),
    };
    for problem in builder.problems {
        problem.report(text, files, diagnostics);
    }
    keys
}
