//! What must not depend on workers and batches.

use engine::safeguard::Safeguard;

use super::stage::{SUMS, Stage};

const MANY: [&str; 4] = ["-w", "3", "--state", "state"];

pub(crate) fn several_workers_share_an_epoch(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without);
    (0..6).for_each(|file| stage.write_rows(&file.to_string(), &[("a", file), ("b", 1)]));
    stage.run_with(&MANY)?;
    stage.requires("select k, sum from sums order by k", &["a 15", "b 6"])
}

pub(crate) fn rows_have_the_order_of_the_log(without: Option<Safeguard>) -> Result<(), String> {
    let stage = Stage::new(SUMS, without);
    let mut log = Vec::new();
    for file in 10..40 {
        stage.write_rows(&file.to_string(), &[("a", file), ("b", file)]);
        log.extend(stage.lines(&format!("in/{file}.jsonl")));
    }
    stage.run_with(&MANY)?;
    let rows = stage.lines("rows.jsonl");
    if rows == log { Ok(()) } else { Err(format!("rows are in another order than the log: {rows:?}")) }
}

/// The first row is ahead of all others; they fill several batches.
pub(crate) fn one_partition_has_late_rows(without: Option<Safeguard>) -> Result<(), String> {
    let pipeline = "
name: p
mode: batch
sources:
  s:
    file: { path: 'in/*.jsonl' }
    schema: { v: int, text: string, at: timestamp }
    event_time: { column: at, lateness: 1m }
operators: { short: { from: s, select: [v] } }
sinks: { t: { from: short, late: drop, mysql: { url: 'sqlite:t.db', table: t, create: true } } }
";
    let stage = Stage::new(pipeline, without);
    let text = "x".repeat(2000);
    let line = |v: usize| {
        let hour = if v == 0 { 12 } else { 11 };
        format!("{{\"v\":{v},\"text\":\"{text}\",\"at\":\"2026-01-01T{hour}:00:00Z\"}}\n")
    };
    stage.write("in/1.jsonl", &(0..2500).map(line).collect::<String>());
    stage.run_with(&MANY)?;
    stage.requires("select count(*), max(v) from t", &["1 0"])
}

pub(crate) fn two_rows_have_one_time(without: Option<Safeguard>) -> Result<(), String> {
    let pipeline = "
name: p
mode: batch
sources:
  s: { file: { path: 'in/*.jsonl' }, schema: { k: string, v: int, at: timestamp }, event_time: { column: at } }
operators: { newest: { from: s, latest: { key: [k] } } }
sinks: { t: { from: newest, mysql: { url: 'sqlite:t.db', table: t, mode: upsert, key: [k], create: true } } }
";
    let stage = Stage::new(pipeline, without);
    let line = |v: i64| format!("{{\"k\":\"a\",\"v\":{v},\"at\":\"2026-01-01T00:00:00Z\"}}\n");
    stage.write("in/1.jsonl", &[9, 1].map(line).concat());
    stage.run()?;
    stage.requires("select k, v from t", &["a 1"])
}

pub(crate) fn equal_rows_fail(without: Option<Safeguard>) -> Result<(), String> {
    let pipeline = "
name: p
mode: batch
sources:
  s:
    file: { path: 'in/*.jsonl' }
    schema: { k: string, v: int }
    dead_letters: { mysql: { url: 'sqlite:t.db', table: letters, mode: upsert, key: [id], create: true } }
operators:
  sums: { from: s, group_by: [k], aggregate: { sum: sum(v) } }
  again: { from: s, group_by: [k], aggregate: { sum: sum(v) } }
  both: { from: [sums, again], union: {} }
  inverse: { from: both, derive: { inverse: 1 / sum } }
sinks: { c: { from: inverse, console: { format: json } } }
";
    let stage = Stage::new(pipeline, without);
    stage.write_rows("1", &[("a", 0), ("b", 1)]);
    stage.run()?;
    stage.requires("select count(*) from letters", &["2"])
}
