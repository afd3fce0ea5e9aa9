//! `flowctl state`, `run --fresh`, `run --from` and what SIGTERM leaves, as a shell sees them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod process;
    pub(crate) mod sqlite;
    pub(crate) mod stage;
}

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};

use serde_json::Value;
use support::process::{await_lines, end, signal};
use support::sqlite;
use support::stage::Stage;

const SUMS: &str = "
name: sums
mode: batch
checkpoint: 0s
sources: { s: { file: { path: in.jsonl }, schema: { k: string, v: int } } }
operators: { sum: { from: s, group_by: [k], aggregate: { sum: sum(v), most: max(v) } } }
sinks:
  c: { from: sum, console: { format: json } }
  f: { from: s, file: { path: out.jsonl } }
";

impl Stage {
    /// The exit code, and what was shown and said.
    fn ends(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.shows(&[arguments, &["--output", "json"]].concat()).0).unwrap()
    }

    /// Runs once a line, so that each is an epoch and a checkpoint.
    fn run_lines(&self, count: usize) {
        let mut input = std::fs::File::create(self.path("in.jsonl")).unwrap();
        for v in 1..=count {
            writeln!(input, "{{\"k\":\"a\",\"v\":{v}}}").unwrap();
            self.does(&["run", "p.yaml"]);
        }
    }

    /// Everything below the state directory, with when it was changed.
    fn state(&self) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
        let (mut files, mut folders) = (Vec::new(), vec![self.path("state")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let changed = path.metadata().unwrap().modified().unwrap();
                files.push((path.clone(), std::fs::read(&path).unwrap_or_default(), changed));
                folders.extend(path.is_dir().then_some(path));
            }
        }
        files.sort();
        files
    }
}

/// A run is asked to stop, and ends: its exit code and what it has said.
fn stop(child: Child, name: &str) -> (Option<i32>, String) {
    signal(&child, name);
    end(child)
}

#[test]
fn looking_changes_nothing_and_makes_nothing() {
    let stage = Stage::new(SUMS);
    let looks = [&["state", "ls"][..], &["state", "ls", "p.yaml"], &["state", "show", "p.yaml"], &["status", "p.yaml"]];
    for arguments in looks {
        stage.ends(arguments);
        assert!(!stage.path("state").exists(), "{arguments:?}");
    }
    let (_, said) = stage.shows(&["state", "ls"]);
    assert!(said.contains("no pipeline has state in `state`"), "{said}");
    let (code, _, said) = stage.ends(&["state", "show", "p.yaml"]);
    assert!(code == 1 && said.contains("pipeline `sums` has no state in `state`"), "{said}");
    stage.run_lines(2);
    let before = stage.state();
    looks.iter().for_each(|arguments| drop(stage.does(arguments)));
    assert_eq!(stage.state(), before);
}

#[test]
fn pipelines_are_listed_with_how_they_stand() {
    let stage = Stage::new(SUMS);
    stage.run_lines(5);
    stage.write("other.yaml", &SUMS.replace("name: sums", "name: other").replace("out.jsonl", "other.jsonl"));
    stage.does(&["run", "other.yaml"]);
    let listed = stage.json(&["state", "ls"]);
    let facts = |at: usize| ["pipeline", "epoch", "checkpoints", "process"].map(|key| listed[at][key].clone());
    assert_eq!(facts(0), [Value::from("other"), 1.into(), 1.into(), Value::Null]);
    assert_eq!(facts(1), [Value::from("sums"), 5.into(), 3.into(), Value::Null]);
    stage.write("state/other/identity.json", "{}");
    let (shown, said) = stage.shows(&["state", "ls"]);
    assert!(shown.contains("│ other    ┆ unreadable") && shown.contains("│ sums     ┆ 5 "), "{shown}");
    assert!(said.contains("state in state/other: identity.json is damaged"), "{said}");
}

#[test]
fn one_pipeline_is_shown_with_its_checkpoints_and_marks() {
    let stage = Stage::new(SUMS);
    stage.run_lines(5);
    let state = stage.json(&["state", "ls", "p.yaml"]);
    let bases: Vec<_> = state["segments"].as_array().unwrap().iter().map(|segment| segment["base"].clone()).collect();
    // Each start begins a segment, and so does what follows a checkpoint.
    assert_eq!(bases, [3, 3, 4, 4, 5]);
    let offset = std::fs::metadata(stage.path("in.jsonl")).unwrap().len();
    assert_eq!(state["positions"]["s"]["in.jsonl"], offset);
    assert!(state["checkpoints"].as_array().unwrap().iter().all(|checkpoint| checkpoint["fits"] == true), "{state}");
    let present = |state: &Value| {
        let sinks = state["sinks"].as_array().unwrap().iter();
        let sinks = sinks.filter(|sink| sink["name"] != "dead_letters.s");
        sinks.map(|sink| (sink["name"].to_string(), sink["passed"] == 5, sink["in_yaml"] == true)).collect::<Vec<_>>()
    };
    assert_eq!(present(&state), [("\"c\"".into(), true, true), ("\"f\"".into(), true, true)]);
    stage.write("p.yaml", &SUMS.replace("max(v)", "min(v)"));
    let (shown, _) = stage.shows(&["state", "ls", "p.yaml"]);
    assert!(shown.contains("no: operator `sum` is another, or new"), "{shown}");
    let state = stage.json(&["state", "ls", "p.yaml"]);
    assert_eq!(present(&state), [("\"c\"".into(), true, false), ("\"f\"".into(), true, true)]);
}

#[test]
fn an_epoch_is_shown_with_what_it_read_and_what_the_checkpoint_keeps() {
    let stage = Stage::new(SUMS);
    stage.run_lines(4);
    let last = stage.json(&["state", "show", "p.yaml"]);
    assert_eq!([&last["epoch"]["epoch"], &last["epoch"]["ledgers"]["s"]["used"]], [4, 4]);
    assert_eq!(last["checkpoint"]["keeps"][0]["of"], "operator `sum`");
    assert_eq!([&last["checkpoint"]["epoch"], &last["checkpoint"]["keeps"][0]["entries"]], [4, 1]);
    let third = stage.json(&["state", "show", "p.yaml", "--epoch", "3"]);
    let range = |shown: &Value, side: &str| shown["epoch"]["ranges"]["s"]["in.jsonl"][side].clone();
    assert_eq!(range(&third, "end"), range(&last, "start"));
    let (shown, _) = stage.shows(&["state", "show", "p.yaml", "--epoch", "3"]);
    for words in ["epoch 3 of sums: closed ", "│ source s ", "source s: read 3 = used 3", "dead letters: 0"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let (code, _, said) = stage.ends(&["state", "show", "p.yaml", "--epoch", "99"]);
    assert!(code == 1 && said.contains("no record of epoch 99") && said.contains("epochs 2 to 4"), "{said}");
}

#[test]
fn state_is_dropped_when_somebody_says_so() {
    let stage = Stage::new(SUMS);
    stage.run_lines(1);
    let (code, _, said) = stage.ends(&["state", "drop", "p.yaml"]);
    assert_eq!(code, 2, "{said}");
    for words in ["this removes state/sums", "until they are emptied", "out.jsonl (sink `f`)", "--yes"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(stage.path("state/sums/journal").exists());
    stage.does(&["state", "drop", "p.yaml", "--yes"]);
    assert!(!stage.path("state/sums").exists() && stage.path("out.jsonl").exists());
    let (code, _, said) = stage.ends(&["run", "p.yaml"]);
    assert!(code == 1 && said.contains("out.jsonl is not empty") && said.contains("help: remove the file"), "{said}");
    std::fs::remove_file(stage.path("out.jsonl")).unwrap();
    assert!(stage.shows(&["run", "p.yaml"]).0.contains("\"epoch\":1"));
}

#[test]
fn tables_of_a_state_that_is_gone_are_named_until_they_are_emptied() {
    let file = "f: { from: s, file: { path: out.jsonl } }";
    let table = "t: { from: sum, mysql: { url: 'sqlite:t.db', table: t, mode: upsert, key: [k], create: true } }";
    let stage = Stage::new(&SUMS.replace(file, table));
    stage.run_lines(3);
    let (_, said) = stage.shows(&["state", "drop", "p.yaml", "--yes"]);
    assert!(said.contains("until they are emptied:\n  table `t` in "), "{said}");
    let (code, _, said) = stage.ends(&["run", "p.yaml", "--fresh"]);
    assert!(code == 1 && said.contains("written from another state directory"), "{said}");
    // As the hint says.
    let hint = said.lines().find(|line| line.starts_with("  help: ")).unwrap();
    let database = rusqlite::Connection::open(stage.path("t.db")).unwrap();
    let mut statements = 0;
    for statement in hint.split('`').filter(|code| code.starts_with("DROP") || code.starts_with("DELETE")) {
        database.execute(statement, []).unwrap();
        statements += 1;
    }
    assert_eq!(statements, 2, "{hint}");
    stage.does(&["run", "p.yaml"]);
    let sum: i64 = database.query_row("select sum from t", [], |row| row.get(0)).unwrap();
    assert_eq!(sum, 6);
}

#[test]
fn a_fresh_run_begins_anew() {
    let stage = Stage::new(&SUMS.replace("  f: { from: s, file: { path: out.jsonl } }\n", ""));
    stage.run_lines(3);
    let (shown, said) = stage.shows(&["run", "p.yaml", "--fresh"]);
    assert!(shown.contains("\"epoch\":1") && shown.contains("\"sum\":6,\"most\":3"), "{shown}");
    assert!(said.contains("the state of `sums` is removed: it begins anew") && !said.contains("checkpoint"), "{said}");
    stage.write("state/sums/identity.json", "{}");
    let (code, _, said) = stage.ends(&["run", "p.yaml"]);
    assert!(code == 1 && said.contains("identity.json is damaged") && said.contains("flowctl run --fresh"), "{said}");
    stage.does(&["run", "p.yaml", "--fresh"]);
    let (code, _, said) = stage.ends(&["run", "p.yaml", "--fresh", "--from", "1"]);
    assert!(code == 2 && said.contains("--from"), "{said}");
}

#[test]
fn a_run_begins_with_the_checkpoint_that_it_is_told() {
    let stage = Stage::new(SUMS);
    stage.run_lines(5);
    let out = stage.read("out.jsonl");
    for (from, begins) in [("3", "at epoch 3"), ("4", "at epoch 4"), ("99", "at epoch 5"), ("0", "")] {
        let (shown, said) = stage.shows(&["run", "p.yaml", "--from", from]);
        assert_eq!(said.contains("goes on from the checkpoint"), !begins.is_empty(), "{from}: {said}");
        assert!(
            said.contains(begins) && shown.lines().last().unwrap().contains("\"sum\":15,\"most\":5"),
            "{shown} {said}"
        );
    }
    assert_eq!(stage.read("out.jsonl"), out);
    let (code, _, said) = stage.ends(&["run", "p.yaml", "--from", "2"]);
    assert!(code == 1 && said.contains("no checkpoint at or before epoch 2"), "{said}");
    assert!(said.contains("there are those at epochs 3, 4, 5"), "{said}");
}

/// A stream that is followed, with its rows as they come and counted.
const FOLLOWED: &str = "
name: followed
epoch: 20ms
checkpoint: 1h
sources: { s: { file: { path: in.jsonl, follow: true }, schema: { k: string, v: int } } }
operators: { sum: { from: s, group_by: [k], aggregate: { sum: sum(v), most: max(v) } } }
sinks:
  c: { from: sum, console: { format: json } }
  f: { from: s, file: { path: out.jsonl } }
  t: { from: sum, mysql: { url: 'sqlite:t.db', table: t, mode: upsert, key: [k], create: true } }
";

#[test]
fn one_signal_drains_and_a_restart_reads_nothing_again() {
    for name in ["-TERM", "-INT"] {
        let stage = Stage::new(FOLLOWED);
        let line = "{\"k\":\"a\",\"v\":1}\n";
        stage.write("in.jsonl", &line.repeat(100));
        let child = stage.command(&["run", "p.yaml"]).spawn().unwrap();
        await_lines(&stage.path("out.jsonl"), 100);
        let (code, said) = stop(child, name);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("stopping; interrupt again to stop at once"), "{said}");
        let state = stage.json(&["state", "ls", "p.yaml"]);
        let last = &state["epoch"];
        assert_eq!(&state["checkpoints"].as_array().unwrap().last().unwrap()["epoch"], last);
        assert!(state["sinks"].as_array().unwrap().iter().all(|sink| sink["passed"] == *last), "{state}");
        // What was read is spoilt, but for its last KiB, by which the source knows where it was: nobody may look.
        let input = std::fs::OpenOptions::new().write(true).open(stage.path("in.jsonl")).unwrap();
        let length = line.len() * 100;
        input.write_all_at(&vec![b'x'; length - 1024], 0).unwrap();
        input.write_all_at(line.as_bytes(), length as u64).unwrap();
        let (shown, said) = stage.shows(&["run", "p.yaml", "--until-idle", "500ms"]);
        assert!(shown.lines().last().unwrap().contains("\"sum\":101"), "{shown}");
        assert!(said.contains(&format!("goes on from the checkpoint at epoch {last}")), "{said}");
        assert_eq!(stage.read("out.jsonl"), line.repeat(101));
        let held: Vec<(String, i64, i64)> = sqlite::rows(&stage.path("t.db"), "select k, sum, most from t");
        assert_eq!(held, [("a".into(), 101, 1)]);
    }
}

#[test]
fn a_running_pipeline_is_looked_at_and_not_dropped() {
    let stage = Stage::new(&FOLLOWED.replace("checkpoint: 1h", "checkpoint: 0s"));
    stage.write("in.jsonl", "{\"k\":\"a\",\"v\":1}\n");
    let child = stage.command(&["run", "p.yaml"]).stdout(Stdio::null()).spawn().unwrap();
    let mut input = std::fs::OpenOptions::new().append(true).open(stage.path("in.jsonl")).unwrap();
    for count in 1..=30 {
        await_lines(&stage.path("out.jsonl"), count);
        writeln!(input, "{{\"k\":\"a\",\"v\":1}}").unwrap();
        let listed = stage.json(&["state", "ls"]);
        assert_eq!(listed[0]["process"], child.id(), "{listed}");
        stage.does(&["state", "ls", "p.yaml"]);
        stage.does(&["state", "show", "p.yaml"]);
    }
    for arguments in [&["state", "drop", "p.yaml", "--yes"][..], &["run", "p.yaml", "--fresh"]] {
        let (code, _, said) = stage.ends(arguments);
        assert!(code == 1 && said.contains(&format!("another flowctl (process {})", child.id())), "{said}");
    }
    let status = stage.json(&["status", "p.yaml"]);
    assert_eq!([&status["pipeline"], &status["ended"]], [&Value::from("followed"), &false.into()]);
    let (code, said) = stop(child, "-TERM");
    assert!(code == Some(0) && said.contains("stopping"), "{said}");
    let (shown, _) = stage.shows(&["status", "p.yaml"]);
    assert!(shown.contains("followed: ended") && shown.contains("\ncheckpoint: epoch "), "{shown}");
}
