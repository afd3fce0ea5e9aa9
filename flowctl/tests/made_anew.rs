//! Topics and files that stand in the place of those that were read: refused, also by starts that would read nothing again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A folder with a pipeline of one source.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new(source: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipeline = format!(
            "
name: p
mode: batch
sources: {{ s: {{ {source}, schema: {{ k: string, v: int }} }} }}
operators: {{ sum: {{ from: s, group_by: [k], aggregate: {{ sum: sum(v) }} }} }}
sinks:
  sums: {{ from: sum, mysql: {{ url: 'sqlite:out.db', table: sums, mode: upsert, key: [k], create: true }} }}
"
        );
        std::fs::write(folder.path().join("p.yaml"), pipeline).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn flowctl(&self, words: &[&str], input: &str) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        command.args(words).args(["--state", "state"]).current_dir(self.0.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    fn run(&self) {
        let (code, said) = self.flowctl(&["run", "p.yaml"], "");
        assert_eq!(code, Some(0), "{said}");
    }

    fn produce(&self, lines: &str) {
        let words = ["topic", "produce", "t", "--brokers", "embedded", "--partitions", "1"];
        assert_eq!(self.flowctl(&words, lines).0, Some(0));
    }

    fn require_sum(&self, expected: i64) {
        let database = rusqlite::Connection::open(self.path("out.db")).unwrap();
        let sum: i64 = database.query_row("select sum from sums where k = 'a'", [], |row| row.get(0)).unwrap();
        assert_eq!(sum, expected);
    }

    /// A run and a verification that end in this refusal, each time.
    fn require_refused(&self, expected: &str) {
        for command in ["run", "run", "verify"] {
            let (code, said) = self.flowctl(&[command, "p.yaml"], "");
            assert!(code == Some(1) && said.contains(expected), "{command}: {code:?} {said}");
        }
    }
}

fn lines(values: &[i64]) -> String {
    values.iter().map(|v| format!("{{\"k\":\"a\",\"v\":{v}}}\n")).collect()
}

#[test]
fn a_topic_with_more_records_in_the_place_of_the_one_that_was_read() {
    let stage = Stage::new("kafka: { brokers: embedded, topics: [t] }");
    stage.produce(&lines(&[1, 2, 3]));
    // What an idle start leaves serves the next one.
    (0..6).for_each(|_| stage.run());
    stage.produce(&lines(&[4]));
    (0..3).for_each(|_| stage.run());
    stage.require_sum(10);
    let topic = stage.path("state/topics/t");
    std::fs::rename(&topic, stage.path("kept")).unwrap();
    stage.produce(&lines(&[7; 9]));
    stage
        .require_refused("partition 0 of topic `t` was read up to offset 4, but another record stands at offset 3 now");
    stage.require_sum(10);
    std::fs::remove_dir_all(&topic).unwrap();
    std::fs::rename(stage.path("kept"), &topic).unwrap();
    stage.produce(&lines(&[5]));
    stage.run();
    stage.require_sum(15);
}

#[test]
fn a_longer_file_in_the_place_of_the_one_that_was_read() {
    let stage = Stage::new("file: { path: in.jsonl }");
    let write = |values: &[i64]| std::fs::write(stage.path("in.jsonl"), lines(values)).unwrap();
    write(&[1, 2, 3]);
    (0..6).for_each(|_| stage.run());
    write(&[1, 2, 3, 4]);
    (0..3).for_each(|_| stage.run());
    stage.require_sum(10);
    write(&[7; 9]);
    stage.require_refused("file in.jsonl was read up to byte 64, but is another now");
    stage.require_sum(10);
    write(&[1, 2, 3, 4, 5]);
    stage.run();
    stage.require_sum(15);
}
