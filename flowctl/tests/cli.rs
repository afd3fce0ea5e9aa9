//! The built binary, as a shell sees it.

use std::io::Read;
use std::process::{Command, Output, Stdio};

fn flowctl(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
    command.args(arguments).stdin(Stdio::null()).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("flowctl speaks UTF-8")
}

/// Runs the command and expects its exit code, nothing on standard output, and these words on standard error.
fn refuses(arguments: &[&str], code: i32, words: &[&str]) {
    let output = flowctl(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} does not say {word:?}: {said}");
    }
}

#[test]
fn the_version_is_one_line() {
    let output = flowctl(&["--version"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), concat!("flowctl ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn help_is_data_and_names_every_command() {
    let output = flowctl(&["--help"]);
    assert!(output.status.success());
    for word in ["connectors", "completions", "Exit codes", "130"] {
        assert!(text(&output.stdout).contains(word), "{word}");
    }
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    refuses(&[], 2, &["Usage"]);
    refuses(&["dance"], 2, &["dance"]);
    refuses(&["--colour"], 2, &["--colour"]);
    refuses(&["connectors", "a", "b"], 2, &["unexpected argument"]);
    refuses(&["completions", "tcl"], 2, &["tcl", "bash"]);
}

#[test]
fn completions_are_a_script_of_the_shell() {
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef flowctl"), ("fish", "complete -c flowctl")] {
        let output = flowctl(&["completions", shell]);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains(word), "{shell}");
    }
}

#[test]
fn connectors_are_listed_and_explained() {
    let list = flowctl(&["connectors"]);
    assert!(list.status.success());
    assert!(text(&list.stdout).contains("sinks\n  console"), "{}", text(&list.stdout));
    let manual = flowctl(&["connectors", "console"]);
    assert!(manual.status.success());
    for word in
        ["console (sink)", "format: `table` or `json` or `csv` (default table)", "rows: ", "title: text (optional)"]
    {
        assert!(text(&manual.stdout).contains(word), "{word}: {}", text(&manual.stdout));
    }
    refuses(&["connectors", "consol\u{1b}[2J"], 2, &["no connector or format is called `consol\\u{1b}[2J`"]);
    refuses(&["connectors", "consoel"], 2, &["did you mean `console`?"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_flowctl"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}
