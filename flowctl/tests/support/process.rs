//! A process that goes on while a test looks on: what it comes to, signals to it, and how it ends.
#![allow(dead_code, reason = "each test crate uses its part")]

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long something may take that is waited for; only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
pub(crate) fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a file has so many lines.
pub(crate) fn await_lines(file: &Path, count: usize) {
    let lines = || std::fs::read_to_string(file).unwrap_or_default().lines().count();
    await_that(&format!("{count} lines in {}", file.display()), || lines() >= count);
}

pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// The exit code of a process that ends, and what it has said.
pub(crate) fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
