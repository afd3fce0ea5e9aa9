//! The walk over the tree: one node at a time, typed when its parts are, constants folded at once.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Schema as ArrowSchema};
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRewriter};
use datafusion_common::{Column, DFSchema, ScalarValue};
use datafusion_expr::{Cast, Expr, ExprSchemable};
use datafusion_optimizer::analyzer::type_coercion::TypeCoercionRewriter;
use datafusion_sql::sqlparser::ast::{Expr as SqlExpr, Ident};

use crate::diagnostic::{Code, nearest};
use crate::expr::failure::Fault;
use crate::expr::locate::bytes_of;
use crate::expr::program::{Program, frame};
use crate::expr::syntax::{DEPTH_MAX, Problem};
use crate::expr::type_name::{Family, canonical, type_name};
use crate::schema::{ColumnType, Schema};

use super::extent::extent;
use super::unsupported::unsupported;

/// The most columns that a hint lists.
const LISTED_COLUMNS_MAX: usize = 12;

/// A part of an expression with its type.
#[derive(Clone, Debug)]
pub(in crate::expr) struct Typed {
    pub(in crate::expr) expr: Expr,
    pub(in crate::expr) data_type: DataType,
    /// Its bytes in the text.
    pub(in crate::expr) bytes: Range<usize>,
    /// Whether it is a column of type `json`, which to Arrow is text.
    pub(in crate::expr) json: bool,
}

impl Typed {
    pub(super) fn family(&self) -> Family {
        Family::of(&self.data_type)
    }

    /// Its type as messages call it.
    pub(super) fn type_name(&self) -> String {
        if self.json { ColumnType::Json.to_string() } else { type_name(&self.data_type) }
    }

    pub(super) fn is_constant(&self) -> bool {
        matches!(self.expr, Expr::Literal(..))
    }
}

/// Builds typed expressions over the columns of one schema, and collects what is wrong.
pub(in crate::expr) struct Builder<'a> {
    text: &'a str,
    schema: &'a Schema,
    pub(super) frame: Arc<DFSchema>,
    pub(in crate::expr) problems: Vec<Problem>,
    depth: usize,
    too_deep: bool,
}

impl<'a> Builder<'a> {
    pub(in crate::expr) fn new(text: &'a str, schema: &'a Schema) -> Self {
        let frame = frame(&schema.columns).unwrap_or_else(|_| DFSchema::empty());
        Self { text, schema, frame: Arc::new(frame), problems: Vec::new(), depth: 0, too_deep: false }
    }

    /// The typed form of a tree; `None` if something in it is wrong, which is then among the problems.
    pub(in crate::expr) fn build(&mut self, sql: &SqlExpr) -> Option<Typed> {
        if self.depth >= DEPTH_MAX {
            // Once is enough: every branch of a `case` gets here.
            if std::mem::replace(&mut self.too_deep, true) {
                return None;
            }
            let problem = Problem::new(Code::ExpressionSyntax, self.bytes(sql), "this expression is nested too deeply");
            return self.refuse(problem.hint("split it over several `derive` columns"));
        }
        self.depth += 1;
        let built = self.build_node(sql);
        self.depth -= 1;
        built
    }

    fn build_node(&mut self, sql: &SqlExpr) -> Option<Typed> {
        match sql {
            SqlExpr::Identifier(ident) => self.column(ident),
            SqlExpr::CompoundIdentifier(parts) => self.compound(sql, parts),
            SqlExpr::Value(value) => self.value(value),
            SqlExpr::TypedString(typed) => self.typed_string(typed),
            SqlExpr::Interval(interval) => self.interval(sql, interval),
            SqlExpr::Nested(inner) => self.build(inner),
            SqlExpr::UnaryOp { op, expr } => self.unary(sql, *op, expr),
            SqlExpr::BinaryOp { left, op, right } => self.binary(sql, left, op, right),
            SqlExpr::IsNull(_)
            | SqlExpr::IsNotNull(_)
            | SqlExpr::IsTrue(_)
            | SqlExpr::IsNotTrue(_)
            | SqlExpr::IsFalse(_)
            | SqlExpr::IsNotFalse(_)
            | SqlExpr::IsUnknown(_)
            | SqlExpr::IsNotUnknown(_) => self.is_test(sql),
            SqlExpr::IsDistinctFrom(left, right) => self.distinct(sql, left, right, true),
            SqlExpr::IsNotDistinctFrom(left, right) => self.distinct(sql, left, right, false),
            SqlExpr::Between { .. } | SqlExpr::InList { .. } | SqlExpr::Case { .. } => self.choice(sql),
            SqlExpr::Like { .. } | SqlExpr::ILike { .. } => self.like(sql),
            SqlExpr::Cast { .. }
            | SqlExpr::Extract { .. }
            | SqlExpr::Floor { .. }
            | SqlExpr::Ceil { .. }
            | SqlExpr::Position { .. }
            | SqlExpr::Substring { .. }
            | SqlExpr::Trim { .. }
            | SqlExpr::Overlay { .. } => self.special_call(sql),
            SqlExpr::Function(function) => self.function(sql, function),
            SqlExpr::Subquery(_) | SqlExpr::Exists { .. } | SqlExpr::InSubquery { .. } => {
                let problem =
                    Problem::new(Code::NotAnExpression, self.bytes(sql), "a subquery has no place in an expression");
                self.refuse(problem.hint("join the other rows with an operator of their own"))
            }
            _ => self.unsupported(sql),
        }
    }

    /// Records a problem.
    pub(in crate::expr) fn refuse<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    pub(super) fn unsupported<T>(&mut self, sql: &SqlExpr) -> Option<T> {
        let bytes = self.bytes(sql);
        let written = self.text().get(bytes.clone()).unwrap_or_default();
        self.refuse(unsupported(sql, written, bytes))
    }

    /// The bytes of the text that a part covers.
    pub(super) fn bytes(&self, sql: &SqlExpr) -> Range<usize> {
        extent(self.text, sql)
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// A column by its name.
    pub(in crate::expr) fn column(&mut self, ident: &Ident) -> Option<Typed> {
        let bytes = bytes_of(self.text, ident.span);
        if let Some(column) = self.schema.column(&ident.value) {
            let data_type = column.column_type.arrow();
            let expr = Expr::Column(Column::new_unqualified(&ident.value));
            return Some(Typed { expr, data_type, bytes, json: column.column_type == ColumnType::Json });
        }
        let mut problem = Problem::new(Code::UnknownColumn, bytes, format!("unknown column `{}`", ident.value));
        problem.hint = match nearest(&ident.value, self.schema.names()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if ident.value.eq_ignore_ascii_case("else") => Some("write `else`".into()),
            None if ident.quote_style.is_some() => {
                Some(format!("text stands in single quotes: '{}'", ident.value.replace('\'', "''")))
            }
            None if (1..=LISTED_COLUMNS_MAX).contains(&self.schema.columns.len()) => {
                Some(format!("columns here: {}", self.schema.names().collect::<Vec<_>>().join(", ")))
            }
            None => None,
        };
        self.refuse(problem)
    }

    /// A column whose values come with the records and tell when, the engine's own first.
    pub(super) fn time_column(&self) -> Option<&'a str> {
        let times = || self.schema.columns.iter().filter(|column| column.column_type == ColumnType::Timestamp);
        let own = times().find(|column| column.name.starts_with('_'));
        own.or_else(|| times().next()).map(|column| column.name.as_str())
    }

    /// Whether a word is a column.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.schema.column(name).is_some()
    }

    fn compound(&mut self, sql: &SqlExpr, parts: &[Ident]) -> Option<Typed> {
        let bytes = self.bytes(sql);
        let name = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        let last = parts.last().map_or("", |part| part.value.as_str());
        let problem = Problem::new(Code::UnknownColumn, bytes, format!("unknown column `{name}`"));
        let hint = if self.has_column(last) {
            format!("write `{last}`: columns have no prefix")
        } else {
            "columns have no prefix".into()
        };
        self.refuse(problem.hint(hint))
    }

    /// Types a node whose parts are typed: brings the parts to common types, brings the result into a column's form, and
    /// computes it if it is constant. `refuse` says what is wrong when the types do not fit.
    pub(super) fn finish(
        &mut self,
        expr: Expr,
        bytes: Range<usize>,
        refuse: impl FnOnce() -> Problem,
    ) -> Option<Typed> {
        let coerced = TypeCoercionRewriter::new(&self.frame).f_up(expr).and_then(|node| fold_casts(node.data));
        let typed = coerced.and_then(|expr| expr.get_type(&*self.frame).map(|data_type| (expr, data_type)));
        let Ok((expr, data_type)) = typed else {
            return self.refuse(refuse());
        };
        let (expr, data_type) = match canonical(&data_type) {
            Some(form) => (Expr::Cast(Cast::new(Box::new(expr), form.clone())), form),
            None => (expr, data_type),
        };
        let typed = Typed { expr, data_type, bytes, json: false };
        if typed.expr.any_column_refs() { self.plan(typed, refuse) } else { self.fold(typed) }
    }

    /// Makes sure now that what was typed can run, so that nothing is left to fail later.
    fn plan(&mut self, typed: Typed, refuse: impl FnOnce() -> Problem) -> Option<Typed> {
        match Program::plan(&typed.expr, self.schema) {
            Ok(_) => Some(typed),
            Err(_) => self.refuse(refuse()),
        }
    }

    /// Replaces a constant part by its value.
    fn fold(&mut self, typed: Typed) -> Option<Typed> {
        match constant_value(&typed.expr) {
            Ok(value) => Some(Typed { expr: Expr::Literal(value, None), ..typed }),
            Err(fault) => {
                let message = format!("this constant always fails: {}", fault.message);
                let mut problem = Problem::new(Code::ConstantFails, typed.bytes, message);
                problem.hint = match Family::of(&typed.data_type) {
                    Family::Time if matches!(typed.expr, Expr::Cast(_)) => {
                        Some("write a time as `2026-01-31T08:00:00Z`, a date as `2026-01-31`".into())
                    }
                    _ => None,
                };
                self.refuse(problem)
            }
        }
    }

    /// A conversion that fails for values of the wrong form.
    pub(super) fn cast(&mut self, part: Typed, to: &DataType) -> Option<Typed> {
        let from = part.type_name();
        let bytes = part.bytes.clone();
        let refuse = || {
            Problem::new(Code::TypeMismatch, bytes.clone(), format!("cannot convert `{from}` to `{}`", type_name(to)))
        };
        if !can_cast_types(&part.data_type, to) {
            return self.refuse(refuse());
        }
        self.finish(Expr::Cast(Cast::new(Box::new(part.expr), to.clone())), bytes.clone(), refuse)
    }
}

/// Computes the casts of literals that coercion put around a node's parts.
fn fold_casts(expr: Expr) -> datafusion_common::Result<Expr> {
    let folded = expr.map_children(|part| {
        Ok(match &part {
            Expr::Cast(cast) if matches!(*cast.expr, Expr::Literal(..)) => match constant_value(&part) {
                Ok(value) => Transformed::yes(Expr::Literal(value, None)),
                Err(_) => Transformed::no(part),
            },
            _ => Transformed::no(part),
        })
    })?;
    Ok(folded.data)
}

fn constant_value(expr: &Expr) -> Result<ScalarValue, Fault> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(ArrowSchema::empty()), Vec::new(), &options);
    row.map_err(Into::into)
        .and_then(|row| Program::plan(expr, &Schema::default())?.run(&row))
        .and_then(|values| ScalarValue::try_from_array(&values, 0))
        .map_err(|error| Fault::of(&error, "the expression"))
}
