//! A disk that is really full: the kernel refuses to write, while the journal grows and while a checkpoint is made.
//!
//! The journal, or the checkpoints, lie in a small file system in memory, which belongs to a mount namespace of the test's own; so it needs no rights beyond
//! those of an ordinary user. When there is room again, the next start goes on.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PIPELINE: &str = "
name: p
mode: batch
epoch: 1ms
checkpoint: CHECKPOINT
sources: { s: { file: { path: 'in/*.jsonl' }, schema: { k: string, v: int } } }
operators: { sums: { from: s, group_by: [k], aggregate: { sum: sum(v), most: max(v) } } }
sinks:
  rows: { from: s, file: { path: rows.jsonl } }
  sums: { from: sums, mysql: { url: 'sqlite:t.db', table: sums, mode: upsert, key: [k], create: true } }
";

/// Runs the pipeline while `$1` has room for one page more than is in it, and again when it has enough.
const SCRIPT: &str = r#"
set -eu
full=$1 flowctl=$2
cp -r "$full" kept
mount -t tmpfs -o size=8m none "$full"
cp -r kept/. "$full"
room=$(df -k --output=avail "$full" | tail -n 1)
head -c $(((room - 4) * 1024)) /dev/zero >"$full/ballast"
code=0; "$flowctl" run p.yaml -w 2 --state state >said.full 2>&1 || code=$?
echo "$code" >code.full
rm "$full/ballast"
code=0; "$flowctl" run p.yaml -w 2 --state state >said.again 2>&1 || code=$?
echo "$code" >code.again
rm -r kept
cp -r "$full" kept
umount "$full"
cp -r kept/. "$full"
"#;

struct Stage(tempfile::TempDir);

impl Stage {
    fn new(checkpoint: &str) -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(stage.path("in")).unwrap();
        std::fs::write(stage.path("p.yaml"), PIPELINE.replace("CHECKPOINT", checkpoint)).unwrap();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap().trim().to_owned()
    }

    /// So many groups of one row each, in files of one group, so that there are many epochs.
    fn add_groups(&self, groups: std::ops::Range<usize>) {
        for group in groups {
            let line = format!("{{\"k\":\"group {group:060}\",\"v\":{group}}}\n");
            std::fs::write(self.path(&format!("in/{group:06}.jsonl")), line).unwrap();
        }
    }

    fn flowctl(&self, words: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        let output = command.args(words).args(["--state", "state"]).current_dir(self.0.path()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// Runs while a folder is full, and when it no longer is: how the first run ended, and what it said.
    fn run_on_full(&self, folder: &str) -> (String, String) {
        std::fs::write(self.path("script"), SCRIPT).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "script", folder, env!("CARGO_BIN_EXE_flowctl")]);
        let output = command.current_dir(self.0.path()).stdin(Stdio::null()).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "no file system of our own (are user namespaces allowed?): {complaint}");
        assert_eq!(self.read("code.again"), "0", "{}", self.read("said.again"));
        (self.read("code.full"), self.read("said.full"))
    }

    /// All groups are in the sinks, each once.
    fn require_groups(&self, count: usize) {
        let mut rows: Vec<String> = self.read("rows.jsonl").lines().map(str::to_owned).collect();
        rows.sort();
        let expected = (0..count).map(|group| format!("{{\"k\":\"group {group:060}\",\"v\":{group}}}"));
        assert!(rows.into_iter().eq(expected), "rows.jsonl is not the input");
        let database = rusqlite::Connection::open(self.path("t.db")).unwrap();
        let mut query = database.prepare("select k, sum from sums order by k").unwrap();
        let sums = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).unwrap();
        let expected = (0..count).map(|group| (format!("group {group:060}"), group as i64));
        assert!(sums.map(Result::unwrap).eq(expected), "table sums is not the input");
        let (success, said) = self.flowctl(&["verify", "p.yaml"]);
        assert!(success, "{said}");
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_journal_without_room_ends_the_run_and_the_next_goes_on() {
    let stage = Stage::new("1h");
    stage.add_groups(0..10);
    assert!(stage.flowctl(&["run", "p.yaml"]).0);
    stage.add_groups(10..300);
    let (code, said) = stage.run_on_full("state/p/journal");
    assert_eq!(code, "1", "{said}");
    for words in ["No space left on device", ".journal", "help: check that the disk has room"] {
        assert!(said.contains(words), "no `{words}`: {said}");
    }
    stage.require_groups(300);
}

#[test]
fn a_checkpoint_without_room_is_not_made_and_the_run_goes_on() {
    let stage = Stage::new("0s");
    stage.add_groups(0..10);
    assert!(stage.flowctl(&["run", "p.yaml"]).0);
    stage.add_groups(10..300);
    let (code, said) = stage.run_on_full("state/p/checkpoints");
    assert_eq!(code, "0", "{said}");
    for words in ["no checkpoint was made", "only makes a restart take longer", "No space left on device"] {
        assert!(said.contains(words), "no `{words}`: {said}");
    }
    assert!(!is_empty(&stage.path("state/p/checkpoints")), "the next run has made one");
    stage.require_groups(300);
}
