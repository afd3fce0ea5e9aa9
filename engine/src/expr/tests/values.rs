//! What expressions give, row by row.

use crate::expr::{Evaluator, Expression, Predicate};

use super::rows::{Table, expression};

#[test]
fn arithmetic_and_comparisons() {
    let mut table = Table::default();
    table.gives("m > 0", &["true", "null", "false", "false"]);
    table.gives("n + 1 > 1 or m is null", &["true", "true", "false", "expr.overflow"]);
    table.gives("7 / 2", &["3", "3", "3", "3"]);
    table.gives("-7 / 2", &["-3", "-3", "-3", "-3"]);
    table.gives("n % 2", &["1", "0", "-1", "1"]);
    table.gives("n - 1", &["0", "-1", "-4", "9223372036854775806"]);
    table.gives("-9223372036854775808", &["-9223372036854775808"; 4]);
    table.gives("x * 0", &["0.0", "null", "0.0", "0.0"]);
    table.gives("x / 2", &["0.25", "null", "-1.0", "5e307"]);
    table.gives("n between 0 and 2", &["true", "true", "false", "false"]);
    table.gives("n in (1, -3)", &["true", "false", "true", "false"]);
    table.gives("m in (2, null)", &["true", "null", "null", "null"]);
    table.gives("n = 1.0", &["true", "false", "false", "false"]);
    table.gives("price + 1", &["1.00", "2.25", "null", "4.75"]);
    table.gives("price * 2.5", &["0.0", "3.125", "null", "9.375"]);
    table.gives("1e3 + 1_000", &["2000.0"; 4]);
    table.end();
}

#[test]
fn text_and_null() {
    let mut table = Table::default();
    table.gives("upper(name) || '!'", &["NAME0!", "NAME1!", "NAME2!", "NAME3!"]);
    table.gives("note like '1%'", &["false", "null", "true", "false"]);
    table.gives("Length(note)", &["1", "null", "2", "0"]);
    table.gives("coalesce(note, name)", &["a", "name1", "12", ""]);
    table.gives("nullif(n, 0)", &["1", "null", "-3", "9223372036854775807"]);
    table.gives("nvl2(m, 'has', 'none')", &["has", "none", "has", "has"]);
    table.gives("case when n > 0 then 'up' when n < 0 then 'down' end", &["up", "null", "down", "up"]);
    table.gives("case n when 0 then 1 else 2 end", &["2", "1", "2", "2"]);
    table.gives("cast(n as string)", &["1", "0", "-3", "9223372036854775807"]);
    table.gives("try_cast(note as int)", &["null", "null", "12", "null"]);
    table.gives("note is not distinct from null", &["false", "true", "false", "false"]);
    table.gives("not ok", &["false", "true", "false", "true"]);
    table.gives("ok is true and m is not null", &["true", "false", "true", "false"]);
    table.gives("\"Mixed Case\" + 1", &["8", "8", "8", "8"]);
    table.gives("user", &["name0", "name1", "name2", "name3"]);
    table.gives("trim('  a ') || substring(name from 5 for 1)", &["a0", "a1", "a2", "a3"]);
    table.gives("position('e' in name)", &["4", "4", "4", "4"]);
    table.gives("regexp_replace(name, '[0-9]', 'X')", &["nameX"; 4]);
    table.gives("regexp_like(name, '[02]$')", &["true", "false", "true", "false"]);
    table.gives("'it''s'", &["it's"; 4]);
    table.gives("split_part('a-b', '-', 2)", &["b"; 4]);
    table.gives("starts_with(name, 'name')", &["true"; 4]);
    table.end();
}

#[test]
fn times() {
    let mut table = Table::default();
    table.gives("minutes_between(started_at, _timestamp)", &["0.0", "1.5", "3.0", "4.5"]);
    table.gives("seconds_between(_timestamp, started_at)", &["0.0", "-90.0", "-180.0", "-270.0"]);
    table.gives("minutes_between(started_at, _timestamp) > 1.5", &["false", "false", "true", "true"]);
    table.gives("_timestamp - started_at > interval '2 minutes'", &["false", "false", "true", "true"]);
    table.gives("started_at + interval '1 day' > '2024-05-07'", &["true"; 4]);
    table.gives("started_at < timestamp '2024-05-06T07:08:10Z'", &["true"; 4]);
    table.gives("date_trunc('hour', started_at)", &["2024-05-06T07:00:00Z"; 4]);
    table.gives("extract(hour from started_at)", &["7"; 4]);
    table.gives("date_part('minute', started_at)", &["8"; 4]);
    table.gives("cast(started_at as date) = day", &["true"; 4]);
    table.gives("day >= '2024-05-06'", &["true"; 4]);
    table.gives("cast('2024-05-06' as date) - day", &["0"; 4]);
    table.gives("to_char(started_at, '%Y-%m')", &["2024-05"; 4]);
    table.gives("date_bin(interval '5 minutes', started_at)", &["2024-05-06T07:05:00Z"; 4]);
    table.gives("started_at between '2024-01-01' and '2025-01-01'", &["true"; 4]);
    table.end();
}

#[test]
fn facts_about_an_expression() {
    let column = expression("m");
    assert_eq!(column.as_column(), Some("m"));
    assert!(column.nullable() && !column.can_fail());
    let sum = expression(" n + m ");
    assert_eq!(sum.as_column(), None);
    assert_eq!(sum.columns().into_iter().collect::<Vec<_>>(), ["m", "n"]);
    assert!(sum.nullable() && sum.can_fail());
    assert!(!expression("minutes_between(started_at, _timestamp)").nullable());
    let above = expression("n > 1000");
    assert!(!above.nullable() && !above.can_fail());
    assert_eq!(expression("extra").column_type().to_string(), "json");
    assert_eq!(expression("price").column_type().to_string(), "decimal(10,2)");
    assert!(expression("1").columns().is_empty());
}

#[test]
fn a_thousand_terms_are_no_deep_tree() {
    let mut table = Table::default();
    let chain = (0..300).map(|at| format!("n = {at}")).collect::<Vec<_>>().join(" or ");
    table.gives(&chain, &["true", "true", "false", "false"]);
    let list = (0..2000).map(|at| at.to_string()).collect::<Vec<_>>().join(", ");
    table.gives(&format!("n in ({list})"), &["true", "true", "false", "false"]);
    table.end();
}

#[test]
fn evaluators_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Expression>();
    shared::<Evaluator>();
    shared::<Predicate>();
}
