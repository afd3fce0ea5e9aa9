//! Values written out: numbers, text, `true`, `null`, dates, timestamps, intervals.

use std::ops::Range;

use arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::ast::{Expr as SqlExpr, Interval, TypedString, UnaryOperator, Value, ValueWithSpan};

use crate::diagnostic::Code;
use crate::expr::locate::bytes_of;
use crate::expr::sql_type::arrow_type;
use crate::expr::syntax::Problem;

use super::builder::{Builder, Typed};

impl Builder<'_> {
    pub(super) fn value(&mut self, value: &ValueWithSpan) -> Option<Typed> {
        let bytes = bytes_of(self.text(), value.span);
        let scalar = match &value.value {
            Value::Number(digits, _) => return self.number(digits, bytes),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
                ScalarValue::Utf8View(Some(text.clone()))
            }
            Value::DollarQuotedString(text) => ScalarValue::Utf8View(Some(text.value.clone())),
            Value::Boolean(flag) => ScalarValue::Boolean(Some(*flag)),
            Value::Null => ScalarValue::Null,
            _ => {
                let problem =
                    Problem::new(Code::NotAnExpression, bytes, "this kind of value has no place in an expression");
                return self.refuse(problem.hint("write numbers, 'text', true, false, null, or a cast of 'text'"));
            }
        };
        Some(literal(scalar, bytes))
    }

    /// A number, with its sign if it has one.
    pub(super) fn number(&mut self, digits: &str, bytes: Range<usize>) -> Option<Typed> {
        let digits = digits.replace('_', "");
        if let Ok(int) = digits.parse::<i64>() {
            return Some(literal(ScalarValue::Int64(Some(int)), bytes));
        }
        let whole = digits.bytes().all(|digit| digit.is_ascii_digit() || digit == b'-');
        match digits.parse::<f64>() {
            Ok(float) if float.is_finite() && !whole => Some(literal(ScalarValue::Float64(Some(float + 0.0)), bytes)),
            _ => {
                let to = if whole { "int" } else { "float" };
                let problem = Problem::new(Code::TypeMismatch, bytes, format!("this number does not fit into `{to}`"));
                self.refuse(if whole { problem.hint(format!("write `{digits}.0` for a float")) } else { problem })
            }
        }
    }

    pub(super) fn typed_string(&mut self, typed: &TypedString) -> Option<Typed> {
        let text = self.value(&typed.value)?;
        match arrow_type(&typed.data_type) {
            Ok(to) => self.cast(text, &to),
            Err(hint) => {
                let message = format!("no column can have the type `{}`", typed.data_type.to_string().to_lowercase());
                self.refuse(Problem::new(Code::TypeMismatch, text.bytes, message).hint(hint))
            }
        }
    }

    pub(super) fn interval(&mut self, sql: &SqlExpr, interval: &Interval) -> Option<Typed> {
        let bytes = self.bytes(sql);
        let unit = interval.leading_field.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
        let plain = interval.leading_precision.is_none()
            && interval.last_field.is_none()
            && interval.fractional_seconds_precision.is_none();
        let parsed = interval_text(&interval.value, false)
            .filter(|_| plain)
            .and_then(|text| parse_interval_month_day_nano(&format!("{text}{unit}")).ok());
        match parsed {
            Some(parsed) => Some(literal(ScalarValue::IntervalMonthDayNano(Some(parsed)), bytes)),
            None => {
                let problem = Problem::new(Code::TypeMismatch, bytes, "this is not an interval");
                self.refuse(problem.hint("write it as in `interval '5 minutes'` or `interval '1 day 2 hours'`"))
            }
        }
    }
}

fn interval_text(sql: &SqlExpr, negative: bool) -> Option<String> {
    let text = match sql {
        SqlExpr::Value(ValueWithSpan { value: Value::SingleQuotedString(text) | Value::Number(text, _), .. }) => text,
        SqlExpr::UnaryOp { op: UnaryOperator::Minus, expr } => return interval_text(expr, !negative),
        _ => return None,
    };
    Some(if negative { format!("-{text}") } else { text.clone() })
}

pub(super) fn literal(value: ScalarValue, bytes: Range<usize>) -> Typed {
    Typed { data_type: value.data_type(), expr: Expr::Literal(value, None), bytes, json: false }
}
