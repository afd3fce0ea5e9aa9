//! What the built binary says of files that it should not read, and of values that it should not show.

use std::io::Write;
use std::process::{Command, Stdio};

const PIPELINE: &str = "name: games
sources:
  streams: { file: { path: streams.jsonl }, schema: { user_name: string } }
sinks:
  shown: { from: streams, console: { rows: \"${PW:-5}\" } }
";

/// The exit code of a check, and what it says.
fn check(file: &str, input: &str, options: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
    command.arg("check").arg(file).args(options).env_remove("PW");
    let mut child =
        command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    // Who refuses a file does not read what is offered.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("flowctl speaks UTF-8"))
}

#[test]
fn a_pipeline_comes_from_a_pipe() {
    let (code, said) = check("/dev/stdin", PIPELINE, &[]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_has_no_end_is_not_read() {
    let (code, said) = check("/dev/zero", "", &[]);
    assert!(code == Some(2) && said.contains("it is a device"), "{code:?} {said}");
    let (code, said) = check("/dev/stdin", "name: a\ninclude: [/dev/zero]\n", &[]);
    assert!(code == Some(2) && said.contains("it is a device"), "{code:?} {said}");
}

#[test]
fn files_that_are_no_pipelines_are_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("words");
    std::fs::write(&path, "root:hunter2:0\nname:hunter3\ngames: hunter4\n").expect("space");
    let included = format!("name: a\ninclude: [{}]\n", path.display());
    for said in [check(&path.display().to_string(), "", &[]).1, check("/dev/stdin", &included, &[]).1] {
        assert!(said.contains("is no pipeline") && said.contains("1 error") && !said.contains("hunter"), "{said}");
    }
}

#[test]
fn values_of_variables_are_not_repeated() {
    let (code, said) = check("/dev/stdin", PIPELINE, &["--set", "PW=hunter5"]);
    assert!(code == Some(2) && said.contains("found `${PW}`") && !said.contains("hunter5"), "{code:?} {said}");
}
