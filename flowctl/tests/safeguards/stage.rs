//! A folder in which flowctl runs, with all safeguards or without one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use engine::safeguard::Safeguard;

/// How long something may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Sums by key in a table, rows in a file.
pub(crate) const SUMS: &str = "
name: p
mode: batch
epoch: 1h
checkpoint: 1h
sources: { s: { file: { path: 'in/*.jsonl' }, schema: { k: string, v: int }, on_error: skip } }
operators: { sums: { from: s, group_by: [k], aggregate: { sum: sum(v), most: max(v) } } }
sinks:
  rows: { from: s, file: { path: rows.jsonl } }
  sums: { from: sums, mysql: { url: 'sqlite:t.db', table: sums, mode: upsert, key: [k], create: true } }
";

/// A file that is followed, and a sink of its rows.
const FOLLOWED: &str = "
name: p
epoch: 5ms
checkpoint: 1h
sources: { s: { file: { path: in/1.jsonl, follow: true }, schema: { k: string, v: int }, on_error: skip } }
sinks:
  rows: SINK
";

/// Reads a topic to its end.
const READ: &str = "
name: read
mode: batch
sources: { s: { kafka: { brokers: '${KAFKA_BROKERS}', topics: [TOPIC] }, schema: { COLUMNS } } }
sinks:
  rows: { from: s, file: { path: read.jsonl } }
";

/// A folder with a pipeline.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    without: Vec<Safeguard>,
}

impl Stage {
    pub(crate) fn new(pipeline: &str, without: Option<Safeguard>) -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap(), without: without.into_iter().collect() };
        std::fs::create_dir(stage.path("in")).unwrap();
        stage.write("p.yaml", pipeline);
        stage
    }

    /// One that follows a file, whose rows go to this sink; the first is there.
    pub(crate) fn following(sink: &str, without: Option<Safeguard>) -> Self {
        let stage = Self::new(&FOLLOWED.replace("SINK", sink), without);
        stage.write_rows("1", &[("a", 1)]);
        stage
    }

    /// The same without one more safeguard.
    pub(crate) fn and_without(mut self, safeguard: Safeguard) -> Self {
        self.without.push(safeguard);
        self
    }

    /// A copy of it, with everything that runs have left.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap(), without: self.without.clone() };
        copy_folder(self.folder.path(), copy.folder.path());
        copy
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Lines `{"k":K,"v":V}` in a file of the input.
    pub(crate) fn write_rows(&self, file: &str, rows: &[(&str, i64)]) {
        let lines = rows.iter().map(|(k, v)| format!("{{\"k\":\"{k}\",\"v\":{v}}}\n"));
        self.write(&format!("in/{file}.jsonl"), &lines.collect::<String>());
    }

    /// Adds a line to a file that is followed.
    pub(crate) fn append_row(&self, file: &str, (k, v): (&str, i64)) {
        let mut file = std::fs::OpenOptions::new().append(true).open(self.path(&format!("in/{file}.jsonl"))).unwrap();
        file.write_all(format!("{{\"k\":\"{k}\",\"v\":{v}}}\n").as_bytes()).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        if !self.without.is_empty() {
            command.env(
                "FLOWCTL_WITHOUT",
                self.without.iter().map(|left_out| left_out.name()).collect::<Vec<_>>().join(","),
            );
        }
        command
    }

    /// How a command ends, and all that it says.
    fn ends(&self, command: &mut Command) -> (ExitStatus, String) {
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        for safeguard in &self.without {
            assert!(said.contains(&format!("safeguard {} is left out", safeguard.name())), "{said}");
        }
        (output.status, said)
    }

    /// Runs the pipeline to its end; gives what was said.
    pub(crate) fn run(&self) -> Result<String, String> {
        self.run_with(&["-w", "2", "--state", "state"])
    }

    /// Runs the pipeline with other arguments.
    pub(crate) fn run_with(&self, words: &[&str]) -> Result<String, String> {
        let (status, said) = self.ends(&mut self.command(&[&["run", "p.yaml"], words].concat()));
        if status.success() { Ok(said) } else { Err(format!("a run ends with {status}: {said}")) }
    }

    /// Runs the pipeline, which must be refused, with these words.
    pub(crate) fn is_refused(&self, words: &str) -> Result<(), String> {
        let (status, said) = self.ends(&mut self.command(&["run", "p.yaml", "--state", "state"]));
        if status.code() == Some(1) && said.contains(words) {
            return Ok(());
        }
        Err(format!("no `{words}`; the run ends with {status}: {said}"))
    }

    /// Runs the pipeline, which dies at a failpoint.
    pub(crate) fn dies_at(&self, point: &str) -> Result<(), String> {
        let mut command = self.command(&["run", "p.yaml", "-w", "2", "--state", "state"]);
        let (_, said) = self.ends(command.env("FLOWCTL_FAILPOINT", format!("{point}=abort@1")));
        if said.contains("is hit") { Ok(()) } else { Err(format!("it does not come to {point}: {said}")) }
    }

    /// Starts a run that goes on until it is stopped.
    pub(crate) fn starts(&self, words: &[&str]) -> Running {
        self.start(&mut self.command(&[&["run", "p.yaml"], words].concat()))
    }

    /// Starts a command that goes on until it is stopped.
    pub(crate) fn start(&self, command: &mut Command) -> Running {
        let said = std::fs::File::create(self.path("said")).unwrap();
        Running { child: command.stdout(Stdio::null()).stderr(said).spawn().unwrap() }
    }

    /// Waits until something is so.
    pub(crate) fn awaits(&self, what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            if Instant::now() >= deadline {
                let said = std::fs::read_to_string(self.path("said")).unwrap_or_default();
                return Err(format!("{what} does not come: {said}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The rows that a query of the table's database gives, as text; none while there is no table.
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        let database = rusqlite::Connection::open(self.path("t.db")).unwrap();
        let Ok(mut query) = database.prepare(sql) else { return Vec::new() };
        let width = query.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let cell = |at: usize| match row.get(at)? {
                rusqlite::types::Value::Text(text) => Ok(text),
                other => Ok(format!("{other:?}").replace(|letter: char| !letter.is_ascii_digit() && letter != '-', "")),
            };
            Ok((0..width).map(cell).collect::<rusqlite::Result<Vec<_>>>()?.join(" "))
        };
        query.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    /// The last epoch that the sink `rows` has committed, as the status says.
    pub(crate) fn committed(&self) -> u64 {
        let status = std::fs::read(self.path("state/p/status.json")).unwrap_or_default();
        let status: serde_json::Value = serde_json::from_slice(&status).unwrap_or_default();
        let sinks = status["sinks"].as_array().cloned().unwrap_or_default();
        let rows = sinks.iter().find(|sink| sink["name"] == "rows");
        rows.and_then(|rows| rows["committed"].as_u64()).unwrap_or(0)
    }

    pub(crate) fn requires(&self, sql: &str, expected: &[&str]) -> Result<(), String> {
        let found = self.query(sql);
        if found == expected { Ok(()) } else { Err(format!("{sql}: {found:?} instead of {expected:?}")) }
    }

    /// The records of a topic of KAFKA_BROKERS that are committed, in the order of their bytes; none while there is no topic.
    pub(crate) fn records(&self, topic: &str, columns: &str) -> Vec<String> {
        let read = READ.replace("TOPIC", topic).replace("COLUMNS", columns);
        self.write("read.yaml", &read);
        let _ = std::fs::remove_file(self.path("read.jsonl"));
        let mut command = self.command(&["run", "read.yaml", "--fresh", "--state", "reading"]);
        command.env_remove("FLOWCTL_WITHOUT").output().unwrap();
        let mut lines = self.lines("read.jsonl");
        lines.sort();
        lines
    }

    /// Lines of a file, in their order.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        std::fs::read_to_string(self.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The file of rows holds all of the input, each line once.
    pub(crate) fn requires_all_rows(&self) -> Result<(), String> {
        let mut input: Vec<String> = Vec::new();
        for file in std::fs::read_dir(self.path("in")).unwrap() {
            input.extend(std::fs::read_to_string(file.unwrap().path()).unwrap().lines().map(str::to_owned));
        }
        let mut rows = self.lines("rows.jsonl");
        input.sort();
        rows.sort();
        if rows == input { Ok(()) } else { Err(format!("rows.jsonl has {rows:?} instead of {input:?}")) }
    }
}

/// A run under way, which is killed at the end.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Whether it has stopped, as by SIGSTOP.
    pub(crate) fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
    }

    /// The exit code, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().unwrap().map(|status| status.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies what is in a folder. What goes away meanwhile was not meant to last.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            let _ = std::fs::copy(entry.path(), target);
        }
    }
}
