//! The built binary, as a shell sees it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

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
    for word in [
        "run",
        "check",
        "explain",
        "simulate",
        "topic",
        "connectors",
        "status",
        "state",
        "completions",
        "Exit codes",
        "130",
    ] {
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
    refuses(&["run"], 2, &["<FILE>"]);
    refuses(&["run", "a.yaml", "--workers", "0"], 2, &["--workers", "1..=256"]);
    refuses(&["run", "a.yaml", "--for", "5"], 2, &["is not a duration", "20s"]);
    refuses(&["run", "a.yaml", "--set", "novalue"], 2, &["NAME=VALUE"]);
    refuses(&["run", "a.yaml", "--output", "xml"], 2, &["table", "json", "csv"]);
    refuses(&["check"], 2, &["<FILES>"]);
    refuses(&["simulate", "twitch", "--clock", "fast"], 2, &["scaled:60"]);
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

#[test]
fn a_missing_file_is_named_by_every_command_that_reads_one() {
    let state = ["ls", "show", "drop"].map(|what| vec!["state", what]);
    for command in ["check", "run", "explain", "status"].map(|command| vec![command]).iter().chain(&state) {
        let arguments = [command, ["no/such.yaml"].as_slice()].concat();
        refuses(&arguments, 2, &["no/such.yaml", "there is no such file"]);
    }
}

#[test]
fn a_plan_names_keys_aggregates_and_orders() {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelines/stream.yaml");
    let output = flowctl(&["explain", shared]);
    let plan = text(&output.stdout);
    for words in [
        "operator live_games: group by game_name; total_viewers: sum(viewer_count), num_streams: count(*), avg_viewers: avg(viewer_count)",
        "operator live: latest by user_name, expiring after 600s over rows only added",
        "operator live_top_games: top 5 by total_viewers desc over rows added and taken back",
    ] {
        assert!(plan.contains(words), "{plan}");
    }
    assert!(!plan.contains("$="), "{plan}");
}

#[test]
fn a_pipeline_that_never_ran_has_no_status() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    let pipeline = "name: quiet\nsources: { s: { file: { path: x }, schema: { a: int } } }\nsinks: { c: { from: s, console: {} } }\n";
    std::fs::write(&file, pipeline).unwrap();
    let state = folder.path().join("state");
    let arguments = ["status", file.to_str().unwrap(), "--state", state.to_str().unwrap()];
    refuses(&arguments, 1, &["pipeline `quiet` has no state"]);
}

/// Runs this pipeline over four lines, one of them bad, and asks for its status.
fn run_over_bad_line(on_error: &str, path: &str) -> (Output, Output) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("p.yaml");
    std::fs::write(folder.path().join("in.jsonl"), "{\"a\":1}\n{\"a\":\n{\"a\":3}\n{\"a\":9223372036854775807}\n")
        .expect("a file");
    let pipeline = format!(
        "name: lines\nmode: batch\nsources:\n  s: {{ file: {{ path: {path} }}, schema: {{ a: int }}, on_error: {on_error} }}\n\
         operators:\n  sum: {{ from: s, group_by: [], aggregate: {{ sum: sum(a) }} }}\n\
         sinks:\n  c: {{ from: sum, console: {{}} }}\n"
    );
    std::fs::write(&file, pipeline).expect("a file");
    let (file, state) = (file.to_str().expect("UTF-8"), folder.path().join("state"));
    let ran = flowctl(&["run", file, "--state", state.to_str().expect("UTF-8")]);
    (ran, flowctl(&["status", file, "--state", state.to_str().expect("UTF-8")]))
}

#[test]
fn errors_that_are_skipped_are_counted() {
    let (ran, status) = run_over_bad_line("skip", "in.jsonl");
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    for said in [text(&ran.stderr), text(&status.stdout)] {
        assert!(said.contains("s: read 4 = used 3 + filtered 0 + late 0 + dead_letter 1 + duplicate 0\n"), "{said}");
        assert!(said.contains("2 errors skipped, as `on_error: skip` asks\n"), "the line and the sum: {said}");
    }
}

#[test]
fn a_run_that_fails_shows_its_ledger_and_leaves_the_reason() {
    let (ran, status) = run_over_bad_line("fail", "in.jsonl");
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(text(&ran.stdout), "", "no epoch was committed");
    let (said, status) = (text(&ran.stderr), text(&status.stdout));
    let error = "record 8 of partition `in.jsonl` of source `s` fails in `s`";
    assert!(said.contains(error) && said.contains("s: read 0 = used 0"), "{said}");
    assert!(status.starts_with("lines: failed (epoch 0") && status.contains(&format!("failure: {error}")), "{status}");
    let (ran, _) = run_over_bad_line("skip", "missing/*.jsonl");
    assert_eq!((ran.status.code(), text(&ran.stdout)), (Some(1), ""), "{}", text(&ran.stderr));
}

#[test]
fn embedded_topics_are_filled_listed_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let state = ["--brokers", "embedded", "--state", folder.path().to_str().unwrap()];
    let topic = |arguments: &[&'static str]| [&["topic"], arguments, &state].concat();
    let mut produce = Command::new(env!("CARGO_BIN_EXE_flowctl"))
        .args(topic(&["produce", "games", "--partitions", "1", "--key-separator", "="]))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    produce.stdin.take().unwrap().write_all(b"k={\"n\": 1}\nplain\n").unwrap();
    assert!(produce.wait().unwrap().success());

    let list = flowctl(&topic(&["ls"]));
    assert!(text(&list.stdout).contains("│ games ┆          1 ┆       2 │"), "{}", text(&list.stdout));
    assert_eq!(text(&flowctl(&topic(&["cat", "games"])).stdout), "{\"n\": 1}\nplain\n");
    let first = flowctl(&topic(&["cat", "games", "--json", "-n", "1"]));
    let record: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!((&record["topic"], &record["offset"], &record["key"]), (&"games".into(), &0.into(), &"k".into()));
    assert_eq!(record["value"]["n"], 1);
    assert!(record["timestamp"].as_str().unwrap().ends_with('Z'), "{record}");
    let mut produce = Command::new(env!("CARGO_BIN_EXE_flowctl"))
        .args(topic(&["produce", "bytes", "--partitions", "1"]))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    produce.stdin.take().unwrap().write_all(b"\xff\xfe\nt\xc3\xa4xt\n").unwrap();
    assert!(produce.wait().unwrap().success());
    let lines = flowctl(&topic(&["cat", "bytes", "--json"])).stdout;
    let records: Vec<serde_json::Value> =
        text(&lines).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&records[0]["base64"], records[0].get("value")), (&"//4=".into(), None));
    assert_eq!((&records[1]["value"], records[1].get("base64")), (&"t\u{e4}xt".into(), None));
    refuses(&topic(&["cat", "chess"]), 1, &["topic `chess` does not exist"]);
}

/// A simulator, and what it says of where it listens: `TWITCH_API=…`.
fn simulator() -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_flowctl"))
        .args(["simulate", "twitch", "--clock", "manual"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut line = String::new();
    let out = child.stdout.as_mut().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("it says where it listens");
    assert!(line.starts_with("TWITCH_API=http://127.0.0.1:") && line.ends_with("/helix\n"), "{line}");
    (child, line.trim_end().to_owned())
}

#[test]
fn ingest_asks_only_the_simulator_that_it_is_told_of() {
    let (mut simulator, api) = simulator();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let ingest = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipelines/ingest.yaml");
    let set = ["--set", api.as_str(), "--set", "TWITCH_CLIENT_ID=me", "--set", "TWITCH_CLIENT_SECRET=hunter2"];
    let stand_ins = ["--set", "TWITCH_AUTH=", "--set", "KAFKA_BROKERS=embedded"];
    let arguments = [["run", ingest, "--state", state, "--until-idle", "1s"].as_slice(), &set, &stand_ins].concat();
    let output = flowctl(&arguments);
    signal(&simulator, "-TERM");
    simulator.wait().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let topics = flowctl(&["topic", "ls", "--brokers", "embedded", "--state", state]);
    assert!(text(&topics.stdout).contains("twitch_streams_low"), "{}", text(&topics.stdout));
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.expect("`kill` is there").success());
}

#[test]
fn one_signal_ends_in_peace() {
    for name in ["-INT", "-TERM"] {
        let mut child = simulator().0;
        signal(&child, name);
        // As `timeout` does, which sends one to the process and one to its group.
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
    }
}

#[test]
fn two_signals_end_at_once() {
    // A server that accepts and then says nothing: the run waits for its greeting, whatever it is asked.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.yaml");
    let url = format!("mysql://u:p@{}/d", server.local_addr().unwrap());
    let source = "{ s: { file: { path: x }, schema: { a: int } } }";
    let sink = format!("{{ t: {{ from: s, mysql: {{ url: \"{url}\", table: t }} }} }}");
    std::fs::write(&file, format!("name: silent\nsources: {source}\nsinks: {sink}\n")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_flowctl"))
        .args(["run", file.to_str().unwrap(), "--state", folder.path().to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let _connection = server.accept().unwrap();
    signal(&child, "-INT");
    // A second signal counts when it is not one with the first.
    let status = loop {
        std::thread::sleep(std::time::Duration::from_millis(50));
        signal(&child, "-TERM");
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.code(), Some(130));
}
