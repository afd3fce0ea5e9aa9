//! The job's answer as one line of JSON, in the form that all peers print.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::tally::{Sums, Tally};

const BUCKETS: [&str; 3] = ["High", "Medium", "Low"];

/// The answer: the five greatest games and users, and the buckets that have rows.
pub fn answer(tally: &Tally) -> Value {
    let games: Vec<Value> = (top(&tally.games).into_iter())
        .map(|(name, sum, count)| json!([name, sum, count, sum as f64 / count as f64]))
        .collect();
    let users: Vec<Value> = top(&tally.users).into_iter().map(|(name, sum, count)| json!([name, sum, count])).collect();
    let buckets: Vec<Value> = BUCKETS
        .iter()
        .zip(tally.buckets)
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| json!([name, count]))
        .collect();
    json!({ "top_games": games, "buckets": buckets, "top_streamers": users })
}

/// The five greatest. Names are as they were written; one that was written in several ways is added up first.
fn top(sums: &Sums) -> Vec<(String, i64, i64)> {
    let mut escaped: HashMap<String, (i64, i64)> = HashMap::new();
    for (name, sum) in sums.iter().filter(|(name, _)| name.contains(&b'\\')) {
        let entry = escaped.entry(unescaped(name)).or_default();
        *entry = (entry.0 + sum.viewers, entry.1 + sum.rows);
    }
    let mut rows: Vec<(&[u8], i64, i64)> = Vec::new();
    for (name, sum) in sums.iter().filter(|(name, _)| !name.contains(&b'\\')) {
        let more = if escaped.is_empty() {
            None
        } else {
            std::str::from_utf8(name).ok().and_then(|name| escaped.remove(name))
        };
        let (viewers, count) = more.unwrap_or_default();
        rows.push((name, sum.viewers + viewers, sum.rows + count));
    }
    rows.extend(escaped.iter().map(|(name, (viewers, count))| (name.as_bytes(), *viewers, *count)));
    let first = |row: &(&[u8], i64, i64), other: &(&[u8], i64, i64)| (other.1, row.0).cmp(&(row.1, other.0));
    if rows.len() > 5 {
        rows.select_nth_unstable_by(4, first);
        rows.truncate(5);
    }
    rows.sort_unstable_by(first);
    rows.iter().map(|(name, viewers, count)| (String::from_utf8_lossy(name).into_owned(), *viewers, *count)).collect()
}

fn unescaped(name: &[u8]) -> String {
    let quoted = [b"\"", name, b"\""].concat();
    serde_json::from_slice(&quoted).unwrap_or_else(|_| crate::fail("a name is no JSON text"))
}
