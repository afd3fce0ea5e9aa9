//! Every failpoint, failing in every way, on 1 to 3 workers: whatever happens, the next run mends it, and all is as if nothing had.

#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod side_by_side;
    pub(crate) mod sqlite;
}

use std::path::Path;
use std::process::{Command, Stdio};

use engine::failpoint::{Action, Arming, Failpoint};
use support::side_by_side::{cores, failures};
use support::sqlite;

const PIPELINE: &str = "
name: p
mode: batch
epoch: 1ms
checkpoint: 0s
sources:
  s:
    file: { path: 'in/*.jsonl' }
    schema: { k: string, v: int }
    dead_letters: { mysql: { url: 'sqlite:t.db', table: letters, mode: upsert, key: [id], create: true } }
operators:
  sums: { from: s, group_by: [k], aggregate: { n: count(*), sum: sum(v), most: max(v) } }
  few: { from: sums, filter: n % 3 > 0 }
sinks:
  rows: { from: s, file: { path: rows.jsonl } }
  sums: { from: sums, mysql: { url: 'sqlite:t.db', table: sums, mode: upsert, key: [k], create: true } }
  few: { from: few, mysql: { url: 'sqlite:t.db', table: few, mode: upsert, key: [k], create: true } }
";

/// The same with a server and brokers; the names of tables and topics are told apart by CASE.
const ON_SERVICES: &str = "
name: p
mode: batch
epoch: 1ms
checkpoint: 0s
sources:
  s: { file: { path: 'in/*.jsonl' }, schema: { k: string, v: int } }
operators:
  sums: { from: s, group_by: [k], aggregate: { n: count(*), sum: sum(v), most: max(v) } }
  few: { from: sums, filter: n % 3 > 0 }
sinks:
  rows: { from: s, kafka: { brokers: '${KAFKA_BROKERS}', topic: 'rows-${CASE}' } }
  few_topic: { from: few, kafka: { brokers: '${KAFKA_BROKERS}', topic: 'few-${CASE}', mode: upsert, key: [k] } }
  sums: { from: sums, mysql: { url: '${MYSQL_URL}', table: 'sums_${CASE}', mode: upsert, key: [k], create: true } }
  few: { from: few, mysql: { url: '${MYSQL_URL}', table: 'few_${CASE}', mode: upsert, key: [k], create: true } }
";

/// How many files each run finds new, and how many rows each has.
const FILES: usize = 8;
const ROWS: usize = 25;

struct Case {
    arming: Arming,
    workers: usize,
    on_services: bool,
}

impl Case {
    /// All of them, with files and SQLite.
    fn embedded() -> Vec<Self> {
        let points = Failpoint::ALL.iter().filter(|point| !point.name().starts_with("topics."));
        let all = points.flat_map(|point| Action::ALL.iter().map(move |action| (*point, *action)));
        all.flat_map(|(point, action)| (1..=3).map(move |workers| Self::new(point, action, workers, false))).collect()
    }

    /// All of them, with a server and brokers; each on one number of workers.
    fn on_services() -> Vec<Self> {
        let points = Failpoint::ALL.iter().filter(|point| !point.name().starts_with("file."));
        let all = points.flat_map(|point| Action::ALL.iter().map(move |action| (*point, *action)));
        all.zip((1..=3).cycle()).map(|((point, action), workers)| Self::new(point, action, workers, true)).collect()
    }

    fn new(point: Failpoint, action: Action, workers: usize, on_services: bool) -> Self {
        let nth = if is_frequent(point) { workers.min(2) as u64 } else { 1 };
        Self { arming: Arming { point, action, nth }, workers, on_services }
    }

    /// Tells tables and topics of cases, and of runs of this test, apart.
    fn name(&self) -> String {
        let point = self.arming.point.name().replace('.', "_");
        let action = self.arming.action.to_string().replace('-', "_");
        format!("{point}_{action}_{}_{}", self.workers, std::process::id())
    }

    fn conduct(&self) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        let pipeline = if self.on_services { ON_SERVICES } else { PIPELINE };
        std::fs::write(folder.path().join("p.yaml"), pipeline.replace("${CASE}", &self.name())).unwrap();
        let workers = self.workers.to_string();
        // A past of several checkpoints, whose end is journaled and committed by at most one of both domains.
        let torn = Arming { point: Failpoint::CommitBegin, action: Action::Abort, nth: 2 };
        for (run, arming) in [None, None, Some(torn), Some(self.arming), None].into_iter().enumerate() {
            add_files(folder.path(), run);
            let (success, said) = flowctl(folder.path(), &["run", "p.yaml", "-w", &workers], arming);
            match arming {
                None if !success => return Err(format!("run {run} fails:\n{said}")),
                Some(arming) if !said.contains(&format!("failpoint {arming} is hit")) => {
                    return Err(format!("run {run} does not come to {arming}:\n{said}"));
                }
                _ => {}
            }
            if said.contains("panicked") || said.contains("a bug") {
                return Err(format!("run {run} finds a bug:\n{said}"));
            }
        }
        let (success, said) = flowctl(folder.path(), &["verify", "p.yaml"], None);
        match success {
            false => Err(format!("verify:\n{said}")),
            true if self.on_services => Ok(()),
            true => compare(folder.path()),
        }
    }
}

/// Whether a point is reached twice at least in a run, however its epochs are cut.
fn is_frequent(point: Failpoint) -> bool {
    use Failpoint::{CommitBegin, CommitDone, JournalSync, JournalSynced, JournalTorn, JournalWrite};
    matches!(point, CommitBegin | CommitDone | JournalWrite | JournalTorn | JournalSync | JournalSynced)
}

fn add_files(folder: &Path, run: usize) {
    for file in 0..FILES {
        let rows = (0..ROWS).map(|row| {
            let at = (run * FILES + file) * ROWS + row;
            format!("{{\"k\":\"k{}\",\"v\":{}}}\n", at * 7 % 31, at * 13 % 101)
        });
        let bad = format!("bad {run} {file}\n");
        std::fs::write(folder.join(format!("in/{run}-{file}.jsonl")), rows.collect::<String>() + &bad).unwrap();
    }
}

/// Whether a command succeeds, and what it says.
fn flowctl(folder: &Path, words: &[&str], arming: Option<Arming>) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
    command.args(words).args(["--state", "state"]).current_dir(folder).stdin(Stdio::null());
    if let Some(arming) = arming {
        command.env("FLOWCTL_FAILPOINT", arming.to_string());
    }
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Compares the sinks with the input, without any word of flowctl.
fn compare(folder: &Path) -> Result<(), String> {
    let lines = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let mut input = String::new();
    for file in std::fs::read_dir(folder.join("in")).unwrap() {
        input.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    let (bad, input): (Vec<&str>, Vec<&str>) = input.lines().partition(|line| line.starts_with("bad"));
    let input = input.join("\n");
    let rows = std::fs::read_to_string(folder.join("rows.jsonl")).unwrap();
    if lines(rows) != lines(input.clone()) {
        return Err("rows.jsonl is not the input".to_owned());
    }
    let mut expected = std::collections::BTreeMap::<String, (i64, i64, i64)>::new();
    for line in input.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (n, sum, most) = expected.entry(row["k"].as_str().unwrap().to_owned()).or_default();
        let v = row["v"].as_i64().unwrap();
        (*n, *sum, *most) = (*n + 1, *sum + v, (*most).max(v));
    }
    let database = folder.join("t.db");
    let letters = sqlite::lines(&database, "select text from letters");
    if lines(letters.join("\n")) != lines(bad.join("\n")) {
        return Err(format!("the dead letters are wrong: {letters:?}"));
    }
    for (table, keeps) in [("sums", [0, 1, 2]), ("few", [1, 1, 2])] {
        let sql = format!("select k, n, sum, most from {table} order by k");
        let held: Vec<(String, i64, i64, i64)> = sqlite::rows(&database, &sql);
        let expected = expected.iter().filter(|(_, (n, ..))| keeps.contains(&(n % 3)));
        if held != expected.map(|(k, (n, sum, most))| (k.clone(), *n, *sum, *most)).collect::<Vec<_>>() {
            return Err(format!("table {table} is wrong: {held:?}"));
        }
    }
    Ok(())
}

#[test]
fn whatever_fails_the_next_run_mends_it() {
    conduct_all(&Case::embedded(), cores());
}

#[test]
#[ignore = "needs KAFKA_BROKERS and MYSQL_URL"]
fn whatever_fails_the_next_run_mends_servers_and_topics() {
    for variable in ["KAFKA_BROKERS", "MYSQL_URL"] {
        assert!(std::env::var(variable).is_ok(), "{variable} is not set");
    }
    // Most of the time goes by in waiting for brokers.
    conduct_all(&Case::on_services(), 6);
}

fn conduct_all(cases: &[Case], threads: usize) {
    let failures = failures(cases, threads, |case| {
        let failure = case.conduct().err()?;
        Some(format!("{} on {} workers: {failure}", case.arming, case.workers))
    });
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
