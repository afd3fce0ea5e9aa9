//! What expressions give, row by row.

use super::rows::{batch, evaluate, expression, shown};

fn gives(text: &str, expected: &[&str]) {
    assert_eq!(shown(&evaluate(text, &batch())), expected, "{text}");
}

#[test]
fn arithmetic_and_comparisons() {
    gives("m > 0", &["true", "null", "false", "false"]);
    gives("n + 1 > 1 or m is null", &["true", "true", "false", "expr.overflow"]);
    gives("7 / 2", &["3", "3", "3", "3"]);
    gives("-7 / 2", &["-3", "-3", "-3", "-3"]);
    gives("n % 2", &["1", "0", "-1", "1"]);
    gives("n - 1", &["0", "-1", "-4", "9223372036854775806"]);
    gives("-9223372036854775808", &["-9223372036854775808"; 4]);
    gives("x * 0", &["0.0", "null", "0.0", "0.0"]);
    gives("x / 2", &["0.25", "null", "-1.0", "5e307"]);
    gives("n between 0 and 2", &["true", "true", "false", "false"]);
    gives("n in (1, -3)", &["true", "false", "true", "false"]);
    gives("m in (2, null)", &["true", "null", "null", "null"]);
    gives("n = 1.0", &["true", "false", "false", "false"]);
    gives("price + 1", &["1.00", "2.25", "null", "4.75"]);
    gives("price * 2.5", &["0.0", "3.125", "null", "9.375"]);
    gives("1e3 + 1_000", &["2000.0"; 4]);
}

#[test]
fn text_and_null() {
    gives("upper(name) || '!'", &["NAME0!", "NAME1!", "NAME2!", "NAME3!"]);
    gives("note like '1%'", &["false", "null", "true", "false"]);
    gives("Length(note)", &["1", "null", "2", "0"]);
    gives("coalesce(note, name)", &["a", "name1", "12", ""]);
    gives("nullif(n, 0)", &["1", "null", "-3", "9223372036854775807"]);
    gives("nvl2(m, 'has', 'none')", &["has", "none", "has", "has"]);
    gives("case when n > 0 then 'up' when n < 0 then 'down' end", &["up", "null", "down", "up"]);
    gives("case n when 0 then 1 else 2 end", &["2", "1", "2", "2"]);
    gives("cast(n as string)", &["1", "0", "-3", "9223372036854775807"]);
    gives("try_cast(note as int)", &["null", "null", "12", "null"]);
    gives("note is not distinct from null", &["false", "true", "false", "false"]);
    gives("not ok", &["false", "true", "false", "true"]);
    gives("ok is true and m is not null", &["true", "false", "true", "false"]);
    gives("\"Mixed Case\" + 1", &["8", "8", "8", "8"]);
    gives("user", &["name0", "name1", "name2", "name3"]);
    gives("trim('  a ') || substring(name from 5 for 1)", &["a0", "a1", "a2", "a3"]);
    gives("position('e' in name)", &["4", "4", "4", "4"]);
    gives("regexp_replace(name, '[0-9]', 'X')", &["nameX"; 4]);
    gives("regexp_like(name, '[02]$')", &["true", "false", "true", "false"]);
    gives("'it''s'", &["it's"; 4]);
    gives("split_part('a-b', '-', 2)", &["b"; 4]);
    gives("starts_with(name, 'name')", &["true"; 4]);
}

#[test]
fn times() {
    gives("minutes_between(started_at, _timestamp)", &["0.0", "1.5", "3.0", "4.5"]);
    gives("seconds_between(_timestamp, started_at)", &["0.0", "-90.0", "-180.0", "-270.0"]);
    gives("minutes_between(started_at, _timestamp) > 1.5", &["false", "false", "true", "true"]);
    gives("_timestamp - started_at > interval '2 minutes'", &["false", "false", "true", "true"]);
    gives("started_at + interval '1 day' > '2024-05-07'", &["true"; 4]);
    gives("started_at < timestamp '2024-05-06T07:08:10Z'", &["true"; 4]);
    gives("date_trunc('hour', started_at)", &["2024-05-06T07:00:00Z"; 4]);
    gives("extract(hour from started_at)", &["7"; 4]);
    gives("date_part('minute', started_at)", &["8"; 4]);
    gives("cast(started_at as date) = day", &["true"; 4]);
    gives("day >= '2024-05-06'", &["true"; 4]);
    gives("cast('2024-05-06' as date) - day", &["0"; 4]);
    gives("to_char(started_at, '%Y-%m')", &["2024-05"; 4]);
    gives("date_bin(interval '5 minutes', started_at)", &["2024-05-06T07:05:00Z"; 4]);
    gives("started_at between '2024-01-01' and '2025-01-01'", &["true"; 4]);
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
    let above = expression("n > 1000");
    assert!(!above.nullable() && !above.can_fail());
    assert_eq!(expression("extra").column_type().to_string(), "json");
    assert_eq!(expression("price").column_type().to_string(), "decimal(10,2)");
    assert!(expression("1").columns().is_empty());
}

#[test]
fn a_thousand_terms_are_no_deep_tree() {
    let chain = (0..300).map(|at| format!("n = {at}")).collect::<Vec<_>>().join(" or ");
    gives(&chain, &["true", "true", "false", "false"]);
    let list = (0..2000).map(|at| at.to_string()).collect::<Vec<_>>().join(", ");
    gives(&format!("n in ({list})"), &["true", "true", "false", "false"]);
}
