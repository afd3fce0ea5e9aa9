//! What is there after a run: rows of sinks, dead letters, ledgers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::case::Case;
use crate::support::rows::{Rows, add, canonical, of_lines};

/// What is there after a run.
pub(crate) struct Outcome {
    pub(crate) sinks: BTreeMap<String, Rows>,
    pub(crate) dead_letters: Rows,
    pub(crate) ledgers: Value,
    /// What a failed run said.
    pub(crate) failure: Option<String>,
}

impl Outcome {
    /// What is there in the folder of a run; what it said if it failed.
    pub(crate) fn of(case: &Case, folder: &Path, failure: Option<String>) -> Self {
        let mut sinks = console(folder);
        for sink in case.expected.keys() {
            if case.pipeline.contains(&format!("out.{sink}.jsonl")) {
                let text = fs::read_to_string(folder.join(format!("out.{sink}.jsonl"))).unwrap_or_default();
                sinks.insert(sink.clone(), of_lines(&text));
            } else if case.pipeline.contains(&format!("table: {sink}")) {
                let database = rusqlite::Connection::open(folder.join("out.db")).unwrap();
                sinks.insert(sink.clone(), rows_of_table(&database, sink));
            }
        }
        Self { sinks, dead_letters: dead_letters(folder), ledgers: ledgers(folder), failure }
    }
}

/// What became of the records of each source.
fn ledgers(folder: &Path) -> Value {
    let status = fs::read_to_string(folder.join("state/scenario/status.json")).unwrap_or_else(|_| "{}".into());
    serde_json::from_str::<Value>(&status).unwrap()["ledgers"].take()
}

/// How many records have been read.
pub(crate) fn records_read(folder: &Path) -> u64 {
    ledgers(folder).as_object().into_iter().flatten().map(|(_, ledger)| ledger["read"].as_u64().unwrap()).sum()
}

/// What console sinks show in the end. After no epoch may a row be there less than no times.
fn console(folder: &Path) -> BTreeMap<String, Rows> {
    let mut sinks: BTreeMap<String, Rows> = BTreeMap::new();
    let mut last = BTreeMap::new();
    let text = fs::read_to_string(folder.join("stdout")).unwrap();
    for line in text.lines() {
        let change: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let (sink, epoch) = (change["sink"].as_str().unwrap().to_owned(), change["epoch"].as_u64().unwrap());
        let rows = sinks.entry(sink.clone()).or_default();
        if last.insert(sink, epoch) != Some(epoch) {
            assert!(rows.values().all(|count| *count > 0), "before epoch {epoch}: {rows:?}\n{text}");
        }
        let (_, row) = line.split_once("\"row\":").unwrap();
        add(rows, canonical(row.strip_suffix('}').unwrap()), change["diff"].as_i64().unwrap());
    }
    assert!(sinks.values().flatten().all(|(_, count)| *count > 0), "{sinks:?}\n{text}");
    sinks
}

/// The dead letters that stand, in the tables where they go by default.
fn dead_letters(folder: &Path) -> Rows {
    let mut found = Rows::new();
    let file = folder.join("state/scenario/dead-letters.db");
    if !file.exists() {
        return found;
    }
    let database = rusqlite::Connection::open(file).unwrap();
    let mut query = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let tables: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for table in tables.iter().filter(|table| *table != "flowctl_sinks") {
        for (letter, count) in rows_of_table(&database, table) {
            let letter: Value = serde_json::from_str(&letter).unwrap();
            assert!(letter["message"].as_str().is_some_and(|message| !message.is_empty()), "{letter}");
            let mut known = json!({});
            // What is no record's alone has a source all the same, among whose letters it is.
            let of_record = !letter["partition"].is_null();
            for name in ["source", "offset", "operator", "code", "text", "base64"] {
                if !letter[name].is_null() && (of_record || name != "source") {
                    known[name] = letter[name].clone();
                }
            }
            add(&mut found, canonical(&known.to_string()), count);
        }
    }
    found
}

fn rows_of_table(database: &rusqlite::Connection, table: &str) -> Rows {
    let mut query = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let names: Vec<String> = query.column_names().into_iter().map(str::to_owned).collect();
    let mut found = Rows::new();
    let mut rows = query.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let value = |at: usize| match row.get_ref_unwrap(at) {
            rusqlite::types::ValueRef::Null => "null".into(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Real(number) => format!("{number:?}"),
            rusqlite::types::ValueRef::Text(text) => Value::from(std::str::from_utf8(text).unwrap()).to_string(),
            rusqlite::types::ValueRef::Blob(_) => panic!("no column holds bytes"),
        };
        let cells = names.iter().enumerate().map(|(at, name)| format!("{}:{}", Value::from(name.as_str()), value(at)));
        add(&mut found, canonical(&format!("{{{}}}", cells.collect::<Vec<_>>().join(","))), 1);
    }
    found
}
