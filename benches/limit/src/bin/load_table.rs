//! What one would write by hand to get lines of JSON into a table: load_table --url U --table T FILE...
//!
//! Statements of 1,000 rows, transactions of 10,000, one connection, prepared once.

use limit::{fail, required};
use memchr::memchr_iter;
use mysql::prelude::Queryable;
use mysql::{Conn, Opts, TxOpts, Value};
use serde::Deserialize;

const ROWS: usize = 1_000;
const STATEMENTS: usize = 10;

#[derive(Deserialize)]
struct Line<'a> {
    user_name: &'a str,
    game_name: &'a str,
    viewer_count: i64,
    started_at: &'a str,
}

fn main() {
    let (url, table) = (required("--url"), required("--table"));
    let options = Opts::from_url(&url).unwrap_or_else(|error| fail(&format!("--url: {error}")));
    let mut connection = Conn::new(options).unwrap_or_else(|error| fail(&format!("no connection: {error}")));
    let insert = |rows: usize| {
        format!(
            "INSERT INTO {table} (user_name, game_name, viewer_count, started_at) VALUES {}",
            vec!["(?,?,?,?)"; rows].join(",")
        )
    };
    let whole = connection.prep(insert(ROWS)).unwrap_or_else(|error| fail(&format!("{table}: {error}")));
    let mut loaded = 0usize;
    for path in std::env::args().skip(1).filter(|argument| argument.ends_with(".jsonl")) {
        let bytes = std::fs::read(&path).unwrap_or_else(|error| fail(&format!("{path}: {error}")));
        let ends: Vec<usize> = memchr_iter(b'\n', &bytes).collect();
        let mut start = 0;
        for transaction in ends.chunks(ROWS * STATEMENTS) {
            let mut open =
                connection.start_transaction(TxOpts::default()).unwrap_or_else(|error| fail(&error.to_string()));
            for statement in transaction.chunks(ROWS) {
                let mut values: Vec<Value> = Vec::with_capacity(4 * statement.len());
                for end in statement {
                    push(&bytes[start..*end], &mut values);
                    start = end + 1;
                }
                let done = match statement.len() {
                    ROWS => open.exec_drop(&whole, values),
                    fewer => open.exec_drop(insert(fewer), values),
                };
                done.unwrap_or_else(|error| fail(&format!("{table}: {error}")));
                loaded += statement.len();
            }
            open.commit().unwrap_or_else(|error| fail(&error.to_string()));
        }
    }
    println!("{{\"rows\":[[{loaded}]]}}");
}

fn push(line: &[u8], values: &mut Vec<Value>) {
    let line: Line<'_> =
        serde_json::from_slice(line).unwrap_or_else(|error| fail(&format!("a line is not JSON: {error}")));
    values.push(Value::Bytes(line.user_name.into()));
    values.push(Value::Bytes(line.game_name.into()));
    values.push(Value::Int(line.viewer_count));
    values.push(Value::Bytes(line.started_at.trim_end_matches('Z').replace('T', " ").into()));
}
