//! Two instances of one pipeline on one state folder: a live one refuses a second at once, a stopped one is taken over from and knows it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod process;
    pub(crate) mod sqlite;
    pub(crate) mod stage;
}

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Child;

use support::process::{await_lines, await_that, end, signal};
use support::sqlite;
use support::stage::Stage;

const PIPELINE: &str = "
name: p
mode: stream
epoch: 20ms
checkpoint: 100ms
sources: { s: { file: { path: in.jsonl, follow: true }, schema: { k: string, v: int } } }
operators: { sums: { from: s, group_by: [k], aggregate: { n: count(*), sum: sum(v) } } }
sinks:
  rows: { from: s, file: { path: rows.jsonl } }
  sums: { from: sums, mysql: { url: 'sqlite:t.db', table: sums, mode: upsert, key: [k], create: true } }
";

impl Stage {
    fn start(&self, words: &[&str]) -> Child {
        self.command(words).spawn().unwrap()
    }

    fn add(&self, from: i64, to: i64) {
        let mut input = std::fs::OpenOptions::new().create(true).append(true).open(self.path("in.jsonl")).unwrap();
        (from..to).for_each(|v| writeln!(input, "{{\"k\":\"k{}\",\"v\":{v}}}", v % 3).unwrap());
    }

    /// Waits until so many rows have been written.
    fn await_rows(&self, count: usize) {
        await_lines(&self.path("rows.jsonl"), count);
    }
}

fn is_stopped(child: &Child) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(child.id().to_string()).join("stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

#[test]
fn a_stopped_instance_is_taken_over_from_and_ends_when_it_wakes() {
    let stage = Stage::new(PIPELINE);
    stage.add(0, 10);
    let first = stage.start(&["run", "p.yaml", "-w", "2"]);
    stage.await_rows(10);
    let (code, said) = end(stage.start(&["run", "p.yaml"]));
    assert!(code == Some(1) && said.contains("another flowctl (process "), "{code:?}: {said}");
    stage.add(10, 20);
    stage.await_rows(20);
    signal(&first, "-STOP");
    await_that("stop", || is_stopped(&first));
    stage.add(20, 30);
    let second = stage.start(&["run", "p.yaml", "-w", "3"]);
    stage.await_rows(30);
    signal(&first, "-CONT");
    let (code, said) = end(first);
    assert!(code == Some(75) && said.contains("another instance has taken over"), "{code:?}: {said}");
    stage.add(30, 40);
    stage.await_rows(40);
    signal(&second, "-TERM");
    let (code, said) = end(second);
    assert!(code == Some(0) && said.contains("taking over from a flowctl that is stopped"), "{code:?}: {said}");

    assert_eq!(stage.read("rows.jsonl"), stage.read("in.jsonl"));
    let mut expected = BTreeMap::<String, (i64, i64)>::new();
    for v in 0..40 {
        let (n, sum) = expected.entry(format!("k{}", v % 3)).or_default();
        (*n, *sum) = (*n + 1, *sum + v);
    }
    let held: Vec<(String, i64, i64)> = sqlite::rows(&stage.path("t.db"), "select k, n, sum from sums");
    let held = held.into_iter().map(|(k, n, sum)| (k, (n, sum)));
    assert_eq!(held.collect::<BTreeMap<_, _>>(), expected);
    stage.does(&["verify", "p.yaml"]);
}

#[test]
fn a_stopped_instance_that_holds_a_lock_is_ended() {
    let stage = Stage::new(PIPELINE);
    stage.add(0, 10);
    // Its transactions take so long that it can be stopped within one.
    let mut slow = stage.command(&["run", "p.yaml"]);
    let first = slow.env("FLOWCTL_FAILPOINT", "database.written=delay@1").spawn().unwrap();
    stage.await_rows(10);
    let is_locked = || {
        let database = rusqlite::Connection::open(stage.path("t.db")).unwrap();
        database.busy_timeout(std::time::Duration::ZERO).unwrap();
        database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err()
    };
    let mut added = 10;
    await_that("stop within a transaction", || {
        added += 1;
        stage.add(added - 1, added);
        signal(&first, "-STOP");
        await_that("stop", || is_stopped(&first));
        let locked = is_locked();
        if !locked {
            signal(&first, "-CONT");
        }
        locked
    });
    let second = stage.start(&["run", "p.yaml"]);
    let process = first.id();
    let output = first.wait_with_output().unwrap();
    assert_eq!(output.status.code(), None, "it was killed");
    stage.await_rows(usize::try_from(added).unwrap());
    signal(&second, "-TERM");
    let (code, said) = end(second);
    let ended = format!("stopped (process {process}) may hold its lock, and is ended");
    assert!(code == Some(0) && said.contains(&ended), "{code:?}: {said}");
    let sums: Vec<(i64, i64)> = sqlite::rows(&stage.path("t.db"), "select sum(n), sum(sum) from sums");
    assert_eq!(sums, [(added, added * (added - 1) / 2)]);
}

#[test]
fn a_stopped_instance_that_holds_an_embedded_topic_is_ended() {
    let stage = Stage::new(&format!("{PIPELINE}  topic: {{ from: s, kafka: {{ brokers: embedded, topic: t }} }}\n"));
    stage.add(0, 10);
    let first = stage.start(&["run", "p.yaml"]);
    stage.await_rows(10);
    signal(&first, "-STOP");
    await_that("stop", || is_stopped(&first));
    stage.add(10, 20);
    let second = stage.start(&["run", "p.yaml"]);
    let process = first.id();
    assert_eq!(first.wait_with_output().unwrap().status.code(), None, "it was killed");
    stage.await_rows(20);
    signal(&second, "-TERM");
    let (code, said) = end(second);
    let ended = format!("(process {process}) holds a lock, and is ended");
    assert!(code == Some(0) && said.contains(&ended), "{code:?}: {said}");
    stage.does(&["verify", "p.yaml"]);
}
