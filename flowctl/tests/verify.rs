//! `flowctl verify` of the built binary: what it calls equal, and what it finds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod process;
    pub(crate) mod stage;
}

use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use support::process::{await_that, end, signal};
use support::stage::{Stage, outcome};

impl Stage {
    fn run(&self, more: &[&str]) {
        self.does(&[&["run", "p.yaml"], more].concat());
    }

    fn verify(&self, more: &[&str]) -> (Option<i32>, String) {
        self.flowctl(&[&["verify", "p.yaml"], more].concat())
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{text}");
        self.write(name, &text.replacen(from, to, 1));
    }
}

const PIPELINE: &str = "
name: p
mode: batch
checkpoint: 0s
sources: { s: { file: { path: in.jsonl }, schema: { k: string, v: int, x: float, t: timestamp }, event_time: { column: t }, on_error: skip } }
operators:
  big: { from: s, filter: v > 2 }
  sums: { from: big, group_by: [k], aggregate: { sum: sum(v), x: sum(x) } }
  newest: { from: s, latest: { key: [k] } }
  top: { from: newest, top: 3, by: v desc }
sinks:
  json: { from: big, file: { path: rows.jsonl } }
  csv: { from: big, file: { path: rows.csv, format: csv } }
  sums: { from: sums, console: {} }
  top: { from: top, console: {} }
";

/// A stage whose pipeline has run so often that the journal no longer has everything.
fn stage() -> Stage {
    let stage = Stage::new(PIPELINE);
    let mut text = String::new();
    for run in 0..7 {
        for line in 0..40 {
            let at = run * 40 + line;
            let (k, v, t) = (at % 9, at % 13, format!("2026-01-01T00:{:02}:{:02}Z", at / 60, at % 60));
            text.push_str(&format!("{{\"k\":\"{k}\",\"v\":{v},\"x\":0.{at},\"t\":\"{t}\"}}\n"));
        }
        text.push_str("no JSON\n");
        stage.write("in.jsonl", &text);
        stage.run(&["-w", "2"]);
    }
    stage
}

#[test]
fn equal_is_said_of_what_is_equal_however_it_is_cut() {
    let stage = stage();
    for more in [&["-w", "1"][..], &["-w", "2", "--seed", "2"], &["--seed", "3"]] {
        let (code, said) = stage.verify(more);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("replayed 287 records in 7 epochs"), "{said}");
        assert!(said.contains("sink json: equal, 214 rows at epoch 7\nsink csv: equal, 214 rows"), "{said}");
        assert!(said.contains("sink sums: nothing outlives a run there"), "{said}");
    }
    assert!(!stage.path("state/p/scratch").exists());
    stage.run(&[]);
}

#[test]
fn a_row_that_was_changed_by_hand_is_shown() {
    let stage = stage();
    stage.replace("rows.jsonl", "\"v\":7", "\"v\":8");
    let (code, said) = stage.verify(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("sink json: DIFFERS") && said.contains("sink csv: equal"), "{said}");
    assert!(said.contains("not written by this pipeline: 1 rows\n    {\"k\":\"7\",\"v\":8,\"x\":0.7,"), "{said}");
    assert!(said.contains("missing: 1 rows\n    {\"k\":\"7\",\"v\":7,\"x\":0.7,"), "{said}");
    stage.replace("rows.jsonl", "\"v\":8", "\"v\":x");
    let (code, said) = stage.verify(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no row of this sink: byte ") && said.contains("missing: 1 rows"), "{said}");
}

#[test]
fn records_that_were_changed_are_told_from_the_first_epoch_on() {
    let stage = stage();
    stage.replace("in.jsonl", "\"x\":0.200,", "\"x\":0.201,");
    let (code, said) = stage.verify(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("source `s` is not what it was when epoch 6 is replayed; up to epoch 5 all is equal"),
        "{said}"
    );
}

const FOLLOWING: &str = "
name: p
epoch: 5ms
checkpoint: 1h
sources: { s: { file: { path: in.jsonl, follow: true }, schema: { k: string, v: int, t: timestamp }, event_time: { column: t } } }
operators:
  of_a: { from: s, filter: k = 'a' }
  newest_a: { from: of_a, latest: { key: [k] } }
  of_b: { from: s, filter: k = 'b' }
  newest_b: { from: of_b, latest: { key: [k] } }
sinks:
  rows: { from: s, file: { path: rows.jsonl } }
  a: { from: newest_a, console: {} }
  b: { from: newest_b, console: {} }
";

/// A stage whose pipeline was killed when each of these rows, of one time, had an epoch of its own.
fn epochs_of(rows: &[(&str, i64)]) -> Stage {
    let stage = Stage::new(FOLLOWING);
    let mut input = File::create(stage.path("in.jsonl")).unwrap();
    let mut run = stage.command(&["run", "p.yaml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for (at, (k, v)) in rows.iter().enumerate() {
        writeln!(input, "{{\"k\":\"{k}\",\"v\":{v},\"t\":\"2026-01-01T00:00:00Z\"}}").unwrap();
        let arrived = || std::fs::read_to_string(stage.path("rows.jsonl")).map_or(0, |rows| rows.lines().count());
        await_that("row", || arrived() == at + 1);
    }
    run.kill().unwrap();
    run.wait().unwrap();
    stage
}

#[test]
fn a_divergence_names_the_first_epoch_that_has_it() {
    let rows = [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5), ("f", 6), ("g", 7), ("h", 8)];
    let stage = epochs_of(&rows);
    stage.replace("in.jsonl", "\"v\":2", "\"v\":9");
    let first = "source `s` is not what it was when epoch 2 is replayed; up to epoch 1 all is equal";
    for seed in ["1", "2", "3", "4"] {
        let (code, said) = stage.verify(&["--seed", seed]);
        assert!(code == Some(1) && said.contains(first), "seed {seed}: {said}");
    }
    let (code, said) = stage.flowctl(&["run", "p.yaml", "--for", "5s"]);
    assert!(code == Some(1) && said.contains(first), "{said}");
    assert!(!stage.path("state/p/scratch").exists());
}

#[test]
#[cfg(debug_assertions)]
fn a_divergence_names_the_operator_that_has_it_first() {
    // Without the order of the log, the newest of equal times is the greatest.
    let stage = epochs_of(&[("a", 1), ("b", 9), ("b", 1), ("a", 9), ("a", 1), ("c", 0), ("c", 0), ("c", 0)]);
    for seed in ["1", "2", "3"] {
        let mut command = stage.command(&["verify", "p.yaml", "--seed", seed]);
        let (code, said) = outcome(command.env("FLOWCTL_WITHOUT", "newest.in_log"));
        let first = "operator `newest_b` is not what it was when epoch 3 is replayed; up to epoch 2 all is equal";
        assert!(code == Some(1) && said.contains(first), "seed {seed}: {said}");
    }
}

#[test]
fn a_pipeline_that_runs_or_never_ran_is_not_verified() {
    let stage =
        Stage::new(&PIPELINE.replace("mode: batch", "mode: stream").replace("in.jsonl }", "in.jsonl, follow: true }"));
    stage.write("in.jsonl", "");
    let (code, said) = stage.verify(&[]);
    assert!(code == Some(1) && said.contains("pipeline `p` has never run here"), "{said}");
    assert!(!stage.path("state").exists(), "nothing is made by looking");
    let mut child = stage.command(&["run", "p.yaml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    await_that("beginning of the run", || stage.path("state/p/status.json").exists());
    let (code, said) = stage.verify(&[]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(code == Some(1) && said.contains("another flowctl (process "), "{said}");
}

#[test]
fn what_only_the_journal_had_is_compared_by_its_digest() {
    let pipeline = "
name: p
checkpoint: 0s
sources: { s: { twitch: { every: 1s, max_pages: 1 } } }
operators: { polls: { from: s, group_by: [_poll], aggregate: { n: count(*) } } }
sinks:
  rows: { from: s, file: { path: rows.jsonl } }
  polls: { from: polls, console: {} }
";
    let stage = Stage::new(pipeline);
    let length = || std::fs::metadata(stage.path("rows.jsonl")).map_or(0, |rows| rows.len());
    // Each start polls once at least, and leaves a checkpoint: in the end, the journal begins behind the first poll.
    for _ in 0..5 {
        let before = length();
        let run = stage.command(&["run", "p.yaml"]).stdout(Stdio::null()).spawn().unwrap();
        await_that("row of another poll", || length() > before);
        signal(&run, "-TERM");
        let (code, said) = end(run);
        assert_eq!(code, Some(0), "{said}");
    }
    let (code, said) = stage.verify(&[]);
    assert!(code == Some(0) && said.contains("sink rows: equal"), "{said}");
    stage.replace("rows.jsonl", "\"language\":\"en\"", "\"language\":\"de\"");
    let (code, said) = stage.verify(&[]);
    assert!(code == Some(1) && said.contains("sink rows: DIFFERS") && said.contains("only the source knew"), "{said}");
}
