//! What a file sink durably holds: its epoch and the file's length, in the pipeline's state folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use engine::connector::ConnectorError;
use engine::digest::Digest;
use engine::ownership::Stopped;
use engine::sealed::{seal, unseal};
use serde::{Deserialize, Serialize};

use crate::exclusive_lock::lock_exclusively;

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

/// Where that is stored: `sinks/NAME.GENERATION.json` in the state folder. The one of the greatest generation counts, so that an instance that was
/// taken over from changes nothing, whenever it wakes.
#[derive(Clone, Debug)]
pub(super) struct StateFile {
    folder: PathBuf,
    name: String,
    generation: u64,
}

impl StateFile {
    /// The state of the sink `name`, as an instance of this generation keeps it.
    pub(super) fn new(state_folder: &Path, name: &str, generation: u64) -> Self {
        Self { folder: state_folder.join("sinks"), name: name.to_owned(), generation }
    }

    /// Takes the sink over until the end of its opening. A predecessor that is stopped within its own is ended.
    ///
    /// # Errors
    /// Another process has it, or the file system fails.
    pub(super) fn lock(&self, predecessor: Option<&Stopped>) -> Result<File, ConnectorError> {
        let path = self.folder.join(format!("{}.lock", self.name));
        let failed = |error: io::Error| file_error("lock", &path, &error);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        if lock_exclusively(&file, predecessor).map_err(failed)? {
            return Ok(file);
        }
        Err(ConnectorError::refused(
            format!("{} is locked by another process", path.display()),
            "run only one instance of a pipeline at a time",
        ))
    }

    /// Reads what the newest instance has stored; `None` if nothing has been stored yet.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn load(&self) -> Result<Option<Stored>, ConnectorError> {
        let Some(newest) = self.generations()?.last().copied() else { return Ok(None) };
        let path = self.path(newest);
        let text = match fs::read(&path) {
            Ok(text) => text,
            // The next instance may have removed it just now, and then has stored its own.
            Err(_) if self.generations()?.last() != Some(&newest) => return self.load(),
            Err(error) => return Err(file_error("read", &path, &error)),
        };
        unseal(&text).map(Some).map_err(|error| {
            let what = format!("the sink's state {} is damaged: {error}", path.display());
            ConnectorError::diverged(
                what,
                "put the state directory back from a copy, or remove the output file and begin anew with `--fresh`",
            )
        })
    }

    /// Whether we still are the newest instance.
    ///
    /// # Errors
    /// A later one has stored something.
    pub(super) fn defend(&self) -> Result<(), ConnectorError> {
        match self.generations()?.last() {
            Some(newest) if *newest > self.generation => Err(ConnectorError::Fenced {
                what: format!(
                    "another instance has taken over sink `{}`: it is at generation {newest}, this one at {}",
                    self.name, self.generation
                ),
                hint: "nothing is lost, the other instance goes on; run only one at a time".into(),
            }),
            _ => Ok(()),
        }
    }

    /// Replaces it, durably: either the old or the new state is there after a crash.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn store(&self, stored: &Stored) -> Result<(), ConnectorError> {
        let path = self.path(self.generation);
        let failed = |error: io::Error| file_error("write", &path, &error);
        let text = seal(stored).map_err(|error| failed(error.into()))?;
        let temporary = path.with_extension("json.new");
        let mut file = File::create(&temporary).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&temporary, &path).map_err(failed)?;
        sync_folder(&self.folder)
    }

    /// Removes what instances before this one have stored.
    ///
    /// # Errors
    /// The file system fails.
    pub(super) fn forget_earlier(&self) -> Result<(), ConnectorError> {
        for generation in self.generations()?.into_iter().filter(|generation| *generation < self.generation) {
            let path = self.path(generation);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(file_error("remove", &path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, generation: u64) -> PathBuf {
        self.folder.join(format!("{}.{generation}.json", self.name))
    }

    /// The generations that have stored something, ascending.
    fn generations(&self) -> Result<Vec<u64>, ConnectorError> {
        let failed = |error: io::Error| file_error("read", &self.folder, &error);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_str().and_then(|name| name.strip_prefix(&self.name)?.strip_prefix('.'));
            found.extend(name.and_then(|name| name.strip_suffix(".json")?.parse::<u64>().ok()));
        }
        found.sort_unstable();
        Ok(found)
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
