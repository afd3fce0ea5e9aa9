//! SQL of other languages, words that are lost, and conditions that cannot be meant.

use crate::diagnostic::{Code, Severity};

use super::diagnostics::refused;
use super::rows::{Table, parse};

#[test]
fn words_that_are_missing() {
    let mut table = Table::default();
    use Code::ExpressionSyntax;
    let end = "expected `end`, found the end of the expression";
    refused(&mut table, "case when n > 1 then ok", ExpressionSyntax, "k", end, "`case` ends with `end`");
    refused(&mut table, "case n when 1 then true", ExpressionSyntax, "e", end, "`case` ends with `end`");
    refused(&mut table, "n > 1 and and ok", ExpressionSyntax, "and", "expected an expression, found `and`", "a value");
    refused(&mut table, "ok and (ok or and ok)", ExpressionSyntax, "and", "expected an expression, found `and`", "");
    let nothing = "expected an expression, found the end of the expression";
    refused(&mut table, "n > 1 AND NOT", ExpressionSyntax, "T", nothing, "missing behind");
    refused(
        &mut table,
        "name = \"x",
        ExpressionSyntax,
        "\"",
        "a name in double quotes is never closed",
        "single quotes",
    );
    let is = "after `is` stands `null`, `true`, `false`, `distinct from` or `not`; to compare, write `=`";
    refused(&mut table, "n is 5", ExpressionSyntax, "5", is, "");
    refused(&mut table, "name is empty", ExpressionSyntax, "empty", is, "");
    let (_, found, _) = parse("name is empty");
    assert_eq!(found.sorted()[0].hint, None);
    table.end();
}

#[test]
fn other_languages() {
    let mut table = Table::default();
    use Code::{ExpressionSyntax, NotAnExpression};
    refused(&mut table, "n =< 1", ExpressionSyntax, "=<", "`=<` is not SQL", "write `<=`");
    refused(&mut table, "n === 1", ExpressionSyntax, "===", "`===` is not SQL", "write `=`");
    refused(
        &mut table,
        "name contains 'x'",
        ExpressionSyntax,
        "contains",
        "`contains` is not SQL",
        "contains(text, part)",
    );
    refused(&mut table, "n mod 2 = 0", ExpressionSyntax, "mod", "`mod` is not SQL", "write `%`");
    refused(&mut table, "n > 5k", ExpressionSyntax, "k", "unexpected `k`", "no unit");
    refused(&mut table, "n > 25,000", ExpressionSyntax, ",", "unexpected `,`", "25000");
    refused(&mut table, "name = ‘x’", ExpressionSyntax, "‘", "`‘` is not SQL", "plain quote");
    refused(
        &mut table,
        "n > \u{1b}[31m",
        ExpressionSyntax,
        "\u{1b}",
        "expected an expression, found `\\u{1b}`",
        "invisible",
    );
    refused(&mut table, "n << 70 > 1", NotAnExpression, "n << 70", "operator `<<` is not known here", "known:");
    refused(
        &mut table,
        "name -> 'k' = 1",
        NotAnExpression,
        "name -> 'k' = 1",
        "operator `->` is not known here",
        "schema",
    );
    let place = |what: &str| format!("{what} has no place in an expression");
    refused(&mut table, "name['k'] = 'a'", NotAnExpression, "name['k']", &place("`[…]` behind a value"), "schema");
    refused(&mut table, "name regexp 'x'", NotAnExpression, "name regexp 'x'", &place("`regexp`"), "regexp_like");
    refused(
        &mut table,
        "name similar to 'x'",
        NotAnExpression,
        "name similar to 'x'",
        &place("`similar to`"),
        "regexp_like",
    );
    refused(&mut table, "(n, m) = (1, 2)", NotAnExpression, "n, m", &place("a list in `(…)`"), "one by one");
    refused(&mut table, "n > all(1)", NotAnExpression, "n > all(1)", &place("`all`"), "and");
    table.end();
}

#[test]
fn carets_stand_at_the_word() {
    let mut table = Table::default();
    use Code::{ConstantFails, TypeMismatch};
    let none = |name: &str| format!("no column can have the type `{name}`");
    refused(&mut table, "n::foo > 1", TypeMismatch, "foo", &none("foo"), "`int`");
    refused(&mut table, "cast(n as decimal) > 1", TypeMismatch, "decimal", &none("decimal"), "decimal(10,2)");
    refused(&mut table, "cast(name as varchar(5)) = 'x'", TypeMismatch, "varchar(5)", &none("varchar(5)"), "`string`");
    let compare = "cannot compare `interval` with `timestamp`";
    let text = "interval '1 minute' > started_at";
    refused(&mut table, text, TypeMismatch, text, compare, "seconds_between");
    refused(&mut table, "interval '1 day'", TypeMismatch, "interval '1 day'", &none("interval"), "");
    refused(
        &mut table,
        "cast(n as int) > 'x'",
        TypeMismatch,
        "cast(n as int) > 'x'",
        "cannot compare `int` with `string`",
        "",
    );
    let (_, found, _) = parse("date_trunc('eon', started_at) > started_at");
    assert_eq!(found.sorted()[0].hint, None);
    refused(&mut table, "n / 0 > 1", ConstantFails, "0", "this constant always fails: division by zero", "");
    refused(&mut table, "x % 0.0 > 1", ConstantFails, "0.0", "this constant always fails: division by zero", "");
    table.end();
}

#[test]
fn conditions_that_cannot_be_meant() {
    let mut table = Table::default();
    use Code::TypeMismatch;
    refused(&mut table, "n = null", TypeMismatch, "n = null", "`=` with `null` is never true", "is null");
    refused(&mut table, "n <> null", TypeMismatch, "n <> null", "`!=` with `null` is never true", "is not null");
    table.end();
    let (parsed, diagnostics, files) = parse("n between 5 and 1");
    let found = diagnostics.sorted();
    assert!(parsed.is_some() && !diagnostics.has_errors());
    assert_eq!(
        (found.len(), found[0].severity, files.slice(found[0].span)),
        (1, Severity::Warning, "n between 5 and 1")
    );
    assert!(parse("n between 1 and 5").1.sorted().is_empty());
}

#[test]
fn deep_nesting_is_said_once() {
    for (head, tail) in [("case when ok then ", " end"), ("not ", "")] {
        for depth in [70, 200] {
            let text = format!("{}ok{}", head.repeat(depth), tail.repeat(depth));
            let (_, diagnostics, _) = parse(&text);
            let found = diagnostics.sorted();
            assert_eq!(
                (found.len(), found[0].message.as_str()),
                (1, "this expression is nested too deeply"),
                "{head}{depth}"
            );
        }
    }
}
