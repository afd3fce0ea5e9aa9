//! Every single byte of a small state directory is flipped, in two ways: the run that goes on from it either comes to exactly the right rows, or refuses
//! and says what is damaged. It never comes to other rows, and never to a bug.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use engine::check::check;
use engine::connector::{Registry, StopFlag};
use engine::plan::Plan;
use engine::runtime::{Ended, RunOptions, Silent, run};
use engine::spec::{Loaded, Variables, load};

use support::memory::{Store, registry};
use support::rows::{Rows, difference, of_lines};

/// No dead letters, whose table is a database's file. Rows straight into a file; what a checkpoint keeps into memory, which begins empty each time.
const PIPELINE: &str = "
name: p
mode: batch
sources:
  s:
    file: { path: in.jsonl }
    schema: { k: string, v: int, at: timestamp }
    event_time: { column: at, lateness: 1m }
    on_error: skip
operators:
  sums: { from: s, group_by: [k], aggregate: { n: count(*), sum: sum(v), most: max(v) } }
  live: { from: s, latest: { key: [k] } }
sinks:
  rows: { from: s, file: { path: out.jsonl } }
  sums: { from: sums, memory: { store: STORE } }
  live: { from: live, memory: { store: STORE } }
";

const LINES: [&str; 4] = [
    "{\"k\":\"a\",\"v\":1,\"at\":\"2026-01-01T00:00:00Z\"}",
    "{\"k\":\"b\",\"v\":-5,\"at\":\"2026-01-01T00:00:01Z\"}",
    "{\"k\":\"a\",\"v\":7,\"at\":\"2026-01-01T00:00:02Z\"}",
    "{\"k\":\"b\",\"v\":2,\"at\":\"2026-01-01T00:00:03Z\"}",
];

/// How bytes are flipped: the lowest bit and the highest.
const PATTERNS: [u8; 2] = [0x01, 0x80];

/// Files by their paths below a folder.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A folder with the pipeline, which runs again and again from the same state.
struct Stage {
    folder: tempfile::TempDir,
    plan: Arc<Plan>,
    store: Arc<Store>,
}

impl Stage {
    fn new(name: &str) -> Self {
        // Syncing costs nothing in memory, and thousands of runs sync a lot.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let store = Store::new(name);
        let yaml = folder.path().join("p.yaml");
        let text = PIPELINE.replace("STORE", name);
        let read = |path: &Path| if path == yaml { Ok(text.clone().into_bytes()) } else { std::fs::read(path) };
        let variables = Variables::default();
        let Loaded { files, spec, mut diagnostics } = load(&yaml, &read, &variables);
        let plan = spec.and_then(|spec| check(&spec, &files, &all_kinds(), &variables, &mut diagnostics));
        let plan = Arc::new(plan.unwrap_or_else(|| panic!("{:?}", diagnostics.sorted())));
        Self { folder, plan, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs over the first lines; sinks in memory begin empty.
    fn run(&self, lines: usize) -> Ended {
        std::fs::write(self.path("in.jsonl"), LINES[..lines].join("\n") + "\n").unwrap();
        self.store.forget_rows(|_| true);
        let options = RunOptions::new(1, self.path("state"), Variables::default(), StopFlag::default());
        run(&self.plan, &options, &Silent)
    }

    /// The rows of all sinks.
    fn rows(&self) -> BTreeMap<String, Rows> {
        let mut rows = self.store.rows();
        rows.insert("rows".into(), of_lines(&std::fs::read_to_string(self.path("out.jsonl")).unwrap()));
        rows
    }

    /// Everything that runs have left: the state and what the file sink holds.
    fn left(&self) -> Files {
        let mut files = Files::from([("out.jsonl".into(), std::fs::read(self.path("out.jsonl")).unwrap())]);
        let mut folders = vec![PathBuf::from("state")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(self.folder.path().join(&folder)).unwrap() {
                let path = folder.join(entry.unwrap().file_name());
                match std::fs::read(self.folder.path().join(&path)) {
                    Ok(bytes) => drop(files.insert(path, bytes)),
                    Err(_) => folders.push(path),
                }
            }
        }
        files
    }

    fn put_back(&self, files: &Files) {
        let _ = std::fs::remove_dir_all(self.path("state"));
        for (path, bytes) in files {
            let path = self.folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// What is wrong about a run over all lines from these files, of which `flipped` is not what it was.
    fn wrong(&self, files: &Files, flipped: &Path, expected: &BTreeMap<String, Rows>) -> Option<String> {
        self.put_back(files);
        match self.run(LINES.len()).outcome {
            Ok(()) => {
                let found = self.rows();
                let differing = expected.iter().find(|(sink, rows)| found.get(*sink) != Some(*rows));
                differing.map(|(sink, rows)| format!("sink {sink} has\n{}", difference(&found[sink], rows)))
            }
            Err(error) => {
                let name = flipped.file_name().unwrap().to_str().unwrap();
                // An entry at the journal's end that is not whole was never written: then sinks are ahead of it.
                let is_named = error.to_string().contains(name)
                    || (is_journal(flipped) && error.to_string().contains("the journal in"));
                (error.exit_code() > 2 || !is_named).then(|| format!("it ends with {}: {error}", error.exit_code()))
            }
        }
    }
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "journal")
}

/// The connectors of the program, and those in memory.
fn all_kinds() -> Registry {
    let program = connectors::REGISTRY;
    Registry {
        sources: program.sources,
        sinks: Vec::leak([program.sinks, registry().sinks].concat()),
        formats: program.formats,
        dead_letters: program.dead_letters,
    }
}

/// The flips of one worker, each tried on a copy of the files.
fn try_flips(
    stage: &Stage,
    files: &Files,
    flips: &[(&Path, usize, u8)],
    expected: &BTreeMap<String, Rows>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut files = files.clone();
    for (path, at, pattern) in flips {
        files.get_mut(*path).unwrap()[*at] ^= pattern;
        let found = stage.wrong(&files, path, expected);
        wrong.extend(found.map(|found| format!("{} byte {at} ^ {pattern:#04x}: {found}", path.display())));
        files.get_mut(*path).unwrap()[*at] ^= pattern;
    }
    wrong
}

/// Flips every byte of what `leave` leaves, and goes on from it over all lines.
fn flip_every_byte(name: &str, leave: impl Fn(&Stage) -> Files + Sync) {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(8);
    let work = |worker: usize| {
        let stage = Stage::new(&format!("{name}{worker}"));
        let files = leave(&stage);
        stage.put_back(&files);
        assert!(stage.run(LINES.len()).outcome.is_ok());
        let expected = stage.rows();
        assert_eq!(expected["rows"].len(), LINES.len());
        // The status is for people, and no run reads it.
        let flippable = files.iter().filter(|(path, _)| path.starts_with("state") && !path.ends_with("status.json"));
        let flips = flippable.flat_map(|(path, bytes)| {
            (0..bytes.len()).flat_map(move |at| PATTERNS.map(|pattern| (path.as_path(), at, pattern)))
        });
        let flips: Vec<_> = flips.skip(worker).step_by(workers).collect();
        assert!(flips.len() * workers > 1000, "there must be something to flip");
        try_flips(&stage, &files, &flips, &expected)
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn({
                    let work = &work;
                    move || work(worker)
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} flips go wrong:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
fn every_flipped_byte_is_found_or_harmless() {
    flip_every_byte("ended", |stage| {
        for lines in 1..LINES.len() {
            assert!(stage.run(lines).outcome.is_ok());
        }
        stage.left()
    });
}

#[test]
fn every_flipped_byte_of_what_a_kill_left_is_found_or_harmless() {
    flip_every_byte("killed", |stage| {
        assert!(stage.run(2).outcome.is_ok());
        // As if the run was killed when sinks had its only epoch, and no checkpoint was made.
        let mut files = stage.left();
        files.retain(|path, _| !path.starts_with("state/p/checkpoints"));
        let newest = files.keys().filter(|path| is_journal(path)).max().unwrap().clone();
        files.remove(&newest);
        assert_eq!(files.keys().filter(|path| is_journal(path)).count(), 1);
        files
    });
}
