//! Every failpoint, failing in every way, on 1 to 3 workers: whatever happens, the next run mends it, and all is as if nothing had.

#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod services;
    pub(crate) mod side_by_side;
    pub(crate) mod sqlite;
}

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use engine::failpoint::{Action, Arming, Failpoint};
use support::services;
use support::side_by_side::{cores, failures};
use support::sqlite;
use tempfile::TempDir;

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

/// How many runs the past has that end well.
const PAST: usize = 2;

struct Case {
    arming: Arming,
    workers: usize,
}

impl Case {
    /// All of them, with files and SQLite, on 1 to 3 workers.
    fn embedded() -> Vec<Self> {
        let points = Failpoint::ALL.iter().filter(|point| !point.name().starts_with("topics."));
        let all = points.flat_map(|point| Action::ALL.iter().map(move |action| (*point, *action)));
        all.flat_map(|(point, action)| (1..=3).map(move |workers| Self::new(point, action, workers))).collect()
    }

    fn new(point: Failpoint, action: Action, workers: usize) -> Self {
        let nth = if is_frequent(point) { workers.min(2) as u64 } else { 1 };
        Self { arming: Arming { point, action, nth }, workers }
    }

    /// With files and SQLite, behind a past that all cases share.
    fn conduct_embedded(&self, past: &Path) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(past, folder.path());
        self.conduct(folder.path())?;
        let (success, said) = flowctl(folder.path(), &["verify", "p.yaml"], None);
        if !success {
            return Err(format!("verify:\n{said}"));
        }
        compare(folder.path())
    }

    /// Lets the point fail, and another run mend it.
    fn conduct(&self, folder: &Path) -> Result<(), String> {
        let Self { arming, workers } = self;
        let (success, said) = run(folder, *workers, Some(*arming));
        let ends_well = match arming.action {
            Action::Abort => Some(false),
            Action::Delay => Some(true),
            _ => None,
        };
        if !said.contains(&format!("failpoint {arming} is hit")) {
            return Err(format!("the run does not come to {arming}:\n{said}"));
        }
        if said.contains("panicked") || said.contains("a bug") || ends_well.is_some_and(|well| well != success) {
            return Err(format!("the run ends with success {success}:\n{said}"));
        }
        match run(folder, *workers, None) {
            (true, _) => Ok(()),
            (false, said) => Err(format!("the next run fails:\n{said}")),
        }
    }
}

/// The ways in which a point can fail, one after the other, with a server and brokers.
struct Chain {
    point: Failpoint,
    workers: usize,
}

impl Chain {
    /// All points that are reached there, on 1 to 3 workers.
    fn all() -> Vec<Self> {
        let points = Failpoint::ALL.iter().filter(|point| !point.name().starts_with("file."));
        points.flat_map(|point| (1..=3).map(|workers| Self { point: *point, workers })).collect()
    }

    fn conduct(&self) -> Result<(), String> {
        let Self { point, workers } = self;
        // Tells tables and topics of chains, and of runs of this test, apart.
        let name = format!("{}_{workers}_{}", point.name().replace('.', "_"), std::process::id());
        let folder = past(&ON_SERVICES.replace("${CASE}", &name), *workers);
        let folder = folder.path();
        Action::ALL.iter().try_for_each(|action| {
            tear(folder, *workers);
            let case = Case::new(*point, *action, *workers);
            let outcome = case.conduct(folder).and_then(|()| compare_services(folder, &name));
            outcome.map_err(|failure| format!("{} on {workers} workers: {failure}", case.arming))
        })
    }
}

/// A folder with a pipeline that has run, and several checkpoints.
fn past(pipeline: &str, workers: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    std::fs::write(folder.path().join("p.yaml"), pipeline).unwrap();
    for _ in 0..PAST {
        let (success, said) = run(folder.path(), workers, None);
        assert!(success, "{said}");
    }
    folder
}

/// A run that dies, and so leaves epochs that are journaled, and committed by at most one of both domains.
fn tear(folder: &Path, workers: usize) {
    let torn = Arming { point: Failpoint::CommitBegin, action: Action::Abort, nth: 2 };
    let (success, said) = run(folder, workers, Some(torn));
    assert!(!success, "{said}");
}

/// A run that finds new files: whether it succeeds, and what it says.
fn run(folder: &Path, workers: usize, arming: Option<Arming>) -> (bool, String) {
    add_files(folder);
    flowctl(folder, &["run", "p.yaml", "-w", &workers.to_string()], arming)
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, target) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.is_dir() {
            copy_folder(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).unwrap();
        }
    }
}

/// Whether a point is reached twice at least in a run, however its epochs are cut.
fn is_frequent(point: Failpoint) -> bool {
    use Failpoint::{CommitBegin, CommitDone, JournalSync, JournalSynced, JournalTorn, JournalWrite};
    matches!(point, CommitBegin | CommitDone | JournalWrite | JournalTorn | JournalSync | JournalSynced)
}

fn add_files(folder: &Path) {
    let run = std::fs::read_dir(folder.join("in")).unwrap().count() / FILES;
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

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// What the input comes to: how many rows, their sum, and the most, by key.
type Sums = BTreeMap<String, (i64, i64, i64)>;

/// Good and bad lines of the input.
fn input(folder: &Path) -> (String, String) {
    let mut input = String::new();
    for file in std::fs::read_dir(folder.join("in")).unwrap() {
        input.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    let (bad, good): (Vec<&str>, Vec<&str>) = input.lines().partition(|line| line.starts_with("bad"));
    (good.join("\n"), bad.join("\n"))
}

fn sums(lines: &str) -> Sums {
    let mut sums = Sums::new();
    for line in lines.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let (n, sum, most) = sums.entry(row["k"].as_str().unwrap().to_owned()).or_default();
        let v = row["v"].as_i64().unwrap();
        (*n, *sum, *most) = (*n + 1, *sum + v, (*most).max(v));
    }
    sums
}

/// Those groups that the filter keeps.
fn few(sums: &Sums) -> Sums {
    sums.iter().filter(|(_, (n, ..))| n % 3 > 0).map(|(k, sums)| (k.clone(), *sums)).collect()
}

fn by_key(rows: Vec<(String, i64, i64, i64)>) -> Sums {
    rows.into_iter().map(|(k, n, sum, most)| (k, (n, sum, most))).collect()
}

/// Compares the sinks with the input, without any word of flowctl.
fn compare(folder: &Path) -> Result<(), String> {
    let (good, bad) = input(folder);
    if sorted(&std::fs::read_to_string(folder.join("rows.jsonl")).unwrap()) != sorted(&good) {
        return Err("rows.jsonl is not the input".to_owned());
    }
    let database = folder.join("t.db");
    let letters = sqlite::lines(&database, "select text from letters");
    if sorted(&letters.join("\n")) != sorted(&bad) {
        return Err(format!("the dead letters are wrong: {letters:?}"));
    }
    let sums = sums(&good);
    for (table, expected) in [("few", few(&sums)), ("sums", sums)] {
        let held = by_key(sqlite::rows(&database, &format!("select k, n, sum, most from {table}")));
        if held != expected {
            return Err(format!("table {table} is wrong: {held:?}"));
        }
    }
    Ok(())
}

/// The same with the tables and topics of a case.
fn compare_services(folder: &Path, name: &str) -> Result<(), String> {
    let (good, _) = input(folder);
    let rows = services::records(&format!("rows-{name}"));
    let values: Vec<String> = rows.into_iter().filter_map(|(_, value)| value).collect();
    if sorted(&values.join("\n")) != sorted(&good) {
        return Err("the topic of rows is not the input".to_owned());
    }
    let sums = sums(&good);
    let topic = services::newest(&format!("few-{name}"));
    let topic = topic.iter().map(|row| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let number = |column: &str| row[column].as_i64().unwrap();
        (row["k"].as_str().unwrap().to_owned(), number("n"), number("sum"), number("most"))
    });
    let topic = by_key(topic.collect());
    if topic != few(&sums) {
        return Err(format!("the topic of few is wrong: {topic:?}"));
    }
    for (table, expected) in [("few", few(&sums)), ("sums", sums)] {
        let held = by_key(services::rows(&format!("SELECT k, n, sum, most FROM {table}_{name}")));
        if held != expected {
            return Err(format!("table {table} is wrong: {held:?}"));
        }
    }
    Ok(())
}

#[test]
fn whatever_fails_the_next_run_mends_it() {
    let past = |workers| {
        let folder = past(PIPELINE, workers);
        tear(folder.path(), workers);
        folder
    };
    let pasts: Vec<TempDir> = (1..=3).map(past).collect();
    conduct_all(&Case::embedded(), cores(), |case| {
        let outcome = case.conduct_embedded(pasts[case.workers - 1].path());
        outcome.map_err(|failure| format!("{} on {} workers: {failure}", case.arming, case.workers))
    });
}

#[test]
#[ignore = "needs KAFKA_BROKERS and MYSQL_URL"]
fn whatever_fails_the_next_run_mends_servers_and_topics() {
    for variable in ["KAFKA_BROKERS", "MYSQL_URL"] {
        assert!(std::env::var(variable).is_ok(), "{variable} is not set");
    }
    // Most of the time goes by in waiting for brokers.
    conduct_all(&Chain::all(), 12, Chain::conduct);
}

fn conduct_all<T: Sync>(cases: &[T], threads: usize, conduct: impl Fn(&T) -> Result<(), String> + Sync) {
    let failures = failures(cases, threads, |case| conduct(case).err());
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
