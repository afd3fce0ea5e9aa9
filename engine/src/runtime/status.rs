//! What a run has last said of itself, in a file that other processes can read.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::ledger::Ledger;

use super::RunError;

/// How a pipeline stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The pipeline.
    pub pipeline: String,
    /// Whether the run that wrote this has ended.
    pub ended: bool,
    /// Why it failed, if it did.
    #[serde(default)]
    pub failure: Option<String>,
    /// When it was written, in microseconds since 1970.
    pub written: i64,
    /// The last epoch that all sinks hold.
    pub epoch: u64,
    /// What became of records since the state began, by source.
    pub ledgers: BTreeMap<String, Ledger>,
    /// Records that wait outside, by source, where the source tells.
    pub backlog: BTreeMap<String, u64>,
    /// How many dead letters there are.
    pub dead_letters: u64,
    /// How many errors were only counted.
    #[serde(default)]
    pub skipped: u64,
    /// What each sink holds.
    pub sinks: Vec<SinkStatus>,
    /// The newest checkpoint that this run has made or begun with.
    #[serde(default)]
    pub checkpoint: Option<CheckpointStatus>,
}

/// A checkpoint that a restart can begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointStatus {
    /// The epoch that it ends with.
    pub epoch: u64,
    /// When it was made, in microseconds since 1970.
    pub made: i64,
}

/// How a sink stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkStatus {
    /// Its name.
    pub name: String,
    /// The last epoch that it has committed.
    pub committed: u64,
}

/// The status of a pipeline with this state folder, as its last run wrote it; none if it has never run there.
///
/// # Errors
/// The file cannot be read.
pub fn read_status(folder: &Path) -> Result<Option<Status>, RunError> {
    let path = folder.join("status.json");
    match disk::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| RunError::File { path, error: std::io::Error::other(error) }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RunError::File { path, error }),
    }
}

/// Replaces the status of a pipeline. Not synced: after a crash it is of no interest.
pub(super) fn write_status(folder: &Path, status: &Status) -> Result<(), RunError> {
    let text = serde_json::to_vec(status).expect("a status is plain text and numbers");
    let path = folder.join("status.json");
    disk::swap(&path, &text).map_err(RunError::file(path))
}
