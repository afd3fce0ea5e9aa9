//! Choices among values: `CASE`, `IN`, `BETWEEN`.

use std::ops::Range;

use datafusion_expr::expr::InList;
use datafusion_expr::{Between, Case, Expr};
use datafusion_sql::sqlparser::ast::{CaseWhen, Expr as SqlExpr};

use crate::diagnostic::Code;
use crate::expr::syntax::Problem;
use crate::expr::type_name::Family;

use super::builder::{Builder, Typed};
use super::operator::without_order;

impl Builder<'_> {
    pub(super) fn choice(&mut self, sql: &SqlExpr) -> Option<Typed> {
        match sql {
            SqlExpr::Between { expr, negated, low, high } => self.between(sql, expr, *negated, low, high),
            SqlExpr::InList { expr, list, negated } => self.in_list(sql, expr, list, *negated),
            SqlExpr::Case { operand, conditions, else_result, .. } => {
                self.case(sql, operand.as_deref(), conditions, else_result.as_deref())
            }
            _ => self.unsupported(sql),
        }
    }

    fn between(
        &mut self,
        sql: &SqlExpr,
        expr: &SqlExpr,
        negated: bool,
        low: &SqlExpr,
        high: &SqlExpr,
    ) -> Option<Typed> {
        let (expr, low, high) = (self.build(expr), self.build(low), self.build(high));
        let (expr, low, high) = (expr?, low?, high?);
        let bytes = self.bytes(sql);
        if [&expr, &low, &high].into_iter().any(|part| part.json) {
            return self.refuse(without_order("between", bytes));
        }
        let (expr, low) = self.comparable(expr, low, &bytes)?;
        let (expr, high) = self.comparable(expr, high, &bytes)?;
        self.warn_of_empty_range(&low, &high, negated, &bytes);
        let message =
            format!("cannot compare `{}` with `{}` and `{}`", expr.type_name(), low.type_name(), high.type_name());
        let between = Between::new(Box::new(expr.expr), negated, Box::new(low.expr), Box::new(high.expr));
        self.finish(Expr::Between(between), bytes.clone(), || Problem::new(Code::TypeMismatch, bytes, message))
    }

    /// Warns of `between 5 and 1`.
    fn warn_of_empty_range(&mut self, low: &Typed, high: &Typed, negated: bool, bytes: &Range<usize>) {
        let (Expr::Literal(from, _), Expr::Literal(to, _)) = (&low.expr, &high.expr) else { return };
        if from.partial_cmp(to) == Some(std::cmp::Ordering::Greater) {
            let always = if negated { "true" } else { "false" };
            let message = format!("the lower bound is above the upper one: this is always {always}");
            let problem = Problem::new(Code::BadValue, bytes.clone(), message);
            self.problems.push(problem.hint("write the lower bound first: `between 1 and 5`").warning());
        }
    }

    fn in_list(&mut self, sql: &SqlExpr, expr: &SqlExpr, list: &[SqlExpr], negated: bool) -> Option<Typed> {
        let expr = self.build(expr);
        let list: Vec<Option<Typed>> = list.iter().map(|element| self.build(element)).collect();
        let (mut expr, list) = (expr?, list.into_iter().collect::<Option<Vec<Typed>>>()?);
        let mut elements = Vec::with_capacity(list.len());
        for element in list {
            let bytes = element.bytes.clone();
            let (kept, element) = self.comparable(expr, element, &bytes)?;
            expr = kept;
            elements.push(element.expr);
        }
        let bytes = self.bytes(sql);
        let message = format!("cannot compare `{}` with all of the list", expr.type_name());
        let in_list = Expr::InList(InList::new(Box::new(expr.expr), elements, negated));
        self.finish(in_list, bytes.clone(), || Problem::new(Code::TypeMismatch, bytes, message))
    }

    fn case(
        &mut self,
        sql: &SqlExpr,
        operand: Option<&SqlExpr>,
        conditions: &[CaseWhen],
        otherwise: Option<&SqlExpr>,
    ) -> Option<Typed> {
        let mut operand = match operand {
            Some(operand) => Some(self.build(operand)?),
            None => None,
        };
        let built: Vec<(Option<Typed>, Option<Typed>)> =
            conditions.iter().map(|when| (self.build(&when.condition), self.build(&when.result))).collect();
        let otherwise = match otherwise {
            Some(otherwise) => Some(self.build(otherwise)?),
            None => None,
        };
        let mut whens = Vec::with_capacity(built.len());
        let mut results = Vec::with_capacity(built.len() + 1);
        for (condition, result) in built {
            let (condition, result) = (condition?, result?);
            whens.push(match operand.take() {
                None => self.truth(condition, "when")?,
                Some(kept) => {
                    let bytes = condition.bytes.clone();
                    let (kept, condition) = self.comparable(kept, condition, &bytes)?;
                    operand = Some(kept);
                    condition
                }
            });
            results.push(result);
        }
        self.alike(results.iter().chain(&otherwise), "the results of `case`")?;
        let bytes = self.bytes(sql);
        let case = Case::new(
            operand.map(|operand| Box::new(operand.expr)),
            whens.into_iter().zip(results).map(|(when, then)| (Box::new(when.expr), Box::new(then.expr))).collect(),
            otherwise.map(|otherwise| Box::new(otherwise.expr)),
        );
        let refuse = || Problem::new(Code::TypeMismatch, bytes.clone(), "the parts of `case` have no common type");
        self.finish(Expr::Case(case), bytes.clone(), refuse)
    }

    /// Makes sure that parts of which one is taken have types that go together.
    pub(super) fn alike<'t>(&mut self, parts: impl Iterator<Item = &'t Typed>, what: &str) -> Option<()> {
        let mut first: Option<&Typed> = None;
        for part in parts.filter(|part| part.family() != Family::Null) {
            match first {
                None => first = Some(part),
                Some(first) if first.family() == part.family() => {}
                Some(first) => {
                    let message = format!("{what} are `{}` and `{}`", first.type_name(), part.type_name());
                    let problem = Problem::new(Code::TypeMismatch, part.bytes.clone(), message);
                    return self.refuse(problem.hint("give all of them one type, as with `cast(… as string)`"));
                }
            }
        }
        Some(())
    }
}
