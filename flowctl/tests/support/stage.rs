//! A folder in which the built binary runs, with a pipeline and its state.
#![allow(dead_code, reason = "each test crate uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with `p.yaml`, which goes with its test.
pub(crate) struct Stage(tempfile::TempDir);

impl Stage {
    pub(crate) fn new(pipeline: &str) -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        stage.write("p.yaml", pipeline);
        stage
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The lines of a file in the order of their bytes.
    pub(crate) fn sorted_lines(&self, name: &str) -> Vec<String> {
        let mut lines: Vec<String> = self.read(name).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    /// flowctl with these words, and its state in `state` unless they say otherwise. It polls no Twitch but the embedded one.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowctl"));
        let state: &[&str] = if words.contains(&"--state") { &[] } else { &["--state", "state"] };
        command.args(words).args(state).current_dir(self.folder()).env_remove("TWITCH_API");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The exit code of flowctl with these words, and all that it has shown and said.
    pub(crate) fn flowctl(&self, words: &[&str]) -> (Option<i32>, String) {
        outcome(&mut self.command(words))
    }

    /// All that flowctl has shown and said, which must end well.
    pub(crate) fn does(&self, words: &[&str]) -> String {
        let (code, said) = self.flowctl(words);
        assert_eq!(code, Some(0), "{words:?}: {said}");
        said
    }

    /// What flowctl has shown, and what it has said, which must end well.
    pub(crate) fn shows(&self, words: &[&str]) -> (String, String) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        let (shown, said) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert!(status.success(), "{words:?}: {said}");
        (shown, said)
    }
}

/// The exit code of a command, and all that it has shown and said.
pub(crate) fn outcome(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}
