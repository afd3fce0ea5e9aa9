//! Runs one scenario in every way, and compares.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::case::{Case, Piece};
use crate::outcome::{Outcome, records_read};

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
            .map(|(way, workers)| (way, workers, scope.spawn(move || play(case, way, workers))))
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

/// Runs a scenario in one way.
fn play(case: &Case, way: Way, workers: usize) -> Outcome {
    let stage = Stage::new(case, way, workers);
    let failure = match way {
        Way::Batch => {
            stage.append(&case.inputs);
            stage.ended(stage.start(&[]))
        }
        Way::Live => stage.live(&case.pieces(), false),
        Way::Killed => stage.live(&case.pieces(), true),
    };
    Outcome::of(case, stage.folder.path(), failure)
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
            if pieces.len() == 0 && records_read(self.folder.path()) == self.records {
                return None;
            }
        }
        panic!("{STARTS_MAX} starts did not read everything: {}", self.said());
    }
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
