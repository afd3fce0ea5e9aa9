//! Two instances of one pipeline on one state folder: a live one refuses a second at once, a stopped one is taken over from and knows it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

struct Stage(tempfile::TempDir);

impl Stage {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        command.args(words).args(["p.yaml", "--state", "state"]).current_dir(self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn add(&self, from: i64, to: i64) {
        let mut input = std::fs::OpenOptions::new().create(true).append(true).open(self.path("in.jsonl")).unwrap();
        (from..to).for_each(|v| writeln!(input, "{{\"k\":\"k{}\",\"v\":{v}}}", v % 3).unwrap());
    }

    /// Waits until so many rows have been written.
    fn await_rows(&self, count: usize) {
        let rows = || std::fs::read_to_string(self.path("rows.jsonl")).unwrap_or_default().lines().count();
        await_that(&format!("{count} rows"), || rows() >= count);
    }
}

fn await_that(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what} within a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

fn is_stopped(child: &Child) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(child.id().to_string()).join("stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

/// The exit code of a process that ends, and what it has said.
fn end(child: Child) -> (i32, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_stopped_instance_is_taken_over_from_and_ends_when_it_wakes() {
    let stage = Stage(tempfile::tempdir().unwrap());
    std::fs::write(stage.path("p.yaml"), PIPELINE).unwrap();
    stage.add(0, 10);
    let first = stage.command(&["run", "-w", "2"]).spawn().unwrap();
    stage.await_rows(10);
    let (code, said) = end(stage.command(&["run"]).spawn().unwrap());
    assert!(code == 1 && said.contains("another flowctl (process "), "{code}: {said}");
    stage.add(10, 20);
    stage.await_rows(20);
    signal(&first, "-STOP");
    await_that("stop", || is_stopped(&first));
    stage.add(20, 30);
    let second = stage.command(&["run", "-w", "3"]).spawn().unwrap();
    stage.await_rows(30);
    signal(&first, "-CONT");
    let (code, said) = end(first);
    assert!(code == 75 && said.contains("another instance has taken over"), "{code}: {said}");
    stage.add(30, 40);
    stage.await_rows(40);
    signal(&second, "-TERM");
    let (code, said) = end(second);
    assert!(code == 0 && said.contains("taking over from a flowctl that is stopped"), "{code}: {said}");

    let input = std::fs::read_to_string(stage.path("in.jsonl")).unwrap();
    assert_eq!(std::fs::read_to_string(stage.path("rows.jsonl")).unwrap(), input);
    let mut expected = BTreeMap::<String, (i64, i64)>::new();
    for v in 0..40 {
        let (n, sum) = expected.entry(format!("k{}", v % 3)).or_default();
        (*n, *sum) = (*n + 1, *sum + v);
    }
    let database = rusqlite::Connection::open(stage.path("t.db")).unwrap();
    let mut query = database.prepare("select k, n, sum from sums").unwrap();
    let held = query.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).unwrap();
    assert_eq!(held.map(Result::unwrap).collect::<BTreeMap<String, (i64, i64)>>(), expected);
    let (code, said) = end(stage.command(&["verify"]).spawn().unwrap());
    assert_eq!(code, 0, "{said}");
}
