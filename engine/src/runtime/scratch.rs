//! A scratch folder: a copy of a pipeline's state in which a rehearsal can do as it likes, gone when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};

use super::RunError;
use super::checkpoint::runs_folder;
use super::generation;
use super::identity::Identity;
use super::state_folder::{StateFolder, make_folder};

/// The folder.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Copies what a replay needs of the state in `folder`. What an earlier one has left when it was killed is removed.
    pub(super) fn make(folder: &Path) -> Result<Self, RunError> {
        let scratch = Self(folder.join("scratch"));
        scratch.remove();
        make_folder(&scratch.0)?;
        for part in [folder.join("journal"), runs_folder(folder)] {
            if let Some(name) = part.file_name().filter(|_| part.exists()) {
                copy_files(&part, &scratch.0.join(name))?;
            }
        }
        // A start of its own writes segments of its own: one of an earlier start would replace what it goes on from.
        if let Some(identity) = Identity::read(folder)? {
            identity.settle(&scratch.0)?;
            generation::claim(&scratch.0, identity.generation.saturating_sub(1))?;
        }
        Ok(scratch)
    }

    /// Takes it as the state of a pipeline.
    pub(super) fn take(&self, pipeline: &str) -> Result<StateFolder, RunError> {
        StateFolder::take(&self.0, pipeline)
    }

    fn remove(&self) {
        // If it cannot be removed, it cannot be made either.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}

fn copy_files(from: &Path, to: &Path) -> Result<(), RunError> {
    make_folder(to)?;
    for entry in fs::read_dir(from).map_err(RunError::file(from))? {
        let file = entry.map_err(RunError::file(from))?;
        fs::copy(file.path(), to.join(file.file_name())).map_err(RunError::file(file.path()))?;
    }
    Ok(())
}
