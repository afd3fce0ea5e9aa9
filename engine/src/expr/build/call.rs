//! Calls: functions by name, and the calls that SQL writes with words inside.

use std::ops::Range;

use datafusion_common::ScalarValue;
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion_expr::{Expr, TryCast};
use datafusion_sql::sqlparser::ast::{
    CastKind, CeilFloorKind, DateTimeField, Expr as SqlExpr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    TrimWhereField,
};

use crate::diagnostic::{Code, nearest};
use crate::expr::function::{Called, called, functions};
use crate::expr::locate::bytes_of;
use crate::expr::sql_type::arrow_type;
use crate::expr::syntax::{Problem, word_at};
use crate::expr::type_name::{Family, type_name};

use super::builder::{Builder, Typed};
use super::literal::literal;

/// Functions that give one of their arguments.
const CHOOSING: &[&str] = &["coalesce", "nullif", "nvl", "ifnull", "greatest", "least"];

/// Functions that DataFusion cannot run, only rewrite into `CASE`.
const REWRITTEN: &[&str] = &["coalesce", "nvl", "ifnull", "nvl2"];

/// Functions of other dialects, and what does the same here.
const FOREIGN: &[(&str, &str)] = &[
    ("if", "case when … then … else … end"),
    ("iif", "case when … then … else … end"),
    ("datediff", "minutes_between(a, b)"),
    ("date_diff", "minutes_between(a, b)"),
    ("timestampdiff", "minutes_between(a, b)"),
    ("isnull", "… is null"),
    ("len", "length(text)"),
    ("int", "cast(… as int)"),
    ("float", "cast(… as float)"),
    ("str", "cast(… as string)"),
    ("string", "cast(… as string)"),
    ("match", "regexp_like(text, pattern)"),
    ("regexp_matches", "regexp_like(text, pattern)"),
];

/// Functions of which a constant argument, by its place, is tried at once, and the function that tries it.
const PROBED: &[(&str, usize, &str)] = &[
    ("date_part", 0, "date_part"),
    ("datepart", 0, "date_part"),
    ("date_trunc", 0, "date_trunc"),
    ("datetrunc", 0, "date_trunc"),
    ("regexp_like", 1, "regexp_like"),
    ("regexp_replace", 1, "regexp_like"),
    ("regexp_count", 1, "regexp_like"),
    ("regexp_instr", 1, "regexp_like"),
];

impl Builder<'_> {
    pub(super) fn function(&mut self, sql: &SqlExpr, function: &Function) -> Option<Typed> {
        let name = function.name.to_string();
        if let (FunctionArguments::None, [part]) = (&function.args, function.name.0.as_slice())
            && let Some(ident) = part.as_ident()
            && self.has_column(&ident.value)
        {
            return self.column(ident);
        }
        let at =
            function.name.0.first().and_then(|part| part.as_ident()).map(|ident| bytes_of(self.text(), ident.span));
        let at = at.unwrap_or_else(|| self.bytes(sql));
        let lower = name.to_lowercase();
        match called(&lower) {
            Called::Scalar(_) if !is_plain(function) => {
                let problem =
                    Problem::new(Code::NotAnExpression, self.bytes(sql), format!("`{lower}` takes plain arguments"));
                self.refuse(
                    problem.hint("`distinct`, `filter`, `order by` and `over` belong to aggregates and windows"),
                )
            }
            Called::Scalar(_) => {
                let arguments = self.arguments(sql, function)?;
                let bytes = self.bytes(sql);
                self.call(&lower, arguments, bytes)
            }
            other => self.refuse(misplaced(&other, &name, self.time_column(), at)),
        }
    }

    fn arguments(&mut self, sql: &SqlExpr, function: &Function) -> Option<Vec<Typed>> {
        let FunctionArguments::List(list) = &function.args else { return Some(Vec::new()) };
        let built: Vec<Option<Typed>> = list
            .args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => self.build(argument),
                _ => self.unsupported(sql),
            })
            .collect();
        built.into_iter().collect()
    }

    /// Calls a function by its lower-cased name.
    pub(super) fn call(&mut self, name: &str, arguments: Vec<Typed>, bytes: Range<usize>) -> Option<Typed> {
        let Called::Scalar(function) = called(name) else {
            return self.refuse(Problem::new(Code::UnknownFunction, bytes, format!("unknown function `{name}`")));
        };
        if CHOOSING.contains(&name) {
            self.alike(arguments.iter(), &format!("the arguments of `{name}`"))?;
        }
        let types: Vec<String> = arguments.iter().map(|argument| format!("`{}`", argument.type_name())).collect();
        let message = match types.as_slice() {
            [] => format!("`{name}` needs arguments"),
            types => format!("`{name}` does not take {}", types.join(", ")),
        };
        let mut problem = Problem::new(Code::TypeMismatch, bytes.clone(), message);
        problem.hint = Some(match function.documentation() {
            Some(manual) => format!("write `{}`", manual.syntax_example),
            None => format!("write `{name}(a, b)` with two timestamps"),
        });
        self.probe(name, &arguments)?;
        let arguments: Vec<Expr> = arguments.into_iter().map(|argument| argument.expr).collect();
        if !REWRITTEN.contains(&name) {
            return self.finish(Expr::ScalarFunction(ScalarFunction::new_udf(function, arguments)), bytes, || problem);
        }
        let context = SimplifyContext::builder().with_schema(std::sync::Arc::clone(&self.frame)).build();
        match function.simplify(arguments, &context) {
            Ok(ExprSimplifyResult::Simplified(expr)) => self.finish(expr, bytes, || problem),
            Ok(ExprSimplifyResult::Original(_)) | Err(_) => self.refuse(problem),
        }
    }

    /// Tries a constant unit or pattern on a harmless value: if it is wrong, every row would fail.
    fn probe(&mut self, name: &str, arguments: &[Typed]) -> Option<()> {
        let Some((_, at, sample)) = PROBED.iter().find(|(probed, ..)| *probed == name) else { return Some(()) };
        let Some(judged) =
            arguments.get(*at).filter(|argument| argument.is_constant() && argument.family() == Family::Text)
        else {
            return Some(());
        };
        let Called::Scalar(function) = called(sample) else { return Some(()) };
        let other = match sample {
            &"regexp_like" => ScalarValue::Utf8View(Some(String::new())),
            _ => ScalarValue::TimestampMicrosecond(Some(0), Some("UTC".into())),
        };
        let mut parts = vec![judged.expr.clone()];
        parts.insert(1 - at, Expr::Literal(other, None));
        let bytes = judged.bytes.clone();
        let problem = Problem::new(Code::TypeMismatch, bytes.clone(), format!("`{name}` does not take this text"));
        self.finish(Expr::ScalarFunction(ScalarFunction::new_udf(function, parts)), bytes, || problem).map(|_| ())
    }

    pub(super) fn special_call(&mut self, sql: &SqlExpr) -> Option<Typed> {
        let bytes = self.bytes(sql);
        match sql {
            SqlExpr::Cast { kind, expr, data_type, array: false, format: None } => {
                let part = Typed { bytes: bytes.clone(), ..self.build(expr)? };
                match arrow_type(data_type) {
                    Ok(to) if matches!(kind, CastKind::Cast | CastKind::DoubleColon) => self.cast(part, &to),
                    Ok(to) => {
                        let message = format!("cannot convert `{}` to `{}`", part.type_name(), type_name(&to));
                        let problem = Problem::new(Code::TypeMismatch, bytes.clone(), message);
                        self.finish(Expr::TryCast(TryCast::new(Box::new(part.expr), to)), bytes, || problem)
                    }
                    Err(hint) => {
                        let message = format!("no column can have the type `{}`", data_type.to_string().to_lowercase());
                        let place = target_type(self.text(), self.bytes(expr).end, bytes);
                        self.refuse(Problem::new(Code::TypeMismatch, place, message).hint(hint))
                    }
                }
            }
            SqlExpr::Extract { field, expr, .. } => {
                let expr = self.build(expr)?;
                let field = ScalarValue::Utf8View(Some(field.to_string().to_lowercase()));
                self.call("date_part", vec![literal(field, bytes.clone()), expr], bytes)
            }
            SqlExpr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.parts_call("floor", &[Some(expr)], bytes)
            }
            SqlExpr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.parts_call("ceil", &[Some(expr)], bytes)
            }
            SqlExpr::Position { expr, r#in } => self.parts_call("strpos", &[Some(r#in), Some(expr)], bytes),
            SqlExpr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                self.parts_call("substr", &[Some(expr), Some(from), substring_for.as_deref()], bytes)
            }
            SqlExpr::Trim { trim_where, trim_what, expr, trim_characters: None } => {
                let name = match trim_where {
                    None | Some(TrimWhereField::Both) => "btrim",
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                };
                self.parts_call(name, &[Some(expr), trim_what.as_deref()], bytes)
            }
            SqlExpr::Overlay { expr, overlay_what, overlay_from, overlay_for } => self.parts_call(
                "overlay",
                &[Some(expr), Some(overlay_what), Some(overlay_from), overlay_for.as_deref()],
                bytes,
            ),
            _ => self.unsupported(sql),
        }
    }

    fn parts_call(&mut self, name: &str, parts: &[Option<&SqlExpr>], bytes: Range<usize>) -> Option<Typed> {
        let built: Vec<Option<Typed>> = parts.iter().flatten().map(|part| self.build(part)).collect();
        let built = built.into_iter().collect::<Option<Vec<Typed>>>()?;
        self.call(name, built, bytes)
    }
}

/// Where the type of a cast stands, whose operand ends at a byte; the whole cast if it is not found.
fn target_type(text: &str, end: usize, whole: Range<usize>) -> Range<usize> {
    let rest = text.get(end..).unwrap_or_default().trim_start();
    let after = rest
        .strip_prefix("::")
        .or_else(|| rest.get(..2).filter(|word| word.eq_ignore_ascii_case("as")).map(|_| &rest[2..]));
    let Some(after) = after.map(str::trim_start) else { return whole };
    let start = text.len() - after.len();
    let word = word_at(text, start);
    let arguments = text[word.end..].strip_prefix('(').and_then(|inner| inner.find(')'));
    start..word.end + arguments.map_or(0, |length| length + 2)
}

/// Whether a call has nothing but arguments.
fn is_plain(function: &Function) -> bool {
    let plain_list = match &function.args {
        FunctionArguments::List(list) => list.duplicate_treatment.is_none() && list.clauses.is_empty(),
        FunctionArguments::None => true,
        FunctionArguments::Subquery(_) => false,
    };
    plain_list
        && function.filter.is_none()
        && function.over.is_none()
        && function.within_group.is_empty()
        && function.null_treatment.is_none()
        && matches!(function.parameters, FunctionArguments::None)
}

/// Words for numbers that nothing gives twice.
const CHANCE: &[&str] = &["random", "rand", "uuid", "gen_random_uuid"];

/// What to say about a function that cannot be called here; `time` is a column to use in place of the clock.
fn misplaced(called: &Called, name: &str, time: Option<&str>, at: Range<usize>) -> Problem {
    match called {
        Called::Volatile => {
            let hint = match time {
                _ if CHANCE.contains(&name.to_lowercase().as_str()) => {
                    "choose rows by the value of a column".to_owned()
                }
                Some(column) => format!("use a time that comes with the record: `{column}`"),
                None => "use a time that comes with the record: a column of the type `timestamp`".to_owned(),
            };
            Problem::new(Code::NotAnExpression, at, format!("`{name}` would not give the same value in a replay"))
                .hint(hint)
        }
        Called::Aggregate => Problem::new(Code::NotAnExpression, at, format!("aggregate `{name}` has no place here"))
            .hint("aggregates stand in `aggregate:` of an operator with `group_by:`"),
        Called::Window => {
            Problem::new(Code::NotAnExpression, at, format!("window function `{name}` has no place here"))
                .hint("an expression sees one row at a time")
        }
        Called::Scalar(_) | Called::Unknown => {
            let mut problem = Problem::new(Code::UnknownFunction, at, format!("unknown function `{name}`"));
            let lower = name.to_lowercase();
            let foreign = FOREIGN.iter().find(|(foreign, _)| *foreign == lower);
            problem.hint = match foreign {
                Some((_, ours)) => Some(format!("write `{ours}`")),
                None => nearest(name, functions()).map(|near| format!("did you mean `{near}`?")),
            };
            problem
        }
    }
}
