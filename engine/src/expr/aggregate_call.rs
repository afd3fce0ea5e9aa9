//! `sum(viewer_count) where is_popular`: the call of an aggregate, whose name others judge.

use datafusion_sql::sqlparser::ast::{
    DuplicateTreatment, Expr as SqlExpr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};
use datafusion_sql::sqlparser::keywords::Keyword;

use crate::diagnostic::{Code, Diagnostics, Files, Span};
use crate::schema::Schema;
use crate::spec::Spanned;

use super::build::Builder;
use super::deep_stack::on_deep_stack;
use super::expression::Expression;
use super::locate::{bytes_of, locate};
use super::syntax::{Problem, parse_sql};

/// What an aggregate call looks like.
const FORM: &str = "write one call, as in `sum(viewer_count)`, `count(*)` or `count(*) where viewer_count > 0`";

/// One call of an aggregate.
#[derive(Clone, Debug)]
pub struct AggregateCall {
    /// The function's name in lower case, where it stands.
    pub name: Spanned<String>,
    /// The arguments; none for `count(*)`.
    pub arguments: Vec<Expression>,
    /// Whether the argument is `*`.
    pub star: bool,
    /// Whether each value counts once.
    pub distinct: bool,
    /// Which rows count, if not all.
    pub condition: Option<Expression>,
    /// The whole scalar.
    pub span: Span,
}

/// Reads the call of an aggregate, with `where …` or `filter (where …)` behind it.
pub fn parse_aggregate(
    text: &Spanned<String>,
    schema: &Schema,
    files: &Files,
    diagnostics: &mut Diagnostics,
) -> Option<AggregateCall> {
    on_deep_stack(|| read_aggregate(text, schema, files, diagnostics))
}

fn read_aggregate(
    text: &Spanned<String>,
    schema: &Schema,
    files: &Files,
    diagnostics: &mut Diagnostics,
) -> Option<AggregateCall> {
    let mut builder = Builder::new(&text.value, schema);
    let parsed = parse_sql(&text.value, |parser| {
        let call = parser.parse_expr()?;
        let condition = if parser.parse_keyword(Keyword::WHERE) { Some(parser.parse_expr()?) } else { None };
        Ok((call, condition))
    });
    let call = match parsed {
        Ok((call, condition)) => read_call(&call, condition, text, schema, files, &mut builder),
        Err(problem) => builder.refuse(problem),
    };
    for problem in builder.problems {
        problem.report(text, files, diagnostics);
    }
    call
}

fn read_call(
    sql: &SqlExpr,
    condition: Option<SqlExpr>,
    text: &Spanned<String>,
    schema: &Schema,
    files: &Files,
    builder: &mut Builder,
) -> Option<AggregateCall> {
    let bad = |message: &str| Problem::new(Code::BadAggregate, 0..text.value.len(), message).hint(FORM);
    let SqlExpr::Function(function) = sql else {
        return builder.refuse(bad("this is not the call of one aggregate"));
    };
    let ([part], FunctionArguments::List(list)) = (function.name.0.as_slice(), &function.args) else {
        return builder.refuse(bad("this is not the call of one aggregate"));
    };
    let Some(name) = part.as_ident() else {
        return builder.refuse(bad("this is not the call of one aggregate"));
    };
    if has_more(function) || !list.clauses.is_empty() {
        return builder.refuse(bad("an aggregate takes arguments and a condition, nothing else"));
    }
    let condition = match (condition, function.filter.as_deref()) {
        (Some(_), Some(_)) => return builder.refuse(bad("an aggregate has one condition")),
        (Some(condition), None) => Some(condition),
        (None, filter) => filter.cloned(),
    };
    let star = matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
    let arguments = if star { Some(Vec::new()) } else { read_arguments(&list.args, text, schema, builder) };
    let condition = match condition {
        None => None,
        Some(sql) => {
            let typed = builder.build(&sql)?;
            let condition = Expression::condition(typed, sql.to_string(), text.span, schema);
            Some(condition.map_err(|problem| builder.problems.push(problem)).ok()?)
        }
    };
    Some(AggregateCall {
        name: Spanned::new(name.value.to_lowercase(), locate(files, text, bytes_of(&text.value, name.span))),
        arguments: arguments?,
        star,
        distinct: list.duplicate_treatment == Some(DuplicateTreatment::Distinct),
        condition,
        span: text.span,
    })
}

fn has_more(function: &Function) -> bool {
    function.over.is_some()
        || !function.within_group.is_empty()
        || function.null_treatment.is_some()
        || !matches!(function.parameters, FunctionArguments::None)
}

fn read_arguments(
    arguments: &[FunctionArg],
    text: &Spanned<String>,
    schema: &Schema,
    builder: &mut Builder,
) -> Option<Vec<Expression>> {
    let read: Vec<Option<Expression>> = arguments
        .iter()
        .map(|argument| {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(sql)) = argument else {
                let problem =
                    Problem::new(Code::BadAggregate, 0..text.value.len(), "an argument must be an expression");
                return builder.refuse(problem.hint(FORM));
            };
            let typed = builder.build(sql)?;
            Expression::typed(typed, sql.to_string(), text.span, schema)
                .map_err(|problem| builder.problems.push(problem))
                .ok()
        })
        .collect();
    read.into_iter().collect()
}
