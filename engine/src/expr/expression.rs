//! A checked expression: what it reads, what it gives, and how to run it.

use std::collections::BTreeSet;

use datafusion_expr::Expr;
use datafusion_expr::ExprSchemable;
use datafusion_expr::utils::split_conjunction;

use crate::diagnostic::{Code, Diagnostics, Files, Span};
use crate::schema::{ColumnType, Schema};
use crate::spec::Spanned;

use super::build::{Builder, Typed};
use super::deep_stack::on_deep_stack;
use super::evaluator::Evaluator;
use super::predicate::Predicate;
use super::program::Program;
use super::syntax::{Problem, parse_sql};
use super::type_name::Family;

/// An expression over the columns of a schema: parsed, typed, planned; nothing is left to fail but single rows.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    span: Span,
    column_type: ColumnType,
    nullable: bool,
    column: Option<String>,
    program: Program,
    terms: Vec<Program>,
}

impl Expression {
    /// Reads an expression over `schema`. What is wrong goes to `diagnostics`, at its very word.
    pub fn parse(
        text: &Spanned<String>,
        schema: &Schema,
        files: &Files,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        on_deep_stack(|| Self::read("", text, schema, files, diagnostics, false))
    }

    /// Reads an expression that must be a condition.
    pub fn parse_predicate(
        text: &Spanned<String>,
        schema: &Schema,
        files: &Files,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        on_deep_stack(|| Self::read("", text, schema, files, diagnostics, true))
    }

    /// Reads what a column is compared with, as `> 5` or `between 5 and 9`.
    pub fn parse_comparison(
        column: &str,
        text: &Spanned<String>,
        schema: &Schema,
        files: &Files,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let subject = format!("\"{}\" ", column.replace('"', "\"\""));
        on_deep_stack(|| Self::read(&subject, text, schema, files, diagnostics, true))
    }

    /// Reads `subject` and `text` as one; what is wrong is shown in the text.
    fn read(
        subject: &str,
        text: &Spanned<String>,
        schema: &Schema,
        files: &Files,
        diagnostics: &mut Diagnostics,
        predicate: bool,
    ) -> Option<Self> {
        let whole = format!("{subject}{}", text.value);
        let mut builder = Builder::new(&whole, schema);
        let built = match parse_sql(&whole, |parser| parser.parse_expr()) {
            Ok(sql) => builder.build(&sql),
            Err(problem) => builder.refuse(problem),
        };
        let expression = built.and_then(|typed| {
            let (written, span) = (whole.trim().to_owned(), text.span);
            let built = if predicate {
                Self::condition(typed, written, span, schema)
            } else {
                Self::typed(typed, written, span, schema)
            };
            built.map_err(|problem| builder.problems.push(problem)).ok()
        });
        for mut problem in builder.problems {
            let bytes = problem.bytes;
            problem.bytes = bytes.start.saturating_sub(subject.len())..bytes.end.saturating_sub(subject.len());
            problem.report(text, files, diagnostics);
        }
        expression
    }

    /// The condition that a typed part is; `written` is its text, `span` the scalar that it stands in.
    pub(super) fn condition(typed: Typed, written: String, span: Span, schema: &Schema) -> Result<Self, Problem> {
        if Family::of(&typed.data_type) == Family::Bool {
            return Self::typed(typed, written, span, schema);
        }
        let message =
            format!("a condition must be `bool`, this is `{}`", super::type_name::type_name(&typed.data_type));
        Err(Problem::new(Code::TypeMismatch, typed.bytes, message).hint("compare it, as in `… > 0` or `… is not null`"))
    }

    /// The expression that a typed part is; `written` is its text, `span` the scalar that it stands in.
    pub(super) fn typed(typed: Typed, written: String, span: Span, schema: &Schema) -> Result<Self, Problem> {
        let Typed { expr, data_type, bytes, .. } = typed;
        let column = match &expr {
            Expr::Column(column) => schema.column(&column.name),
            _ => None,
        };
        let column_type = match column {
            Some(column) => Some(column.column_type.clone()),
            None => ColumnType::of_arrow(&data_type).filter(|found| found.arrow() == data_type),
        };
        let unusable = || {
            let name = super::type_name::type_name(&data_type);
            let problem =
                Problem::new(Code::TypeMismatch, bytes.clone(), format!("no column can have the type `{name}`"));
            match Family::of(&data_type) {
                Family::Interval => problem.hint("use `seconds_between(a, b)` or `minutes_between(a, b)`"),
                Family::Null => problem.hint("say which type it has, as in `cast(null as int)`"),
                _ => problem,
            }
        };
        let column_type = column_type.ok_or_else(unusable)?;
        let plan = |expr: &Expr| Program::plan(expr, schema).map_err(|_| unusable());
        let program = plan(&expr)?;
        let frame = super::program::frame(&schema.columns).map_err(|_| unusable())?;
        let terms = match column_type {
            ColumnType::Bool => split_conjunction(&expr).into_iter().map(plan).collect::<Result<_, _>>()?,
            _ => Vec::new(),
        };
        Ok(Self {
            text: written,
            span,
            nullable: expr.nullable(&frame).unwrap_or(true),
            column: column.map(|column| column.name.clone()),
            column_type,
            program,
            terms,
        })
    }

    /// The text as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The scalar that the expression stands in.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The type of its values.
    #[must_use]
    pub fn column_type(&self) -> &ColumnType {
        &self.column_type
    }

    /// Whether a row that does not fail can give null.
    #[must_use]
    pub fn nullable(&self) -> bool {
        self.nullable
    }

    /// The columns that it reads.
    #[must_use]
    pub fn columns(&self) -> BTreeSet<String> {
        self.program.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// The column's name, if the expression is nothing but a column.
    #[must_use]
    pub fn as_column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// Whether a row can fail.
    #[must_use]
    pub fn can_fail(&self) -> bool {
        self.program.fallible
    }

    /// Makes it ready for batches of `schema`.
    ///
    /// # Panics
    /// If `schema` lacks a column of [`Self::columns`].
    #[must_use]
    pub fn compile(&self, schema: &Schema) -> Evaluator {
        Evaluator::new(self.program.clone(), self.program.indices(schema), self.column_type.arrow())
    }

    /// Makes a condition ready to select rows of batches of `schema`.
    ///
    /// # Panics
    /// If `schema` lacks a column of [`Self::columns`], or the expression is no condition.
    #[must_use]
    pub fn compile_predicate(&self, schema: &Schema) -> Predicate {
        assert!(self.column_type == ColumnType::Bool, "`{}` is no condition", self.text);
        let term = |term: &Program| Evaluator::new(term.clone(), term.indices(schema), self.column_type.arrow());
        Predicate::new(self.terms.iter().map(term).collect())
    }
}
