//! Rows that fail: which, with which code and words, and that their neighbours do not notice.

use crate::diagnostic::Diagnostics;
use crate::expr::{Expression, Selected};

use super::rows::{Table, batch, batch_of, evaluate, in_file, schema};

fn says(text: &str, code: &str, message: &str) {
    let evaluated = evaluate(text, &batch());
    let found = evaluated.failures.iter().any(|failure| failure.code == code && failure.message == message);
    assert!(found, "{text}: {:?}", evaluated.failures);
}

const OVER: &str = "expr.overflow";
const ZERO: &str = "expr.division_by_zero";
const CAST: &str = "expr.cast";
const INFINITE: &str = "expr.not_finite";

#[test]
fn integers_never_wrap() {
    let mut table = Table::default();
    table.gives("n + 1", &["2", "1", "-2", OVER]);
    table.gives("n * 2", &["2", "0", "-6", OVER]);
    table.gives("m - 1", &["1", "null", "-1", OVER]);
    table.gives("-m", &["-2", "null", "0", OVER]);
    table.gives("abs(m)", &["2", "null", "0", OVER]);
    table.gives("m / -1", &["-2", "null", "0", OVER]);
    table.gives("length(name) * 2000000000", &["10000000000"; 4]);
    table.gives("cast(x as int)", &["0", "null", "-2", OVER]);
    table.gives(
        "price * cast(1000000000 as decimal(38,0)) * cast(10000000000000000000.0 as decimal(38,0))",
        &["0.00", "12500000000000000000000000000.00", "null", "37500000000000000000000000000.00"],
    );
    table.gives("cast(n as decimal(3,0))", &["1", "0", "-3", OVER]);
    table.gives("power(n, 2)", &["1.0", "0.0", "9.0", "8.507059173023462e37"]);
    table.gives(
        "to_timestamp_micros(n) + interval '1 day'",
        &["1970-01-02T00:00:00.000001Z", "1970-01-02T00:00:00Z", "1970-01-01T23:59:59.999997Z", OVER],
    );
    table.end();
}

#[test]
fn no_division_by_zero() {
    let mut table = Table::default();
    table.gives("10 / n", &["10", ZERO, "-3", "0"]);
    table.gives("10 % n", &["0", ZERO, "1", "10"]);
    table.gives("1.5 / n", &["1.5", ZERO, "-0.5", "1.6263032587282567e-19"]);
    table.gives("n / (x - 0.5)", &[ZERO, "null", "1.2", "9.223372036854776e-290"]);
    table.gives("price / n", &["0.000000", ZERO, "null", "0.000000"]);
    table.gives("case when n = 0 then 0 else 10 / n end", &["10", "0", "-3", "0"]);
    table.gives("n <> 0 and 10 / n > 5", &["true", "false", "false", "false"]);
    table.gives("n = 0 or 10 / n > 5", &["true", "true", "false", "false"]);
    table.gives("10 / nullif(n, 0)", &["10", "null", "-3", "0"]);
    says("10 / n", ZERO, "division by zero");
    table.end();
}

#[test]
fn floats_are_finite() {
    let mut table = Table::default();
    table.gives("x * 10", &["5.0", "null", "-20.0", INFINITE]);
    table.gives("sqrt(x)", &["0.7071067811865476", "null", "expr.failed", "1e154"]);
    table.gives("ln(n)", &["0.0", INFINITE, INFINITE, "43.66827237527655"]);
    table.gives("exp(x)", &["1.6487212707001282", "null", "0.1353352832366127", INFINITE]);
    table.gives("cast('-0' as float)", &["0.0"; 4]);
    table.gives("round(x * 0.1)", &["0.0", "null", "0.0", "1.0000000000000001e307"]);
    table.gives("try_cast(note || 'inf' as float)", &["null"; 4]);
    says("sqrt(x)", "expr.failed", "`sqrt` fails: cannot take square root of a negative number");
    says("exp(x)", INFINITE, "`exp` gives no finite number");
    table.end();
}

#[test]
fn casts_are_strict() {
    let mut table = Table::default();
    table.gives("cast(note as int)", &[CAST, "null", "12", CAST]);
    table.gives("cast(note as bool)", &[CAST, "null", CAST, CAST]);
    table.gives("note::float", &[CAST, "null", "12.0", CAST]);
    table.gives("cast(note as timestamp)", &[CAST, "null", CAST, CAST]);
    table.gives("cast(note as date)", &[CAST, "null", CAST, CAST]);
    table.gives("cast(note as decimal(5,1))", &[CAST, "null", "12.0", CAST]);
    says("cast(note as int)", CAST, "cannot convert `a` to `int`");
    says("cast(x as int)", OVER, "cannot convert `1e308` to `int`");
    says("n + 1", OVER, "addition leaves the range of its type");
    table.end();
}

fn select(text: &str, batch: &arrow::array::RecordBatch) -> Selected {
    let (spanned, files) = in_file(text);
    let mut diagnostics = Diagnostics::default();
    let predicate = Expression::parse_predicate(&spanned, &schema(), &files, &mut diagnostics);
    predicate.unwrap_or_else(|| panic!("{text}: {:?}", diagnostics.sorted())).compile_predicate(&schema()).select(batch)
}

#[test]
fn a_later_term_runs_only_where_the_earlier_ones_hold() {
    let rows = |selected: &Selected| selected.rows.values().iter().collect::<Vec<_>>();
    let selected = select("n <> 0 and 10 / n > 5", &batch());
    assert!(selected.failures.is_empty());
    assert_eq!(rows(&selected), [true, false, false, false]);
    let selected = select("m > 0 and 10 / n > 5 and ok", &batch());
    assert!(selected.failures.is_empty(), "a null term guards too");
    assert_eq!(rows(&selected), [true, false, false, false]);
    let selected = select("10 / n > 5", &batch());
    assert_eq!(selected.failures.len(), 1);
    assert_eq!((selected.failures[0].row, selected.failures[0].code), (1, ZERO));
    let wide = batch_of(
        &[0, 1, 2, 0, 5, 0],
        &[Some(1); 6],
        &[None; 6],
        &[Some("1"), Some("b"), None, Some("2"), Some("9"), Some("c")],
    );
    let selected = select("n > 0 and cast(note as int) > 3", &wide);
    assert_eq!(rows(&selected), [false, false, false, false, true, false]);
    assert_eq!(selected.failures.iter().map(|failure| failure.row).collect::<Vec<_>>(), [1]);
    assert!(select("false", &wide).rows.values().iter().all(|flag| !flag));
    assert!(select("true", &wide).rows.values().iter().all(|flag| flag));
}

#[test]
fn no_rows_give_no_values() {
    let empty = batch().slice(0, 0);
    let evaluated = evaluate("10 / n", &empty);
    assert!(evaluated.failures.is_empty() && evaluated.values.is_empty());
    assert!(select("10 / n > 1", &empty).rows.is_empty());
}
