//! What is said about wrong expressions, and at which word.

use crate::diagnostic::{Code, Diagnostics};
use crate::expr::{Expression, locate, parse_aggregate, parse_order};
use crate::spec::Spanned;

use super::rows::{Table, in_file, parse, schema};

/// Each: the text, the code, the words under the caret, the message, a part of the hint.
pub(super) fn refused(table: &mut Table, text: &str, code: Code, word: &str, message: &str, hint: &str) {
    let (parsed, diagnostics, files) = parse(text);
    let found = diagnostics.sorted();
    let Some(first) = found.first() else {
        return table.equal(text, &format!("{parsed:?}"), &"a diagnostic".to_owned());
    };
    table.equal(text, &parsed.is_none(), &true);
    table.equal(text, &(first.code, files.slice(first.span), first.message.as_str()), &(code, word, message));
    let given = first.hint.as_deref().unwrap_or_default();
    table.equal(text, &(given, given.contains(hint)), &(given, true));
}

#[test]
fn names() {
    let mut table = Table::default();
    use Code::{NotAnExpression, UnknownColumn, UnknownFunction};
    refused(&mut table, "n + nme", UnknownColumn, "nme", "unknown column `nme`", "did you mean `name`?");
    refused(&mut table, "N > 1", UnknownColumn, "N", "unknown column `N`", "did you mean `n`?");
    refused(
        &mut table,
        "name = \"some text\"",
        UnknownColumn,
        "\"some text\"",
        "unknown column `some text`",
        "'some text'",
    );
    refused(&mut table, "t.n > 1", UnknownColumn, "t.n", "unknown column `t.n`", "write `n`");
    refused(&mut table, "uper(name)", UnknownFunction, "uper", "unknown function `uper`", "did you mean `upper`?");
    refused(&mut table, "n > 1 and foo(name) = 1", UnknownFunction, "foo", "unknown function `foo`", "");
    refused(
        &mut table,
        "now() > started_at",
        NotAnExpression,
        "now",
        "`now` would not give the same value in a replay",
        "_timestamp",
    );
    refused(
        &mut table,
        "current_date = day",
        NotAnExpression,
        "current_date",
        "`current_date` would not give the same value in a replay",
        "_timestamp",
    );
    refused(
        &mut table,
        "n + random()",
        NotAnExpression,
        "random",
        "`random` would not give the same value in a replay",
        "",
    );
    refused(&mut table, "sum(n) > 3", NotAnExpression, "sum", "aggregate `sum` has no place here", "group_by");
    refused(&mut table, "arg_max(n, m)", NotAnExpression, "arg_max", "aggregate `arg_max` has no place here", "");
    refused(
        &mut table,
        "row_number() over ()",
        NotAnExpression,
        "row_number",
        "window function `row_number` has no place here",
        "",
    );
    table.end();
}

#[test]
fn types() {
    let mut table = Table::default();
    use Code::TypeMismatch;
    refused(&mut table, "ok and name > 5", TypeMismatch, "name > 5", "cannot compare `string` with `int`", "cast(");
    refused(&mut table, "n = '5'", TypeMismatch, "n = '5'", "cannot compare `int` with `string`", "without quotes");
    refused(&mut table, "n + name", TypeMismatch, "n + name", "cannot add `int` and `string`", "cast(");
    refused(&mut table, "n and ok", TypeMismatch, "n", "`and` needs `bool`, found `int`", "");
    refused(&mut table, "not n", TypeMismatch, "n", "`not` needs `bool`, found `int`", "");
    refused(&mut table, "-name", TypeMismatch, "-name", "cannot negate `string`", "");
    refused(
        &mut table,
        "name || n",
        TypeMismatch,
        "name || n",
        "`||` needs `string`, found `string` and `int`",
        "as string",
    );
    refused(
        &mut table,
        "n like 'a'",
        TypeMismatch,
        "n like 'a'",
        "`like` needs `string`, found `int` and `string`",
        "",
    );
    refused(
        &mut table,
        "case when ok then 1 else 'a' end",
        TypeMismatch,
        "'a'",
        "the results of `case` are `int` and `string`",
        "",
    );
    refused(
        &mut table,
        "coalesce(n, 'a')",
        TypeMismatch,
        "'a'",
        "the arguments of `coalesce` are `int` and `string`",
        "",
    );
    refused(&mut table, "n in (1, 'a')", TypeMismatch, "'a'", "cannot compare `int` with `string`", "");
    refused(
        &mut table,
        "cast(ok as timestamp)",
        TypeMismatch,
        "cast(ok as timestamp)",
        "cannot convert `bool` to `timestamp`",
        "",
    );
    refused(
        &mut table,
        "cast(n as smallint)",
        TypeMismatch,
        "smallint",
        "no column can have the type `smallint`",
        "`int`",
    );
    refused(
        &mut table,
        "_timestamp - started_at",
        TypeMismatch,
        "_timestamp - started_at",
        "no column can have the type `interval`",
        "minutes_between",
    );
    refused(
        &mut table,
        "started_at + 5",
        TypeMismatch,
        "started_at + 5",
        "cannot add `timestamp` and `int`",
        "interval",
    );
    refused(&mut table, "null", TypeMismatch, "null", "no column can have the type `null`", "cast(null as int)");
    refused(&mut table, "round(name)", TypeMismatch, "round(name)", "`round` does not take `string`", "round(");
    refused(
        &mut table,
        "upper(name, n)",
        TypeMismatch,
        "upper(name, n)",
        "`upper` does not take `string`, `int`",
        "upper(",
    );
    refused(&mut table, "upper()", TypeMismatch, "upper()", "`upper` needs arguments", "upper(");
    refused(
        &mut table,
        "minutes_between(n, m)",
        TypeMismatch,
        "minutes_between(n, m)",
        "`minutes_between` does not take `int`, `int`",
        "minutes_between(a, b)",
    );
    refused(
        &mut table,
        "99999999999999999999",
        TypeMismatch,
        "99999999999999999999",
        "this number does not fit into `int`",
        ".0",
    );
    refused(&mut table, "1e999 > x", TypeMismatch, "1e999", "this number does not fit into `float`", "");
    table.end();
}

#[test]
fn constants_that_fail() {
    let mut table = Table::default();
    use Code::ConstantFails;
    refused(&mut table, "n > 1/0", ConstantFails, "1/0", "this constant always fails: division by zero", "");
    refused(
        &mut table,
        "9223372036854775807 + 1",
        ConstantFails,
        "9223372036854775807 + 1",
        "this constant always fails: addition leaves the range of its type",
        "",
    );
    refused(
        &mut table,
        "cast('abc' as int) = n",
        ConstantFails,
        "cast('abc' as int)",
        "this constant always fails: cannot convert `abc` to `int`",
        "",
    );
    let (_, diagnostics, files) = parse("date_trunc('eon', started_at) > started_at");
    assert_eq!((diagnostics.sorted()[0].code, files.slice(diagnostics.sorted()[0].span)), (ConstantFails, "'eon'"));
    refused(
        &mut table,
        "started_at > 'yesterday'",
        ConstantFails,
        "'yesterday'",
        "this constant always fails: cannot convert `yesterday` to `timestamp`",
        "",
    );
    refused(
        &mut table,
        "regexp_like(name, '(')",
        ConstantFails,
        "'('",
        "this constant always fails: this is no regular expression: unclosed group",
        "",
    );
    table.end();
}

#[test]
fn syntax() {
    let mut table = Table::default();
    use Code::{ExpressionSyntax, NotAnExpression};
    refused(&mut table, "n >", ExpressionSyntax, ">", "expected an expression, found the end of the expression", "");
    refused(&mut table, "n > 1 2", ExpressionSyntax, "2", "unexpected `2`", "");
    refused(&mut table, "(n > 1", ExpressionSyntax, "1", "expected `)`, found the end of the expression", "");
    refused(&mut table, "n > 'abc", ExpressionSyntax, "'", "unterminated string literal", "");
    refused(&mut table, "(select 1) = n", NotAnExpression, "select 1", "a subquery has no place in an expression", "");
    refused(
        &mut table,
        "n in (select 1)",
        NotAnExpression,
        "n in (select 1)",
        "a subquery has no place in an expression",
        "",
    );
    refused(&mut table, "n ^ 2", NotAnExpression, "n ^ 2", "operator `^` is not known here", "+ - *");
    refused(&mut table, "$1 = n", NotAnExpression, "$1", "this kind of value has no place in an expression", "");
    table.end();
}

#[test]
fn everything_wrong_is_said_at_once() {
    let (_, diagnostics, _) = parse("nme > 1 and foo(m) = 2 and name > 5");
    assert_eq!(diagnostics.sorted().len(), 3);
}

#[test]
fn folded_and_escaped_scalars_fall_back_to_the_scalar() {
    let (spanned, files) = in_file("\"n > \\\"x\\\"\"");
    let spanned = Spanned::new("n > \"x\"".to_owned(), spanned.span);
    assert_eq!(locate(&files, &spanned, 4..7), spanned.span);
    let (mut quoted, files) = in_file("'n > öö + nme'");
    quoted.value = "n > öö + nme".to_owned();
    let at = quoted.value.find("nme").expect("it is there");
    assert_eq!(files.slice(locate(&files, &quoted, at..at + 3)), "nme");
    let mut diagnostics = Diagnostics::default();
    assert!(Expression::parse(&quoted, &schema(), &files, &mut diagnostics).is_none());
    let words: Vec<&str> = diagnostics.sorted().iter().map(|found| files.slice(found.span)).collect();
    assert_eq!(words, ["öö", "nme"]);
}

#[test]
fn orders() {
    let read = |text: &str| {
        let (spanned, files) = in_file(text);
        let mut diagnostics = Diagnostics::default();
        let keys = parse_order(&spanned, &schema(), &files, &mut diagnostics);
        let said: Vec<String> = diagnostics
            .sorted()
            .iter()
            .map(|found| format!("{}: {}", files.slice(found.span), found.message))
            .collect();
        (keys.map(|keys| keys.into_iter().map(|key| (key.column, key.descending)).collect::<Vec<_>>()), said)
    };
    let (keys, said) = read("n desc, \"Mixed Case\", name ASC");
    assert_eq!(keys, Some(vec![("n".into(), true), ("Mixed Case".into(), false), ("name".into(), false)]));
    assert!(said.is_empty());
    assert_eq!(read("nn desc, n + 1").1, ["nn: unknown column `nn`", "n + 1: only columns can be ordered by"]);
    assert_eq!(read("n desc nulls last").1, ["n: the place of nulls cannot be chosen"]);
    assert_eq!(read("n downwards").1, ["downwards: unexpected `downwards`"]);
}

#[test]
fn aggregate_calls() {
    let read = |text: &str| {
        let (spanned, files) = in_file(text);
        let mut diagnostics = Diagnostics::default();
        let call = parse_aggregate(&spanned, &schema(), &files, &mut diagnostics);
        let said: Vec<_> =
            diagnostics.sorted().iter().map(|found| (found.code, files.slice(found.span).to_owned())).collect();
        (call.map(|call| (call, files)), said)
    };
    let (call, _) = read("SUM(n + 1) where ok and m > 0").0.expect("well formed");
    assert_eq!((call.name.value.as_str(), call.arguments.len(), call.star, call.distinct), ("sum", 1, false, false));
    assert_eq!(call.arguments[0].text(), "n + 1");
    assert_eq!(call.condition.expect("there is one").columns().into_iter().collect::<Vec<_>>(), ["m", "ok"]);
    let (call, files) = read("count(*)").0.expect("well formed");
    assert!(call.star && call.arguments.is_empty() && call.condition.is_none());
    assert_eq!(files.slice(call.name.span), "count");
    let (call, _) = read("count(distinct name) filter (where n > 0)").0.expect("well formed");
    assert!(call.distinct && call.condition.is_some());
    assert_eq!(read("arg_max(name, n)").0.expect("well formed").0.arguments.len(), 2);
    assert_eq!(read("first(name)").0.expect("well formed").0.name.value, "first");
    assert_eq!(read("last(name)").0.expect("well formed").0.name.value, "last");
    assert_eq!(read("sum(n) + 1").1, [(Code::BadAggregate, "sum(n) + 1".to_owned())]);
    assert_eq!(read("n").1, [(Code::BadAggregate, "n".to_owned())]);
    assert_eq!(read("sum(nn)").1, [(Code::UnknownColumn, "nn".to_owned())]);
    assert_eq!(read("sum(n) where m").1, [(Code::TypeMismatch, "m".to_owned())]);
    assert_eq!(read("sum(n) over ()").1[0].0, Code::BadAggregate);
}
