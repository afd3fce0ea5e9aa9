//! Topics and files that stand in the place of those that were read: refused, also by starts that would read nothing again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod sqlite;
    pub(crate) mod stage;
}

use std::io::Write;
use std::process::Stdio;

use support::sqlite;
use support::stage::Stage;

/// A pipeline of one source.
fn stage(source: &str) -> Stage {
    Stage::new(&format!(
        "
name: p
mode: batch
sources: {{ s: {{ {source}, schema: {{ k: string, v: int }} }} }}
operators: {{ sum: {{ from: s, group_by: [k], aggregate: {{ sum: sum(v) }} }} }}
sinks:
  sums: {{ from: sum, mysql: {{ url: 'sqlite:out.db', table: sums, mode: upsert, key: [k], create: true }} }}
"
    ))
}

impl Stage {
    fn run(&self) {
        self.does(&["run", "p.yaml"]);
    }

    fn produce(&self, lines: &str) {
        let words = ["topic", "produce", "t", "--brokers", "embedded", "--partitions", "1"];
        let mut child = self.command(&words).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn require_sum(&self, expected: i64) {
        let sums: Vec<(i64,)> = sqlite::rows(&self.path("out.db"), "select sum from sums where k = 'a'");
        assert_eq!(sums, [(expected,)]);
    }

    /// A run and a verification that end in this refusal, each time.
    fn require_refused(&self, expected: &str) {
        for command in ["run", "run", "verify"] {
            let (code, said) = self.flowctl(&[command, "p.yaml"]);
            assert!(code == Some(1) && said.contains(expected), "{command}: {code:?} {said}");
        }
    }
}

fn lines(values: &[i64]) -> String {
    values.iter().map(|v| format!("{{\"k\":\"a\",\"v\":{v}}}\n")).collect()
}

#[test]
fn a_topic_with_more_records_in_the_place_of_the_one_that_was_read() {
    let stage = stage("kafka: { brokers: embedded, topics: [t] }");
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
    let stage = stage("file: { path: in.jsonl }");
    let write = |values: &[i64]| stage.write("in.jsonl", &lines(values));
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
