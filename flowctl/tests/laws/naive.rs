//! Random rows, and what operators make of them, written down as simply as can be.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use crate::support::rows::{Rows, canonical, without_nulls};

/// The schema of [`Row::record`].
pub(crate) const SOURCE: &str = r#"    schema: { k: "string?", u: string, v: "int?", f: float, d: "decimal(8,2)", at: timestamp }
    event_time: { column: at }
"#;
/// How long a key of `latest` stays, in seconds.
const EXPIRE: i64 = 600;

/// A row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    k: Option<&'static str>,
    u: &'static str,
    pub(crate) v: Option<i64>,
    /// In quarters.
    f: i64,
    /// In hundredths.
    d: i64,
    /// Minutes since the beginning of a day; each user has seconds of its own, so only rows of one user have equal times.
    minute: i64,
}

/// Up to forty rows with many equal values.
pub(crate) fn rows() -> impl Strategy<Value = Vec<Row>> {
    let k = prop::option::weighted(0.9, prop::sample::select(vec!["a", "b", "", "ß"]));
    let u = prop::sample::select(vec!["ann", "bob", "cat", "dan", "eve"]);
    let row = (k, u, prop::option::weighted(0.85, -3_i64..6), -6_i64..6, -150_i64..150, 0_i64..30)
        .prop_map(|(k, u, v, f, d, minute)| Row { k, u, v, f, d, minute });
    prop::collection::vec(row, 0..40)
}

/// The records of each partition: all rows of a user are in one.
pub(crate) fn partitions(rows: &[Row], count: usize) -> Vec<Vec<String>> {
    let of = |at: usize| rows.iter().filter(|row| row.partition(count) == at).map(Row::record).collect();
    (0..count).map(of).collect()
}

impl Row {
    /// A row long after all others.
    pub(crate) fn end() -> Self {
        Self { k: None, u: "end", v: None, f: 0, d: 0, minute: 1000 }
    }

    fn partition(&self, count: usize) -> usize {
        usize::from(self.u.as_bytes()[0]) % count
    }

    /// The row as JSON, in the order of the schema.
    pub(crate) fn record(&self) -> String {
        object(&self.fields())
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { k, u, v, .. } = self;
        vec![
            ("k", text(*k)),
            ("u", text(Some(*u))),
            ("v", int(*v)),
            ("f", self.float().to_string()),
            ("d", decimal(i128::from(self.d), 2)),
            ("at", format!("\"2026-01-05T{:02}:{:02}:{:02}Z\"", self.minute / 60, self.minute % 60, self.at() % 60)),
        ]
    }

    /// With `w`, and without null in `v`.
    fn derived(&self) -> String {
        let mut fields = Self { v: self.v.or(Some(0)), ..self.clone() }.fields();
        fields.push(("w", int(self.v.map(|v| 2 * v + 1))));
        object(&fields)
    }

    fn size(&self) -> String {
        let size = self.v.map(|v| match v {
            4.. => "big",
            ..0 => "small",
            _ => "some",
        });
        object(&[("v", int(self.v)), ("size", text(size))])
    }

    /// Seconds since the beginning of a day.
    fn at(&self) -> i64 {
        self.minute * 60 + i64::from(self.u.as_bytes()[0] % 60)
    }

    fn float(&self) -> f64 {
        self.f as f64 / 4.0
    }

    /// Null comes last.
    fn columns(&self) -> impl Ord {
        let Self { k, u, v, f, d, minute } = self;
        (k.is_none(), *k, *u, v.is_none(), *v, *f, *d, *minute)
    }
}

fn object(fields: &[(&str, String)]) -> String {
    format!("{{{}}}", fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(","))
}

fn text(value: Option<&str>) -> String {
    Value::from(value).to_string()
}

fn int(value: Option<i64>) -> String {
    Value::from(value).to_string()
}

fn float(value: Option<f64>) -> String {
    value.map_or("null".into(), |value| value.to_string())
}

fn decimal(unscaled: i128, scale: usize) -> String {
    let digits = format!("{:0width$}", unscaled.abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{fraction}", if unscaled < 0 { "-" } else { "" })
}

fn counted(rows: impl IntoIterator<Item = String>) -> Rows {
    let mut counts = Rows::new();
    for row in rows {
        *counts.entry(canonical(&row)).or_insert(0) += 1;
    }
    counts
}

/// What every sink holds in the end.
pub(crate) fn results(rows: &[Row]) -> BTreeMap<&'static str, Rows> {
    let all: Vec<&Row> = rows.iter().collect();
    let live = latest(rows, Some(EXPIRE), |row| row.u.to_owned());
    let forever = latest(rows, None, |row| format!("{:?} {}", row.k, row.u));
    let records = |rows: &[&Row]| counted(rows.iter().map(|row| row.record()));
    let arm = |keep: &dyn Fn(Option<i64>) -> bool| counted(rows.iter().filter(|row| keep(row.v)).map(Row::record));
    let live_groups: Vec<(Option<i64>, Option<&str>, String)> =
        groups(&live).iter().map(|(k, rows)| (sum(rows), *k, live_group(*k, rows))).collect();
    let mut best_live = live_groups.clone();
    best_live.sort_by_key(|(total, k, _)| (total.is_none(), total.map(Reverse), k.is_none(), *k));
    best_live.truncate(2);
    BTreeMap::from([
        ("by_k", counted(groups(&all).iter().map(|(k, rows)| group(*k, rows)))),
        ("live", records(&live)),
        ("forever", records(&forever)),
        ("live_by_k", counted(live_groups.into_iter().map(|(_, _, row)| row))),
        ("best", records(&best(&all))),
        ("best_per", records(&groups(&all).values().flat_map(|rows| best_of_group(rows)).collect::<Vec<_>>())),
        ("best_live", counted(best_live.into_iter().map(|(_, _, row)| row))),
        ("inverse", counted(groups(&live).iter().filter_map(|(k, rows)| inverse(*k, rows)))),
        ("pairs", distinct(&all, |row| object(&[("v", int(row.v)), ("k", text(row.k))]))),
        ("live_pairs", distinct(&live, |row| object(&[("k", text(row.k)), ("v", int(row.v))]))),
        ("big", arm(&|v| v > Some(3))),
        ("negative", arm(&|v| v.is_some_and(|v| v < 0))),
        ("rest", arm(&|v| v.is_none_or(|v| (0..=3).contains(&v)))),
        ("few", counted(rows.iter().filter(|row| row.v > Some(1) && row.float() < 1.0).map(Row::record))),
        ("derived", counted(rows.iter().map(Row::derived))),
        ("sizes", counted(rows.iter().map(Row::size))),
        ("again", records(&all)),
    ])
}

/// Operator, code and text of each dead letter that stays.
pub(crate) fn failures(rows: &[Row]) -> Rows {
    let live = latest(rows, Some(EXPIRE), |row| row.u.to_owned());
    let failed = groups(&live).into_iter().filter(|(_, rows)| sum(rows) == Some(0));
    let letter = |(k, rows): (_, Vec<&Row>)| {
        // The text is the row that the operator saw, as JSON.
        (format!("inverse expr.division_by_zero {}", without_nulls(&live_group(k, &rows))), 1)
    };
    failed.map(letter).collect()
}

/// Null divides to null, and zero fails.
fn inverse(k: Option<&str>, rows: &[&Row]) -> Option<String> {
    let inverse = match sum(rows) {
        Some(0) => return None,
        total => total.map(|total| 60 / total),
    };
    Some(object(&[("k", text(k)), ("inverse", int(inverse))]))
}

fn groups<'a>(rows: &[&'a Row]) -> BTreeMap<Option<&'static str>, Vec<&'a Row>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for row in rows {
        groups.entry(row.k).or_default().push(*row);
    }
    groups
}

/// The newest row of each key, of equal times the later one, unless the newest of all rows is `expire` or more after it.
fn latest(rows: &[Row], expire: Option<i64>, key: impl Fn(&Row) -> String) -> Vec<&Row> {
    let mut newest = BTreeMap::new();
    for row in rows {
        let kept = newest.entry(key(row)).or_insert(row);
        if row.at() >= kept.at() {
            *kept = row;
        }
    }
    let now = rows.iter().map(|row| row.at()).max().unwrap_or(0);
    newest.into_values().filter(|row| expire.is_none_or(|expire| now - row.at() < expire)).collect()
}

fn values<'a>(rows: &'a [&Row]) -> impl Iterator<Item = i64> + 'a {
    rows.iter().filter_map(|row| row.v)
}

fn sum(rows: &[&Row]) -> Option<i64> {
    values(rows).reduce(|a, b| a + b)
}

fn mean(rows: &[&Row]) -> Option<f64> {
    sum(rows).map(|sum| sum as f64 / values(rows).count() as f64)
}

fn kinds(rows: &[&Row]) -> usize {
    values(rows).collect::<BTreeSet<_>>().len()
}

/// Of the rows with the greatest `v` the least `u`.
fn arg_max(rows: &[&Row]) -> Option<&'static str> {
    rows.iter().filter(|row| row.v.is_some()).min_by_key(|row| (Reverse(row.v), row.u)).map(|row| row.u)
}

fn decimals(rows: &[&Row]) -> i128 {
    rows.iter().map(|row| i128::from(row.d)).sum()
}

/// Four more digits, half away from zero.
fn decimal_mean(rows: &[&Row]) -> i128 {
    let (sum, count) = (decimals(rows) * 10_000, rows.len() as i128);
    (2 * sum.abs() + count) / (2 * count) * sum.signum()
}

fn group(k: Option<&str>, rows: &[&Row]) -> String {
    let mut in_time: Vec<&Row> = rows.to_vec();
    // The sort is stable: rows of equal times stand as they came.
    in_time.sort_by_key(|row| row.at());
    let floats = rows.iter().map(|row| row.float()).sum::<f64>();
    let positive: Vec<&&Row> = rows.iter().filter(|row| row.v > Some(0)).collect();
    let up: Vec<&Row> = in_time.iter().copied().filter(|row| row.f > 0).collect();
    object(&[
        ("k", text(k)),
        ("n", rows.len().to_string()),
        ("nv", values(rows).count().to_string()),
        ("total", int(sum(rows))),
        ("mean", float(mean(rows))),
        ("least", int(values(rows).min())),
        ("most", int(values(rows).max())),
        ("kinds", kinds(rows).to_string()),
        ("floats", floats.to_string()),
        ("float_mean", (floats / rows.len() as f64).to_string()),
        ("decimals", decimal(decimals(rows), 2)),
        ("decimal_mean", decimal(decimal_mean(rows), 6)),
        ("first", int(in_time.first().and_then(|row| row.v))),
        ("last", text(in_time.last().map(|row| row.u))),
        ("best", text(arg_max(rows))),
        ("positive", positive.len().to_string()),
        ("low", text(positive.iter().map(|row| row.u).min())),
        ("mean_up", float(mean(&up))),
        ("most_up", int(values(&up).max())),
        ("kinds_up", kinds(&up).to_string()),
        ("first_up", int(up.first().and_then(|row| row.v))),
        ("last_up", text(up.last().map(|row| row.u))),
        ("best_up", text(arg_max(&up))),
    ])
}

fn live_group(k: Option<&str>, rows: &[&Row]) -> String {
    object(&[
        ("k", text(k)),
        ("n", rows.len().to_string()),
        ("total", int(sum(rows))),
        ("mean", float(mean(rows))),
        ("least", int(values(rows).min())),
        ("most", int(values(rows).max())),
        ("kinds", kinds(rows).to_string()),
        ("decimals", decimal(decimals(rows), 2)),
        ("best", text(arg_max(rows))),
        ("positive", int(values(rows).filter(|v| *v > 0).reduce(|a, b| a + b))),
    ])
}

fn best<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| (row.v.is_none(), row.v.map(Reverse), row.columns()));
    sorted.truncate(3);
    sorted
}

fn best_of_group<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| (row.v.is_none(), row.v, Reverse(row.f), row.columns()));
    sorted.truncate(2);
    sorted
}

fn distinct(rows: &[&Row], row: impl Fn(&Row) -> String) -> Rows {
    counted(rows.iter().map(|found| row(found)).collect::<BTreeSet<_>>())
}
