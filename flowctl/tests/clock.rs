//! The wall clock jumps, forward by a year and back by hours, between runs and in the middle of them: results are as if it had not, and nothing waits for it.

#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod process;
    pub(crate) mod sqlite;
    pub(crate) mod stage;
}

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use engine::runtime::inspection::inspect_epoch;
use serde_json::Value;
use support::process::{await_that, signal};
use support::sqlite;
use support::stage::{Stage, outcome};

const YEAR: i64 = 365 * 86_400;

/// What knows time: rows that come late, keys that expire, sums over both.
const PIPELINE: &str = "
name: p
mode: batch
epoch: 1ms
checkpoint: 0s
sources:
  s:
    file: { path: 'in/*.jsonl' }
    schema: { k: string, v: int, at: timestamp }
    event_time: { column: at, lateness: 2m }
operators:
  sums: { from: s, group_by: [k], aggregate: { n: count(*), sum: sum(v) } }
  live: { from: s, latest: { key: [k], expire: 5m } }
sinks:
  rows: { from: s, late: drop, file: { path: rows.jsonl } }
  sums: { from: sums, mysql: { url: 'sqlite:t.db', table: sums, mode: upsert, key: [k], create: true } }
  live: { from: live, mysql: { url: 'sqlite:t.db', table: live, mode: upsert, key: [k], create: true } }
";

/// A run: how the clock jumps (seconds, at which reading), and where it dies.
type Course = (&'static str, Option<&'static str>);

/// A year forward, back to an hour before the truth, and in the middle of runs both. Two of the runs die, so that the next ones read again.
const COURSES: [Course; 6] = [
    ("0@1", None),
    ("31536000@1", Some("commit.begin=abort@2")),
    ("-3600@1", None),
    ("31536000@3,-31539600@6", Some("commit.done=abort@1")),
    ("-7200@2,31536000@5", None),
    ("0@1", None),
];

/// A row of a table: a key and two numbers.
type Row = (String, i64, i64);

fn stage(pipeline: &str) -> Stage {
    let stage = Stage::new(pipeline);
    std::fs::create_dir(stage.path("in")).unwrap();
    stage
}

impl Stage {
    /// Files that a run finds new; the rows of each are of a minute, some of them late.
    fn add_files(&self, run: usize) {
        for file in 0..4 {
            let minute = run * 4 + file;
            let rows = (0..20).map(|row| {
                let (v, behind) = (minute * 20 + row, if row % 7 == 6 { 4 } else { 0 });
                let at = format!("2026-01-01T01:{:02}:{row:02}Z", minute + 4 - behind);
                // One key comes once, and expires.
                let k = if v == 0 { 99 } else { v * 7 % 23 };
                format!("{{\"k\":\"k{k}\",\"v\":{v},\"at\":\"{at}\"}}\n")
            });
            std::fs::write(self.path(&format!("in/{run}-{file}.jsonl")), rows.collect::<String>()).unwrap();
        }
    }

    /// flowctl with a clock that jumps.
    fn with_clock(&self, words: &[&str], jumps: &str) -> Command {
        let mut command = self.command(words);
        command.env("FLOWCTL_CLOCK", jumps);
        command
    }

    fn does_with_clock(&self, words: &[&str], jumps: &str) {
        let (code, said) = outcome(&mut self.with_clock(words, jumps));
        assert_eq!(code, Some(0), "{words:?} with {jumps}: {said}");
    }

    fn table(&self, sql: &str) -> Vec<Row> {
        sqlite::rows(&self.path("t.db"), sql)
    }

    /// Everything in the sinks.
    fn sinks(&self) -> (Vec<String>, Vec<Row>, Vec<Row>) {
        let sums = self.table("select k, n, sum from sums order by k");
        (self.sorted_lines("rows.jsonl"), sums, self.table("select k, v, length(at) from live order by k"))
    }

    /// When each epoch was closed that the journal still knows.
    fn clocks(&self, folder: &str) -> Vec<i64> {
        let folder = self.path(folder);
        let last = inspect_epoch(&folder, None).unwrap().unwrap().epoch;
        let known = (1..=last).filter_map(|epoch| inspect_epoch(&folder, Some(epoch)).unwrap());
        known.map(|epoch| epoch.clock).collect()
    }

    fn status(&self) -> Value {
        let status = std::fs::read(self.path("state/p/status.json")).unwrap_or_default();
        serde_json::from_slice(&status).unwrap_or_default()
    }
}

#[test]
fn results_are_as_if_the_clock_had_not_jumped() {
    let (jumping, steady) = (stage(PIPELINE), stage(PIPELINE));
    let mut clocks = BTreeMap::new();
    for (run, (jumps, dies)) in COURSES.into_iter().enumerate() {
        [&jumping, &steady].into_iter().for_each(|stage| stage.add_files(run));
        let mut command = jumping.with_clock(&["run", "p.yaml", "-w", "2"], jumps);
        let (code, said) = outcome(command.envs(dies.map(|dies| ("FLOWCTL_FAILPOINT", dies))));
        assert_eq!(code == Some(0), dies.is_none(), "run {run}: {said}");
        steady.does_with_clock(&["run", "p.yaml", "-w", "2"], "0@1");
        let known = jumping.clocks("state/p");
        assert!(known.is_sorted(), "epochs were closed at {known:?}");
        clocks.extend(known.into_iter().map(|clock| (clock, run)));
    }
    let (first, last) = (clocks.keys().next().unwrap(), clocks.keys().next_back().unwrap());
    assert!(last - first >= YEAR * 1_000_000, "the clock has not jumped: {clocks:?}");
    let (rows, sums, live) = jumping.sinks();
    assert!(!rows.is_empty() && rows.len() < COURSES.len() * 80, "some rows come late");
    assert!(!live.is_empty() && live.len() < sums.len(), "some keys expire");
    assert_eq!((rows, sums, live), steady.sinks());
    jumping.does_with_clock(&["verify", "p.yaml"], "-31536000@1");
}

#[test]
fn nothing_waits_for_a_clock_that_stands_back() {
    let stream = PIPELINE.replace("mode: batch\nepoch: 1ms\ncheckpoint: 0s", "epoch: 20ms\ncheckpoint: 20ms");
    let stage = stage(&stream.replace("*.jsonl'", "*.jsonl', follow: true"));
    stage.add_files(0);
    // The clock goes back a year once the first epochs are closed.
    let mut run = stage.with_clock(&["run", "p.yaml"], &format!("{}@2", -YEAR)).stderr(Stdio::null()).spawn().unwrap();
    let made = || stage.status()["checkpoint"]["epoch"].as_u64().unwrap_or(0);
    for file in 1..4 {
        let before = made();
        stage.add_files(file);
        await_that("checkpoint", || made() > before);
    }
    signal(&run, "-TERM");
    assert!(run.wait().unwrap().success());
    assert_eq!(stage.table("select '', sum(n), sum(sum) from sums"), [(String::new(), 320, (0..320).sum())]);
    assert!(stage.clocks("state/p").is_sorted());
}

/// What is polled bears the clock's time, whatever that is, and is kept as it came.
#[test]
fn polls_are_kept_once_whatever_the_clock_says() {
    let pipeline = "
name: p
epoch: 20ms
sources: { s: { twitch: { every: 1s, max_pages: 1 } } }
operators:
  named: { from: s, derive: { poll: _poll, polled_at: _polled_at } }
  polls: { from: named, group_by: [poll], aggregate: { n: count(*) } }
sinks:
  rows: { from: named, file: { path: rows.jsonl } }
  polls: { from: polls, mysql: { url: 'sqlite:t.db', table: polls, mode: upsert, key: [poll], create: true } }
";
    let stage = stage(pipeline);
    for (run, jumps) in ["31536000@1", "-3600@1", "0@1,-7200@4,31536000@7", "0@1"].into_iter().enumerate() {
        stage.does_with_clock(&["run", "p.yaml", "--for", "2s"], jumps);
        assert!(stage.clocks("state/embedded/p").is_sorted(), "after run {run}");
    }
    let rows: Vec<Value> =
        stage.sorted_lines("rows.jsonl").iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let polls: Vec<Row> = stage.table("select '', poll, n from polls order by poll");
    assert!(polls.len() >= 4, "each run polls: {polls:?}");
    assert_eq!(polls.iter().map(|(.., n)| *n).sum::<i64>(), rows.len() as i64);
    let year = |row: &Value| row["polled_at"].as_str().unwrap()[..4].to_owned();
    assert!(rows.iter().map(year).max() > rows.iter().map(year).min(), "the clock has not jumped");
    stage.does_with_clock(&["verify", "p.yaml"], "0@1");
}
