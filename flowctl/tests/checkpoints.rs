//! Restarts of the built binary that go on from checkpoints.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod process;
    pub(crate) mod sqlite;
    pub(crate) mod stage;
}

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Child;

use support::process::await_that;
use support::sqlite;
use support::stage::Stage;

impl Stage {
    fn start(&self, more: &[&str]) -> Child {
        self.command(&[&["run", "p.yaml"], more].concat()).spawn().unwrap()
    }

    /// What a run that ends well has shown and said.
    fn run(&self, more: &[&str]) -> (String, String) {
        self.shows(&[&["run", "p.yaml"], more].concat())
    }
}

/// The sum of a key's values, kept over runs that each see one more line.
const SUMS: &str = "
name: sums
mode: batch
checkpoint: 0s
sources: { s: { file: { path: in.jsonl }, schema: { v: int } } }
operators: { sum: { from: s, group_by: [], aggregate: { sum: sum(v), most: max(v) } } }
sinks: { c: { from: sum, console: { format: json } } }
";

#[test]
fn a_run_goes_on_from_its_newest_sound_checkpoint() {
    let stage = Stage::new(SUMS);
    let mut input = std::fs::File::create(stage.path("in.jsonl")).unwrap();
    let mut add = |line: &str, sum: &str| {
        writeln!(input, "{line}").unwrap();
        let (shown, said) = stage.run(&[]);
        assert!(shown.lines().last().unwrap().contains(sum), "{shown} {said}");
        said
    };
    let newest = || {
        std::fs::read_dir(stage.path("state/sums/checkpoints")).unwrap().map(|run| run.unwrap().path()).max().unwrap()
    };
    let said = add("{\"v\":5}", "\"sum\":5,\"most\":5");
    assert!(!said.contains("checkpoint"), "{said}");
    let said = add("{\"v\":2}", "\"sum\":7,\"most\":5");
    assert!(said.contains("goes on from the checkpoint at epoch 1"), "{said}");
    let mut bytes = std::fs::read(newest()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(newest(), bytes).unwrap();
    let said = add("{\"v\":9}", "\"sum\":16,\"most\":9");
    assert!(said.contains("the checkpoint at epoch 2 is left out"), "{said}");
}

#[test]
fn only_the_journal_from_the_oldest_checkpoint_is_kept() {
    let stage = Stage::new(SUMS);
    let mut input = std::fs::File::create(stage.path("in.jsonl")).unwrap();
    for _ in 0..8 {
        writeln!(input, "{{\"v\":1}}").unwrap();
        stage.run(&[]);
    }
    let count = |folder: &str| std::fs::read_dir(stage.path("state/sums").join(folder)).unwrap().count();
    // Of three checkpoints: the segment behind each, and one that each start behind the first has begun.
    assert!(count("journal") <= 5 && count("checkpoints") <= 6, "{} {}", count("journal"), count("checkpoints"));
    assert!(stage.run(&[]).0.contains("\"sum\":8"));
}

#[test]
fn other_operators_read_again_what_the_sources_still_have() {
    let stage = Stage::new(SUMS);
    let mut input = std::fs::File::create(stage.path("in.jsonl")).unwrap();
    for v in 1..=8 {
        writeln!(input, "{{\"v\":{v}}}").unwrap();
        stage.run(&[]);
    }
    stage.write("p.yaml", &SUMS.replace("max(v)", "min(v)"));
    for v in 9..=14 {
        writeln!(input, "{{\"v\":{v}}}").unwrap();
        let (shown, said) = stage.run(&[]);
        assert!(
            shown.lines().last().unwrap().contains(&format!("\"sum\":{},\"most\":1", v * (v + 1) / 2)),
            "{shown} {said}"
        );
    }
}

#[test]
fn what_neither_checkpoints_nor_sources_have_is_refused() {
    let pipeline = "
name: polls
checkpoint: 0s
sources: { s: { twitch: { every: 1s, max_pages: 1 } } }
operators: { ranks: { from: s, group_by: [language], aggregate: { most: max(_rank) } } }
sinks: { c: { from: ranks, console: { format: json } } }
";
    let stage = Stage::new(pipeline);
    // Until the journal no longer begins with the first poll.
    let first = stage.path("state/embedded/polls/journal/000001-000000000000.journal");
    for runs in 0.. {
        assert!(runs < 100, "{} is not removed", first.display());
        stage.run(&["--for", "300ms"]);
        if runs > 2 && !first.exists() {
            break;
        }
    }
    stage.write("p.yaml", &pipeline.replace("max(", "min("));
    let refused = stage.start(&["--for", "60s"]).wait_with_output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the journal begins with epoch") && said.contains("--state DIR"), "{said}");
}

/// Polls of the simulator, each row as it comes and counted by poll.
const POLLS: &str = "
name: polls
epoch: 20ms
checkpoint: 0s
sources: { s: { twitch: { every: 1s, max_pages: 2 } } }
operators:
  named: { from: s, derive: { poll: _poll, rank: _rank } }
  polls: { from: named, group_by: [poll], aggregate: { n: count(*), most: max(rank) } }
sinks:
  rows: { from: named, file: { path: rows.jsonl } }
  polls: { from: polls, mysql: { url: 'sqlite:polls.db', table: polls, mode: upsert, key: [poll], create: true } }
";

#[test]
fn polls_are_kept_once_through_kills_and_checkpoints() {
    let stage = Stage::new(POLLS);
    let length = || std::fs::metadata(stage.path("rows.jsonl")).map_or(0, |rows| rows.len());
    for _ in 0..4 {
        let before = length();
        let mut child = stage.start(&[]);
        await_that("row of another poll", || length() > before);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (_, said) = stage.run(&["--for", "2s"]);
    assert!(said.contains("goes on from the checkpoint"), "{said}");
    let mut polls = BTreeMap::<i64, Vec<i64>>::new();
    let text = stage.read("rows.jsonl");
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        polls.entry(row["poll"].as_i64().unwrap()).or_default().push(row["rank"].as_i64().unwrap());
    }
    let expected = polls.into_iter().map(|(poll, mut ranks)| {
        ranks.sort_unstable();
        assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "poll {poll} has a row twice: {ranks:?}");
        (poll, ranks.len() as i64, *ranks.last().unwrap())
    });
    let sql = "select poll, n, most from polls order by poll";
    let held: Vec<(i64, i64, i64)> = sqlite::rows(&stage.path("polls.db"), sql);
    assert_eq!(held, expected.collect::<Vec<_>>());
    assert!(said.contains(&format!("used {}", connectors::console::grouped(text.lines().count() as u64))), "{said}");
}

#[test]
fn what_a_benchmark_leaves_out_is_not_there_and_changes_no_result() {
    let stage = Stage::new(SUMS);
    stage.write("in.jsonl", "{\"v\":5}\n{\"v\":2}\n");
    let (whole, _) = stage.run(&[]);
    let journal = |state: &str| {
        let segments = std::fs::read_dir(stage.path(state).join("sums/journal")).unwrap();
        segments.map(|segment| segment.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    let (shown, said) = stage.run(&["--state", "bare", "--without", "journal,digests,checkpoints"]);
    assert_eq!(shown, whole);
    assert!(said.contains("nobody can go on from"), "{said}");
    assert!(journal("bare") < journal("state"));
    let runs = |state: &str| std::fs::read_dir(stage.path(state).join("sums/checkpoints")).unwrap().count();
    assert_eq!((runs("bare"), runs("state")), (0, 1));
}
