//! A disk that is really full: the kernel refuses to write, while the journal grows and while a checkpoint is made.
//!
//! The journal, or the checkpoints, lie in a small file system in memory, which belongs to a mount namespace of the test's own: an ordinary user has one
//! where user namespaces are allowed, root also where they are not. When there is room again, the next start goes on.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support {
    pub(crate) mod sqlite;
    pub(crate) mod stage;
}

use std::path::Path;
use std::process::{Command, Stdio};

use support::sqlite;
use support::stage::{Stage, outcome};

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
printf %s "$code" >code.full
rm "$full/ballast"
code=0; "$flowctl" run p.yaml -w 2 --state state >said.again 2>&1 || code=$?
printf %s "$code" >code.again
rm -r kept
cp -r "$full" kept
umount "$full"
cp -r kept/. "$full"
"#;

/// Ways to a mount namespace, as words for `unshare`: the first is open to everybody, unless it is forbidden, the second to root.
const NAMESPACES: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount"], &["--mount"]];

/// The first way on which a file system can be mounted.
fn namespace() -> &'static [&'static str] {
    let folder = tempfile::tempdir().unwrap();
    let mut refusals = String::new();
    for way in NAMESPACES {
        let mut command = Command::new("unshare");
        command.args(way).args(["mount", "-t", "tmpfs", "none"]).arg(folder.path());
        let output = command.output().expect("`unshare` of util-linux is there");
        if output.status.success() {
            return way;
        }
        refusals.push_str(&format!(
            "\n  unshare {}: {}",
            way.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    panic!(
        "this test cannot mount a file system of its own: allow user namespaces (sysctl user.max_user_namespaces, \
         kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), or run it as root that may mount, with \
         CAP_SYS_ADMIN{refusals}"
    );
}

fn stage(checkpoint: &str) -> Stage {
    let stage = Stage::new(&PIPELINE.replace("CHECKPOINT", checkpoint));
    std::fs::create_dir(stage.path("in")).unwrap();
    stage
}

impl Stage {
    /// So many groups of one row each, in files of one group, so that there are many epochs.
    fn add_groups(&self, groups: std::ops::Range<usize>) {
        for group in groups {
            let line = format!("{{\"k\":\"group {group:060}\",\"v\":{group}}}\n");
            std::fs::write(self.path(&format!("in/{group:06}.jsonl")), line).unwrap();
        }
    }

    /// Runs while a folder is full, and when it no longer is: how the first run ended, and what it said.
    fn run_on_full(&self, folder: &str) -> (String, String) {
        self.write("script", SCRIPT);
        let mut command = Command::new("unshare");
        command.args(namespace()).args(["sh", "script", folder, env!("CARGO_BIN_EXE_flowctl")]);
        let (code, complaint) = outcome(command.current_dir(self.folder()).stdin(Stdio::null()));
        assert_eq!(code, Some(0), "the script fails: {complaint}");
        assert_eq!(self.read("code.again"), "0", "{}", self.read("said.again"));
        (self.read("code.full"), self.read("said.full"))
    }

    /// All groups are in the sinks, each once.
    fn require_groups(&self, count: usize) {
        let rows = self.sorted_lines("rows.jsonl");
        let expected = (0..count).map(|group| format!("{{\"k\":\"group {group:060}\",\"v\":{group}}}"));
        assert!(rows.into_iter().eq(expected), "rows.jsonl is not the input");
        let sums: Vec<(String, i64)> = sqlite::rows(&self.path("t.db"), "select k, sum from sums order by k");
        let expected = (0..count).map(|group| (format!("group {group:060}"), group as i64));
        assert!(sums.into_iter().eq(expected), "table sums is not the input");
        self.does(&["verify", "p.yaml"]);
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_journal_without_room_ends_the_run_and_the_next_goes_on() {
    let stage = stage("1h");
    stage.add_groups(0..10);
    stage.does(&["run", "p.yaml"]);
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
    let stage = stage("0s");
    stage.add_groups(0..10);
    stage.does(&["run", "p.yaml"]);
    stage.add_groups(10..300);
    let (code, said) = stage.run_on_full("state/p/checkpoints");
    assert_eq!(code, "0", "{said}");
    for words in ["no checkpoint was made", "only makes a restart take longer", "No space left on device"] {
        assert!(said.contains(words), "no `{words}`: {said}");
    }
    assert!(!is_empty(&stage.path("state/p/checkpoints")), "the next run has made one");
    stage.require_groups(300);
}
