//! `flowctl verify` of the built binary: what it calls equal, and what it finds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;
use std::process::Command;

/// A folder with a pipeline.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new(pipeline: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("p.yaml"), pipeline).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The exit code of a command, and what it has printed and said.
    fn flowctl(&self, words: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        command.args(words).args(["--state", "state"]).current_dir(self.0.path()).env_remove("TWITCH_API");
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    fn run(&self, more: &[&str]) {
        let (code, said) = self.flowctl(&[&["run", "p.yaml"], more].concat());
        assert_eq!(code, 0, "{said}");
    }

    fn verify(&self, more: &[&str]) -> (i32, String) {
        self.flowctl(&[&["verify", "p.yaml"], more].concat())
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
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
        std::fs::write(stage.path("in.jsonl"), &text).unwrap();
        stage.run(&["-w", "2"]);
    }
    stage
}

#[test]
fn equal_is_said_of_what_is_equal_however_it_is_cut() {
    let stage = stage();
    for more in [&["-w", "1"][..], &["-w", "2", "--seed", "2"], &["--seed", "3"]] {
        let (code, said) = stage.verify(more);
        assert_eq!(code, 0, "{said}");
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
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("sink json: DIFFERS") && said.contains("sink csv: equal"), "{said}");
    assert!(said.contains("not written by this pipeline: 1 rows\n    {\"k\":\"7\",\"v\":8,\"x\":0.7,"), "{said}");
    assert!(said.contains("missing: 1 rows\n    {\"k\":\"7\",\"v\":7,\"x\":0.7,"), "{said}");
    stage.replace("rows.jsonl", "\"v\":8", "\"v\":x");
    let (code, said) = stage.verify(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no row of this sink: byte ") && said.contains("missing: 1 rows"), "{said}");
}

#[test]
fn records_that_were_changed_are_told_from_the_first_epoch_on() {
    let stage = stage();
    stage.replace("in.jsonl", "\"x\":0.200,", "\"x\":0.201,");
    let (code, said) = stage.verify(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("source `s` is not what it was when epochs ") && said.contains("up to epoch 5 all is equal"),
        "{said}"
    );
}

#[test]
fn a_pipeline_that_runs_or_never_ran_is_not_verified() {
    let stage =
        Stage::new(&PIPELINE.replace("mode: batch", "mode: stream").replace("in.jsonl }", "in.jsonl, follow: true }"));
    std::fs::write(stage.path("in.jsonl"), "").unwrap();
    let (code, said) = stage.verify(&[]);
    assert!(code == 1 && said.contains("pipeline `p` has never run here"), "{said}");
    assert!(!stage.path("state").exists(), "nothing is made by looking");
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
    let mut child = command.args(["run", "p.yaml", "--state", "state"]).current_dir(stage.0.path()).spawn().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !stage.path("state/p/status.json").exists() {
        assert!(std::time::Instant::now() < deadline, "the run does not begin");
        std::thread::yield_now();
    }
    let (code, said) = stage.verify(&[]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(code == 1 && said.contains("another flowctl (process "), "{said}");
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
    for _ in 0..5 {
        stage.run(&["--for", "300ms"]);
    }
    let (code, said) = stage.verify(&[]);
    assert!(code == 0 && said.contains("sink rows: equal"), "{said}");
    stage.replace("rows.jsonl", "\"language\":\"en\"", "\"language\":\"de\"");
    let (code, said) = stage.verify(&[]);
    assert!(code == 1 && said.contains("sink rows: DIFFERS") && said.contains("only the source knew"), "{said}");
}
