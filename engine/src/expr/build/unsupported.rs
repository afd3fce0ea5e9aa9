//! SQL that has no place in an expression: what it is called, and what to write instead.

use std::ops::Range;

use datafusion_sql::sqlparser::ast::{Expr as SqlExpr, UnaryOperator};

use crate::diagnostic::Code;
use crate::expr::syntax::Problem;

/// The operators that are known.
pub(super) const OPERATORS: &str = "known: + - * / % || = <> < <= > >= and or not";
/// What to write instead of a path into a value.
pub(super) const NO_PATHS: &str = "parts of lists and of json cannot be taken: have them as columns of the `schema`";
/// More of the text than this says nothing.
const SHOWN_MAX: usize = 40;

/// The problem that a node of a kind that is not built is.
pub(super) fn unsupported(sql: &SqlExpr, written: &str, bytes: Range<usize>) -> Problem {
    let (what, hint) = match sql {
        SqlExpr::CompoundFieldAccess { .. } | SqlExpr::JsonAccess { .. } => ("`[…]` behind a value", NO_PATHS),
        SqlExpr::Array(_) => {
            ("a list in `[…]`", "names stand without brackets; write `in (1, 2)` to compare with several values")
        }
        SqlExpr::Tuple(_) => ("a list in `(…)`", "compare one by one: `a = 1 and b = 2`"),
        SqlExpr::RLike { .. } => ("`regexp`", "write `regexp_like(text, pattern)`"),
        SqlExpr::SimilarTo { .. } => ("`similar to`", "write `regexp_like(text, pattern)`"),
        SqlExpr::Like { .. } | SqlExpr::ILike { .. } => ("`like any`", "write `a like 'x%' or a like 'y%'`"),
        SqlExpr::Collate { .. } => ("`collate`", "compare `lower(text)` to ignore upper and lower case"),
        SqlExpr::AnyOp { .. } => ("`any`", "write `in (1, 2)` to compare with several values"),
        SqlExpr::AllOp { .. } => ("`all`", "write each comparison out, with `and` between them"),
        SqlExpr::AtTimeZone { .. } => {
            ("`at time zone`", "all times are in UTC; add an interval, as in `interval '2 hours'`")
        }
        SqlExpr::UnaryOp { op: UnaryOperator::BitwiseNot, .. } => ("operator `~`", OPERATORS),
        SqlExpr::Function(_) => ("this argument", "arguments are expressions, without names and without `*`"),
        _ => {
            let shown: String = written.chars().take(SHOWN_MAX).collect();
            return Problem::new(Code::NotAnExpression, bytes, format!("`{shown}` has no place in an expression"))
                .hint("an expression is made of columns, numbers, 'text', operators, functions and `case`");
        }
    };
    Problem::new(Code::NotAnExpression, bytes, format!("{what} has no place in an expression")).hint(hint)
}
