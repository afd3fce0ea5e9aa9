//! Operators: arithmetic, comparisons, `AND`, `OR`, `NOT`, `||`, `IS …`, `LIKE`.

use std::ops::Range;

use datafusion_common::ScalarValue;
use datafusion_expr::{BinaryExpr, Expr, Like, Operator};
use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr as SqlExpr, UnaryOperator, Value, ValueWithSpan};

use crate::diagnostic::Code;
use crate::expr::syntax::Problem;
use crate::expr::type_name::Family;
use crate::schema::ColumnType;

use super::builder::{Builder, Typed};
use super::literal::literal;
use super::unsupported::{NO_PATHS, OPERATORS};

impl Builder<'_> {
    pub(super) fn unary(&mut self, sql: &SqlExpr, operator: UnaryOperator, operand: &SqlExpr) -> Option<Typed> {
        let bytes = self.bytes(sql);
        if let (UnaryOperator::Minus, SqlExpr::Value(ValueWithSpan { value: Value::Number(digits, _), .. })) =
            (operator, operand)
        {
            return self.number(&format!("-{digits}"), bytes);
        }
        let part = self.build(operand)?;
        let name = part.type_name();
        match operator {
            UnaryOperator::Not => {
                let part = self.truth(part, "not")?;
                self.finish(Expr::Not(Box::new(part.expr)), bytes.clone(), || cannot(bytes, "negate", &name))
            }
            UnaryOperator::Minus if matches!(part.family(), Family::Number | Family::Interval | Family::Null) => {
                self.finish(Expr::Negative(Box::new(part.expr)), bytes.clone(), || cannot(bytes, "negate", &name))
            }
            UnaryOperator::Plus if matches!(part.family(), Family::Number | Family::Interval | Family::Null) => {
                Some(part)
            }
            UnaryOperator::Minus | UnaryOperator::Plus => self.refuse(cannot(bytes, "negate", &name)),
            _ => self.unsupported(sql),
        }
    }

    pub(super) fn binary(
        &mut self,
        sql: &SqlExpr,
        left: &SqlExpr,
        operator: &BinaryOperator,
        right: &SqlExpr,
    ) -> Option<Typed> {
        if matches!(operator, BinaryOperator::And | BinaryOperator::Or) {
            return self.logical(sql, operator);
        }
        let bytes = self.bytes(sql);
        // What binds otherwise than it looks is said of the operator, not of its operands.
        let Some(known) = planned(operator) else {
            let problem =
                Problem::new(Code::NotAnExpression, bytes, format!("operator `{operator}` is not known here"));
            let path = operator.to_string().starts_with(['-', '#', '@', '?']);
            return self.refuse(problem.hint(if path { NO_PATHS } else { OPERATORS }));
        };
        let (Some(left), Some(right)) = (self.build(left), self.build(right)) else { return None };
        match known {
            Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo => {
                self.arithmetic(left, known, right, bytes)
            }
            Operator::StringConcat => self.concat(left, right, bytes),
            _ => self.compare_ordered(left, known, right, bytes),
        }
    }

    /// A chain of one of `AND`, `OR`: built as a flat tree, so that long chains nest no deeper than short ones.
    fn logical(&mut self, sql: &SqlExpr, operator: &BinaryOperator) -> Option<Typed> {
        let bytes = self.bytes(sql);
        let word = if *operator == BinaryOperator::And { "and" } else { "or" };
        let mut chain = Vec::new();
        let mut rest = sql;
        while let SqlExpr::BinaryOp { left, op, right } = rest
            && op == operator
        {
            chain.push(right.as_ref());
            rest = left;
        }
        chain.push(rest);
        let built: Vec<Option<Typed>> =
            chain.into_iter().rev().map(|part| self.build(part).and_then(|part| self.truth(part, word))).collect();
        let parts = built.into_iter().collect::<Option<Vec<Typed>>>()?;
        let planned = if word == "and" { Operator::And } else { Operator::Or };
        let whole = balanced(parts.into_iter().map(|part| part.expr).collect(), planned);
        self.finish(whole, bytes.clone(), || {
            Problem::new(Code::TypeMismatch, bytes, format!("`{word}` needs conditions"))
        })
    }

    /// Makes sure that a part is a condition; a bare null is one.
    pub(super) fn truth(&mut self, part: Typed, word: &str) -> Option<Typed> {
        match part.family() {
            Family::Bool => Some(part),
            Family::Null => Some(literal(ScalarValue::Boolean(None), part.bytes)),
            _ => {
                let message = format!("`{word}` needs `bool`, found `{}`", part.type_name());
                let hint = match part.family() {
                    Family::Number => "make a condition of it, as in `… > 0`",
                    Family::Text => "make a condition of it, as in `… = 'abc'`",
                    _ => "make a condition of it, as in `… is not null`",
                };
                self.refuse(Problem::new(Code::TypeMismatch, part.bytes, message).hint(hint))
            }
        }
    }

    fn compare(&mut self, left: Typed, operator: Operator, right: Typed, bytes: Range<usize>) -> Option<Typed> {
        let (left, right) = self.comparable(left, right, &bytes)?;
        let refuse = cannot_compare(&left, &right, bytes.clone());
        let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), operator, Box::new(right.expr)));
        self.finish(expr, bytes, || refuse)
    }

    /// One of `=`, `<>`, `<` and so on, which null and json refuse.
    fn compare_ordered(&mut self, left: Typed, operator: Operator, right: Typed, bytes: Range<usize>) -> Option<Typed> {
        if [&left, &right].into_iter().any(|part| part.is_constant() && part.family() == Family::Null) {
            let message = format!("`{operator}` with `null` is never true");
            let hint = if operator == Operator::NotEq { "write `… is not null`" } else { "write `… is null`" };
            return self.refuse(Problem::new(Code::TypeMismatch, bytes, message).hint(hint));
        }
        let equal = matches!(operator, Operator::Eq | Operator::NotEq);
        if !equal && (left.json || right.json) {
            return self.refuse(without_order(&operator.to_string(), bytes));
        }
        self.compare(left, operator, right, bytes)
    }

    /// Makes sure that two parts can be compared. A text literal beside a time is read as a time.
    pub(super) fn comparable(&mut self, left: Typed, right: Typed, bytes: &Range<usize>) -> Option<(Typed, Typed)> {
        match (left.family(), right.family()) {
            (Family::Time, Family::Text) if right.is_constant() => {
                let to = left.data_type.clone();
                Some((left, self.cast(right, &to)?))
            }
            (Family::Text, Family::Time) if left.is_constant() => {
                let to = right.data_type.clone();
                Some((self.cast(left, &to)?, right))
            }
            (Family::Null, _) | (_, Family::Null) => Some((left, right)),
            (a, b) if a == b => Some((left, right)),
            _ => {
                let problem = cannot_compare(&left, &right, bytes.clone());
                self.refuse(problem)
            }
        }
    }

    pub(super) fn distinct(&mut self, sql: &SqlExpr, left: &SqlExpr, right: &SqlExpr, distinct: bool) -> Option<Typed> {
        let (Some(left), Some(right)) = (self.build(left), self.build(right)) else { return None };
        let bytes = self.bytes(sql);
        let operator = if distinct { Operator::IsDistinctFrom } else { Operator::IsNotDistinctFrom };
        self.compare(left, operator, right, bytes)
    }

    fn arithmetic(&mut self, left: Typed, operator: Operator, right: Typed, bytes: Range<usize>) -> Option<Typed> {
        use Family::{Interval, Null, Number, Time};
        let fits = matches!(
            (operator, left.family(), right.family()),
            (_, Null | Number, Null | Number)
                | (Operator::Plus, Interval | Null, Time | Null)
                | (Operator::Plus | Operator::Minus, Time | Interval, Interval | Null)
                | (Operator::Plus | Operator::Minus, Null, Interval)
                | (Operator::Minus, Time | Null, Time)
        );
        let (verb, link) = match operator {
            Operator::Plus => ("add", "and"),
            Operator::Minus => ("subtract", "and"),
            Operator::Multiply => ("multiply", "and"),
            _ => ("divide", "by"),
        };
        let message = format!("cannot {verb} `{}` {link} `{}`", left.type_name(), right.type_name());
        let mut problem = Problem::new(Code::TypeMismatch, bytes.clone(), message);
        problem.hint = match (left.family(), right.family()) {
            (Time, Number) | (Number, Time) => Some("add an interval, as in `interval '5 minutes'`".into()),
            (Family::Text, Number) | (Number, Family::Text) => Some("convert text with `cast(… as int)`".into()),
            (Interval, _) | (_, Interval) => {
                Some("`seconds_between(a, b)` and `minutes_between(a, b)` are numbers".into())
            }
            _ => None,
        };
        if !fits {
            return self.refuse(problem);
        }
        if matches!(operator, Operator::Divide | Operator::Modulo) && is_zero(&right) && !left.is_constant() {
            let message = "this constant always fails: division by zero";
            return self.refuse(Problem::new(Code::ConstantFails, right.bytes, message));
        }
        let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), operator, Box::new(right.expr)));
        self.finish(expr, bytes, || problem)
    }

    fn concat(&mut self, left: Typed, right: Typed, bytes: Range<usize>) -> Option<Typed> {
        let message = format!("`||` needs `string`, found `{}` and `{}`", left.type_name(), right.type_name());
        let problem = Problem::new(Code::TypeMismatch, bytes.clone(), message).hint("convert with `cast(… as string)`");
        if ![&left, &right].into_iter().all(|part| matches!(part.family(), Family::Text | Family::Null)) {
            return self.refuse(problem);
        }
        let string = ColumnType::String.arrow();
        let (left, right) = (self.cast(left, &string)?, self.cast(right, &string)?);
        let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), Operator::StringConcat, Box::new(right.expr)));
        self.finish(expr, bytes, || problem)
    }

    pub(super) fn is_test(&mut self, sql: &SqlExpr) -> Option<Typed> {
        let (inner, wrap, of_truth): (_, fn(Box<Expr>) -> Expr, _) = match sql {
            SqlExpr::IsNull(inner) => (inner, Expr::IsNull, false),
            SqlExpr::IsNotNull(inner) => (inner, Expr::IsNotNull, false),
            SqlExpr::IsTrue(inner) => (inner, Expr::IsTrue, true),
            SqlExpr::IsNotTrue(inner) => (inner, Expr::IsNotTrue, true),
            SqlExpr::IsFalse(inner) => (inner, Expr::IsFalse, true),
            SqlExpr::IsNotFalse(inner) => (inner, Expr::IsNotFalse, true),
            SqlExpr::IsUnknown(inner) => (inner, Expr::IsUnknown, true),
            SqlExpr::IsNotUnknown(inner) => (inner, Expr::IsNotUnknown, true),
            _ => return self.unsupported(sql),
        };
        let mut part = self.build(inner)?;
        if of_truth {
            part = self.truth(part, "is")?;
        }
        let bytes = self.bytes(sql);
        self.finish(wrap(Box::new(part.expr)), bytes.clone(), || {
            Problem::new(Code::TypeMismatch, bytes, "cannot test this")
        })
    }

    pub(super) fn like(&mut self, sql: &SqlExpr) -> Option<Typed> {
        let (negated, expr, pattern, escape, ignore_case) = match sql {
            SqlExpr::Like { negated, any: false, expr, pattern, escape_char } => {
                (*negated, expr, pattern, escape_char, false)
            }
            SqlExpr::ILike { negated, any: false, expr, pattern, escape_char } => {
                (*negated, expr, pattern, escape_char, true)
            }
            _ => return self.unsupported(sql),
        };
        let bytes = self.bytes(sql);
        if escape.is_some() {
            let problem = Problem::new(Code::NotAnExpression, bytes, "`escape` is not supported");
            return self.refuse(problem.hint("escape with a backslash, or use `regexp_like(text, pattern)`"));
        }
        let (Some(expr), Some(pattern)) = (self.build(expr), self.build(pattern)) else { return None };
        let message = format!("`like` needs `string`, found `{}` and `{}`", expr.type_name(), pattern.type_name());
        let problem = Problem::new(Code::TypeMismatch, bytes.clone(), message)
            .hint("a pattern is text, as in `'abc%'`; convert what is no text with `cast(… as string)`");
        if ![&expr, &pattern].into_iter().all(|part| matches!(part.family(), Family::Text | Family::Null)) {
            return self.refuse(problem);
        }
        let string = ColumnType::String.arrow();
        let (expr, pattern) = (self.cast(expr, &string)?, self.cast(pattern, &string)?);
        let like = Like::new(negated, Box::new(expr.expr), Box::new(pattern.expr), None, ignore_case);
        self.finish(Expr::Like(like), bytes, || problem)
    }
}

/// What to say when json is compared by more and less.
pub(super) fn without_order(operator: &str, bytes: Range<usize>) -> Problem {
    let message = format!("`json` has no order: `{operator}` cannot compare it");
    Problem::new(Code::TypeMismatch, bytes, message).hint("convert it, as in `cast(… as int)`")
}

/// The operators that are built from two operands.
fn planned(operator: &BinaryOperator) -> Option<Operator> {
    Some(match operator {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Multiply => Operator::Multiply,
        BinaryOperator::Divide => Operator::Divide,
        BinaryOperator::Modulo => Operator::Modulo,
        BinaryOperator::StringConcat => Operator::StringConcat,
        _ => return None,
    })
}

fn is_zero(part: &Typed) -> bool {
    match &part.expr {
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => *value == 0,
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => *value == 0.0,
        _ => false,
    }
}

fn balanced(mut parts: Vec<Expr>, operator: Operator) -> Expr {
    while parts.len() > 1 {
        let mut pairs = Vec::with_capacity(parts.len().div_ceil(2));
        let mut left = parts.into_iter();
        while let Some(first) = left.next() {
            pairs.push(match left.next() {
                Some(second) => Expr::BinaryExpr(BinaryExpr::new(Box::new(first), operator, Box::new(second))),
                None => first,
            });
        }
        parts = pairs;
    }
    parts.pop().unwrap_or(Expr::Literal(ScalarValue::Boolean(None), None))
}

fn cannot(bytes: Range<usize>, verb: &str, name: &str) -> Problem {
    Problem::new(Code::TypeMismatch, bytes, format!("cannot {verb} `{name}`"))
}

fn cannot_compare(left: &Typed, right: &Typed, bytes: Range<usize>) -> Problem {
    let message = format!("cannot compare `{}` with `{}`", left.type_name(), right.type_name());
    let mut problem = Problem::new(Code::TypeMismatch, bytes, message);
    problem.hint = match (left.family(), right.family()) {
        (Family::Text, Family::Number) if left.is_constant() => Some("numbers stand without quotes".into()),
        (Family::Number, Family::Text) if right.is_constant() => Some("numbers stand without quotes".into()),
        (Family::Text, Family::Number) | (Family::Number, Family::Text) => {
            Some("convert text with `cast(… as int)`".into())
        }
        (Family::Interval, _) | (_, Family::Interval) => {
            Some("compare numbers: `seconds_between(a, b)`, `minutes_between(a, b)`".into())
        }
        (Family::Time, _) | (_, Family::Time) => {
            Some("write a time as `'2026-01-31T08:00:00Z'`, a date as `'2026-01-31'`".into())
        }
        (Family::Bool, _) | (_, Family::Bool) => Some("a `bool` is a condition by itself: `…` or `not …`".into()),
        _ => None,
    };
    problem
}
