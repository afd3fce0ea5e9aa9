//! What the README shows works: its YAML is accepted, its operators are, and its commands run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A source with every column that the README's examples name, for operators that stand alone.
const SOURCE: &str = "\
name: example
sources:
  streams:
    kafka: { topics: [t] }
    schema: { user_name: string, game_name: string, viewer_count: int, started_at: timestamp, total_viewers: int }
    event_time: { column: _timestamp }
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The code blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn flowctl(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
    let twitch = ["TWITCH_API", "TWITCH_AUTH", "TWITCH_CLIENT_ID", "TWITCH_CLIENT_SECRET", "TWITCH_EVERY"];
    for name in ["KAFKA_BROKERS", "MYSQL_URL"].iter().chain(&twitch) {
        command.env_remove(name);
    }
    command.current_dir(root()).args(arguments).output().unwrap()
}

fn accepts(yaml: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("readme.yaml");
    std::fs::write(&file, yaml).unwrap();
    let output = flowctl(&["check", file.to_str().unwrap()]);
    assert!(output.status.success(), "{yaml}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_yaml_block_is_a_pipeline() {
    let blocks = blocks(&readme(), "yaml");
    assert!(!blocks.is_empty());
    blocks.iter().for_each(|block| accepts(block));
}

#[test]
fn every_operator_of_the_table_is_one() {
    let readme = readme();
    let rows = readme
        .lines()
        .skip_while(|line| !line.starts_with("| operator |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut examples = 0;
    for row in rows {
        // Keys that belong together are joined by "with"; other pieces of code are examples of their own.
        let cell = row.split_once("| ").unwrap().1.split_once('|').unwrap().1.replace("` with `", ", ");
        let codes = cell.split('`').skip(1).step_by(2).filter(|code| code.contains(": ") && !code.starts_with("from:"));
        for code in codes {
            let entry = if code.starts_with('{') {
                code.replace("[a, b]", "[streams, more]")
            } else {
                format!("{{ from: streams, {code} }}")
            };
            let used = if code.starts_with("route") { "shown.high" } else { "shown" };
            accepts(&format!(
                "{SOURCE}operators:\n  more: {{ from: streams, filter: viewer_count > 1 }}\n  shown: {entry}\nsinks:\n  out: {{ from: {used}, console: {{}} }}\n"
            ));
            examples += 1;
        }
    }
    assert!(examples >= 10, "only {examples} examples were found");
}

#[test]
fn every_command_runs() {
    let state = tempfile::tempdir().unwrap();
    let mut commands = 0;
    for line in blocks(&readme(), "sh").iter().flat_map(|block| block.lines()) {
        let line = line.split('#').next().unwrap().trim();
        let Some(arguments) = line.strip_prefix("flowctl ").or_else(|| line.strip_prefix("cargo run --release -- "))
        else {
            assert!(line.is_empty() || line == "cargo test", "who tests `{line}`?");
            continue;
        };
        let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
        arguments.extend(["--state", state.path().to_str().unwrap(), "--for", "4s"]);
        let output = flowctl(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{said}");
        // Each ends with the ledger of what it has read.
        assert!(said.contains("streams: read "), "{line}\n{said}");
        commands += 1;
    }
    assert_eq!(commands, 4);
}
