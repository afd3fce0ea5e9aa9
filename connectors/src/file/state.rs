//! What a file sink durably holds: its epoch and the file's length, in the pipeline's state folder.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use engine::connector::ConnectorError;
use engine::digest::Digest;
use engine::sealed::{seal, unseal};
use serde::{Deserialize, Serialize};

use super::failure::file_error;

/// The file's content as of the last commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    /// The file that is written.
    pub(super) path: String,
    /// Of everything that decides which rows are written.
    pub(super) fingerprint: String,
    /// The last epoch in it.
    pub(super) epoch: u64,
    /// Of the rows in it.
    pub(super) digest: Digest,
    /// Its length in bytes; what lies beyond was never committed.
    pub(super) length: u64,
}

/// Where that is stored.
#[derive(Clone, Debug)]
pub(super) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// The state of the sink `name`.
    pub(super) fn new(state_folder: &Path, name: &str) -> Self {
        Self { path: state_folder.join("sinks").join(format!("{name}.json")) }
    }

    /// Reads it; `None` if nothing has been stored yet.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn load(&self) -> Result<Option<Stored>, ConnectorError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error("read", &self.path, &error)),
        };
        unseal(&text).map(Some).map_err(|error| {
            let what = format!("the sink's state {} is damaged: {error}", self.path.display());
            ConnectorError::diverged(
                what,
                "put the state directory back from a copy, or remove the output file and begin anew with `--fresh`",
            )
        })
    }

    /// Replaces it, durably: either the old or the new state is there after a crash.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn store(&self, stored: &Stored) -> Result<(), ConnectorError> {
        let failed = |error: std::io::Error| file_error("write", &self.path, &error);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let text = seal(stored).map_err(|error| failed(error.into()))?;
        let temporary = self.path.with_extension("json.new");
        let mut file = File::create(&temporary).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&temporary, &self.path).map_err(failed)?;
        sync_folder(folder)
    }
}

/// Makes names in a folder durable.
///
/// # Errors
/// The folder cannot be opened.
pub(super) fn sync_folder(folder: &Path) -> Result<(), ConnectorError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(|error| file_error("write", folder, &error))
}
