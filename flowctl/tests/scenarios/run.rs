//! Runs one scenario in every way, and compares.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::rows::{Rows, add, canonical, difference, of_lines};

/// In how many pieces live input comes.
const PIECES: usize = 4;
/// The longest that anything may take; only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a run that ended before it saw all its input is started again.
const STARTS_MAX: usize = 20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// The names of all scenarios.
pub(crate) fn folders() -> Vec<String> {
    let entries = fs::read_dir(root()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir());
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Runs a scenario in every way.
pub(crate) fn scenario(name: &str) {
    let case = Case::read(&root().join(name));
    let case = &case;
    std::thread::scope(|scope| {
        let ways = [Way::Batch, Way::Live, Way::Killed];
        let runs: Vec<_> = ways
            .into_iter()
            .flat_map(|way| (1..=3).map(move |workers| (way, workers)))
            .map(|(way, workers)| (way, workers, scope.spawn(move || case.outcome(way, workers))))
            .collect();
        for (way, workers, run) in runs {
            let outcome = run.join().unwrap_or_else(|_| panic!("{name}, {way:?}, {workers} workers: see above"));
            case.judge(&outcome, &format!("{name}, {way:?}, {workers} workers"));
        }
    });
}

/// How a scenario is run.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// All input is there, and the run ends with it.
    Batch,
    /// Input comes in pieces while the pipeline runs.
    Live,
    /// Input comes in pieces; the run is killed while it works at the second, and stopped before the last.
    Killed,
}

/// What comes at once: more of each input.
type Piece = Vec<(String, Vec<u8>)>;

struct Case {
    /// `pipeline.yaml`, and what it includes.
    files: Vec<(String, String)>,
    pipeline: String,
    inputs: Piece,
    expected: BTreeMap<String, Rows>,
    dead_letters: Rows,
    ledger: Option<Value>,
    failure: Option<String>,
}

/// What is there after a run.
struct Outcome {
    sinks: BTreeMap<String, Rows>,
    dead_letters: Rows,
    ledgers: Value,
    /// What a failed run said.
    failure: Option<String>,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let mut case = Self {
            files: Vec::new(),
            pipeline: fs::read_to_string(folder.join("pipeline.yaml")).unwrap(),
            inputs: Vec::new(),
            expected: BTreeMap::new(),
            dead_letters: Rows::new(),
            ledger: None,
            failure: None,
        };
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = || fs::read_to_string(&path).unwrap();
            match name.strip_prefix("expected.") {
                Some("dead_letters.jsonl") => {
                    let sorted = |line: &str| serde_json::from_str::<Value>(line).unwrap().to_string() + "\n";
                    case.dead_letters = of_lines(&text().lines().map(sorted).collect::<String>());
                }
                Some("ledger.json") => case.ledger = Some(serde_json::from_str(&text()).unwrap()),
                Some("failure.txt") => case.failure = Some(text()),
                Some(sink) => {
                    let sink = sink.strip_suffix(".jsonl").unwrap_or_else(|| panic!("what is {name}?"));
                    case.expected.insert(sink.to_owned(), of_lines(&text()));
                }
                None if name.starts_with("in.") => case.inputs.push((name, fs::read(&path).unwrap())),
                None if name.ends_with(".yaml") => case.files.push((name, text())),
                None => panic!("what is {name}?"),
            }
        }
        assert!(case.failure.is_some() || !case.expected.is_empty(), "{} expects nothing", folder.display());
        case.inputs.sort();
        case
    }

    /// Pieces of all inputs, each cut behind a line end.
    fn pieces(&self) -> Vec<Piece> {
        let part = |(name, bytes): &'_ (String, Vec<u8>), at: usize| {
            let border = |at: usize| match bytes.len() * at / PIECES {
                0 => 0,
                place => {
                    bytes[place - 1..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |more| place + more)
                }
            };
            (name.clone(), bytes[border(at)..border(at + 1)].to_vec())
        };
        (0..PIECES).map(|at| self.inputs.iter().map(|input| part(input, at)).collect()).collect()
    }

    fn outcome(&self, way: Way, workers: usize) -> Outcome {
        let stage = Stage::new(self, way, workers);
        let failure = match way {
            Way::Batch => {
                stage.append(&self.inputs);
                stage.ended(stage.start(&[]))
            }
            Way::Live => stage.live(&self.pieces(), false),
            Way::Killed => stage.live(&self.pieces(), true),
        };
        stage.outcome(self, failure)
    }

    fn judge(&self, outcome: &Outcome, what: &str) {
        if let Some(words) = &self.failure {
            let said = outcome.failure.as_ref().unwrap_or_else(|| panic!("{what}: it did not fail"));
            for word in words.lines() {
                assert!(said.contains(word), "{what}: it does not say {word:?}: {said}");
            }
        } else {
            assert_eq!(outcome.failure, None, "{what}");
        }
        let none = Rows::new();
        for (sink, expected) in &self.expected {
            let found = outcome.sinks.get(sink).unwrap_or(&none);
            assert!(found == expected, "{what}, sink {sink}:\n{}", difference(found, expected));
        }
        for sink in outcome.sinks.keys() {
            assert!(self.expected.contains_key(sink), "{what}: nothing is said of sink {sink}");
        }
        let (found, expected) = (&outcome.dead_letters, &self.dead_letters);
        assert!(found == expected, "{what}, dead letters:\n{}", difference(found, expected));
        if self.failure.is_none() {
            self.judge_ledgers(&outcome.ledgers, what);
        }
    }

    /// Every record is in one column of the ledger.
    fn judge_ledgers(&self, ledgers: &Value, what: &str) {
        let mut read = 0;
        for (source, ledger) in ledgers.as_object().unwrap() {
            let count = |column: &str| ledger[column].as_u64().unwrap();
            let sum: u64 = ["used", "filtered", "late", "dead_letter", "duplicate"].map(count).iter().sum();
            assert_eq!(count("read"), sum, "{what}, ledger of {source}: {ledger}");
            read += sum;
        }
        assert_eq!(read, self.records(), "{what}: records read, of all that are there");
        for (source, expected) in self.ledger.iter().flat_map(|ledger| ledger.as_object().unwrap()) {
            for (column, count) in expected.as_object().unwrap() {
                assert_eq!(&ledgers[source][column], count, "{what}, {column} of {source}: {ledgers}");
            }
        }
    }

    /// How many records the inputs hold: lines that are not empty; of CSV all but the header.
    fn records(&self) -> u64 {
        let count = |(name, bytes): &(String, Vec<u8>)| {
            let lines =
                bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && *line != b"\r").count() as u64;
            if name.ends_with(".csv") { lines.saturating_sub(1) } else { lines }
        };
        self.inputs.iter().map(count).sum()
    }
}

/// A folder in which a scenario is played once.
struct Stage {
    folder: tempfile::TempDir,
    workers: String,
    records: u64,
}

impl Stage {
    fn new(case: &Case, way: Way, workers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in &case.files {
            let text = match way {
                Way::Batch => text.clone(),
                Way::Live | Way::Killed => text
                    .replace("mode: batch", "mode: stream")
                    .replace("file: { path: in.", "file: { follow: true, path: in."),
            };
            // A run that is killed has made checkpoints as often as it can.
            let every = if matches!(way, Way::Killed) { "epoch: 20ms\ncheckpoint: 0s" } else { "epoch: 20ms" };
            let text = text.replace("epoch: 20ms", every);
            fs::write(folder.path().join(name), text).unwrap();
        }
        for (name, _) in &case.inputs {
            File::create(folder.path().join(name)).unwrap();
        }
        Self { folder, workers: workers.to_string(), records: case.records() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, more: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_flowctl"))
            .args(["run", "pipeline.yaml", "--output", "json", "--state", "state", "-w", &self.workers])
            .args(more)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(self.path("stdout")).unwrap())
            .stderr(File::create(self.path("stderr")).unwrap())
            .spawn()
            .unwrap()
    }

    fn said(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap()
    }

    fn append(&self, piece: &Piece) {
        for (name, bytes) in piece {
            OpenOptions::new().append(true).open(self.path(name)).unwrap().write_all(bytes).unwrap();
        }
    }

    /// Waits for the end. What it said if it failed.
    fn ended(&self, mut child: Child) -> Option<String> {
        let status =
            wait(&mut child, "the end", Option::<ExitStatus>::is_some, |child| child.try_wait().unwrap()).unwrap();
        match status.code() {
            Some(0) => None,
            Some(1) => Some(self.said()),
            _ => panic!("{status}: {}", self.said()),
        }
    }

    /// The journal's newest segment and how much it holds: that grows with every epoch.
    fn progress(&self) -> Option<(OsString, u64)> {
        let files = fs::read_dir(self.path("state/scenario/journal")).into_iter().flatten().flatten();
        files.filter_map(|file| Some((file.file_name(), file.metadata().ok()?.len()))).max()
    }

    /// Appends a piece and waits until something was made of it. Whether the run still goes on.
    fn feed(&self, child: &mut Child, piece: &Piece) -> bool {
        let before = self.progress();
        self.append(piece);
        if piece.iter().all(|(_, bytes)| bytes.is_empty()) {
            return true;
        }
        let done = |child: &mut Child| (self.progress() > before, child.try_wait().unwrap().is_none());
        wait(child, "progress", |(grown, alive)| *grown || !alive, done).1
    }

    /// Plays all pieces; where `killed`, with a kill and a stop in between. What a failed run said.
    fn live(&self, pieces: &[Piece], killed: bool) -> Option<String> {
        let mut pieces = pieces.iter();
        if killed {
            let mut child = self.start(&[]);
            self.feed(&mut child, pieces.next().unwrap());
            self.append(pieces.next().unwrap());
            child.kill().unwrap();
            if child.wait().unwrap().code() == Some(1) {
                return Some(self.said());
            }
        }
        for _ in 0..STARTS_MAX {
            let mut child = self.start(&["--until-idle", "400ms"]);
            // A run that ends meanwhile, since it was idle or since it failed, has the next start see the rest.
            while let Some(piece) = pieces.next() {
                if !self.feed(&mut child, piece) || (killed && pieces.len() == 1) {
                    break;
                }
            }
            if let Some(failure) = self.ended(child) {
                return Some(failure);
            }
            if pieces.len() == 0 && self.read() == self.records {
                return None;
            }
        }
        panic!("{STARTS_MAX} starts did not read everything: {}", self.said());
    }

    fn ledgers(&self) -> Value {
        let status = fs::read_to_string(self.path("state/scenario/status.json")).unwrap_or_else(|_| "{}".into());
        serde_json::from_str::<Value>(&status).unwrap()["ledgers"].take()
    }

    fn read(&self) -> u64 {
        self.ledgers().as_object().into_iter().flatten().map(|(_, ledger)| ledger["read"].as_u64().unwrap()).sum()
    }

    fn outcome(&self, case: &Case, failure: Option<String>) -> Outcome {
        let mut sinks = self.console();
        for sink in case.expected.keys() {
            if case.pipeline.contains(&format!("out.{sink}.jsonl")) {
                let text = fs::read_to_string(self.path(&format!("out.{sink}.jsonl"))).unwrap_or_default();
                sinks.insert(sink.clone(), of_lines(&text));
            } else if case.pipeline.contains(&format!("table: {sink}")) {
                sinks.insert(sink.clone(), self.table(sink));
            }
        }
        Outcome { sinks, dead_letters: self.dead_letters(), ledgers: self.ledgers(), failure }
    }

    /// What console sinks show in the end. After no epoch may a row be there less than no times.
    fn console(&self) -> BTreeMap<String, Rows> {
        let mut sinks: BTreeMap<String, Rows> = BTreeMap::new();
        let mut last = BTreeMap::new();
        let text = fs::read_to_string(self.path("stdout")).unwrap();
        for line in text.lines() {
            let change: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let (sink, epoch) = (change["sink"].as_str().unwrap().to_owned(), change["epoch"].as_u64().unwrap());
            let rows = sinks.entry(sink.clone()).or_default();
            if last.insert(sink, epoch) != Some(epoch) {
                assert!(rows.values().all(|count| *count > 0), "before epoch {epoch}: {rows:?}\n{text}");
            }
            let (_, row) = line.split_once("\"row\":").unwrap();
            add(rows, canonical(row.strip_suffix('}').unwrap()), change["diff"].as_i64().unwrap());
        }
        assert!(sinks.values().flatten().all(|(_, count)| *count > 0), "{sinks:?}\n{text}");
        sinks
    }

    fn table(&self, table: &str) -> Rows {
        rows_of_table(&rusqlite::Connection::open(self.path("out.db")).unwrap(), table)
    }

    /// The dead letters that stand, in the tables where they go by default.
    fn dead_letters(&self) -> Rows {
        let mut found = Rows::new();
        let file = self.path("state/scenario/dead-letters.db");
        if !file.exists() {
            return found;
        }
        let database = rusqlite::Connection::open(file).unwrap();
        let mut query = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
        let tables: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for table in tables.iter().filter(|table| *table != "flowctl_sinks") {
            for (letter, count) in rows_of_table(&database, table) {
                let letter: Value = serde_json::from_str(&letter).unwrap();
                assert!(letter["message"].as_str().is_some_and(|message| !message.is_empty()), "{letter}");
                let mut known = json!({});
                // What is no record's alone has a source all the same, among whose letters it is.
                let of_record = !letter["partition"].is_null();
                for name in ["source", "offset", "operator", "code", "text", "base64"] {
                    if !letter[name].is_null() && (of_record || name != "source") {
                        known[name] = letter[name].clone();
                    }
                }
                add(&mut found, canonical(&known.to_string()), count);
            }
        }
        found
    }
}

fn rows_of_table(database: &rusqlite::Connection, table: &str) -> Rows {
    let mut query = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let names: Vec<String> = query.column_names().into_iter().map(str::to_owned).collect();
    let mut found = Rows::new();
    let mut rows = query.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let value = |at: usize| match row.get_ref_unwrap(at) {
            rusqlite::types::ValueRef::Null => "null".into(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Real(number) => format!("{number:?}"),
            rusqlite::types::ValueRef::Text(text) => Value::from(std::str::from_utf8(text).unwrap()).to_string(),
            rusqlite::types::ValueRef::Blob(_) => panic!("no column holds bytes"),
        };
        let cells = names.iter().enumerate().map(|(at, name)| format!("{}:{}", Value::from(name.as_str()), value(at)));
        add(&mut found, canonical(&format!("{{{}}}", cells.collect::<Vec<_>>().join(","))), 1);
    }
    found
}

/// Asks until the answer is right.
fn wait<T>(child: &mut Child, what: &str, right: impl Fn(&T) -> bool, ask: impl Fn(&mut Child) -> T) -> T {
    let started = Instant::now();
    loop {
        let answer = ask(child);
        if right(&answer) {
            return answer;
        }
        if started.elapsed() >= PATIENCE {
            let _ = child.kill();
            panic!("waited for {what} for {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
