//! Reads checkpoints to be sure that they can be put back; runs that several share are read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::runtime::RunError;

use super::entry::{Checkpoint, Run};
use super::run_file::RunReader;

/// Knows which runs are sound.
pub(in crate::runtime) struct Verifier {
    folder: PathBuf,
    /// What is wrong with each run that was read, if anything is.
    read: BTreeMap<String, Result<(), String>>,
}

impl Verifier {
    pub(in crate::runtime) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: BTreeMap::new() }
    }

    /// What is wrong with a checkpoint, if anything is.
    pub(in crate::runtime) fn verify(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        for run in &checkpoint.runs {
            if !self.read.contains_key(&run.name) {
                let found = read(&self.folder, run).map_err(|error| error.to_string());
                self.read.insert(run.name.clone(), found);
            }
            self.read[&run.name].clone()?;
        }
        Ok(())
    }
}

fn read(folder: &Path, run: &Run) -> Result<(), RunError> {
    let mut reader = RunReader::open(folder, run)?;
    while reader.next()?.is_some() {}
    Ok(())
}
