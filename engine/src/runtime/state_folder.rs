//! A pipeline's folder below the state directory: taken by one process at a time, and what is written there durably.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use crate::disk;
use crate::failpoint::{Failpoint, hit};
use crate::ownership::{NotOwned, Ownership};
use crate::safeguard::Safeguard;

use super::RunError;
use super::generation;
use super::identity::Identity;

/// The file that is locked.
pub(super) const LOCK: &str = "lock";

/// An owned folder.
#[derive(Debug)]
pub(super) struct StateFolder {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) ownership: Arc<Ownership>,
}

impl StateFolder {
    /// Takes the folder of a pipeline, making it if it is not there, and counts the start.
    pub(super) fn take(path: &Path, pipeline: &str) -> Result<Self, RunError> {
        make_folder(path)?;
        let ownership = own(path)?;
        if ownership.is_taken_over() {
            warn!("taking over from a flowctl that is stopped (SIGSTOP, Ctrl-Z): should it go on, it will end");
        }
        let identity = count_start(path, pipeline).map_err(|error| taken_over(error, &ownership, path))?;
        let folder = Self { path: path.to_owned(), identity, ownership };
        // Whoever took over before this was written goes on, and this one must not.
        folder.require_ownership()?;
        Ok(folder)
    }

    /// Ends the run if another instance has taken over.
    pub(super) fn require_ownership(&self) -> Result<(), RunError> {
        if self.ownership.is_lost() { Err(RunError::TakenOver { folder: self.path.clone() }) } else { Ok(()) }
    }
}

/// Whose the folder is, with this start counted, durably.
fn count_start(path: &Path, pipeline: &str) -> Result<Identity, RunError> {
    hit(Failpoint::IdentityWrite).map_err(RunError::file(path))?;
    let mut identity = match Identity::read(path)? {
        Some(identity) => identity,
        None => {
            Identity::new(pipeline).settle(path)?;
            // Another may have been faster, if this one was stopped meanwhile.
            Identity::read(path)?.unwrap_or_else(|| Identity::new(pipeline))
        }
    };
    identity.require(pipeline, path)?;
    if Safeguard::StartsCounted.holds() {
        identity.generation = generation::claim(path, identity.generation)?;
    }
    Ok(identity)
}

/// Why a start fails: if another has taken over, that is why, whatever it has found gone or changed.
pub(super) fn taken_over(error: RunError, ownership: &Ownership, folder: &Path) -> RunError {
    if ownership.is_lost() { RunError::TakenOver { folder: folder.to_owned() } } else { error }
}

/// Becomes the owner of a folder.
pub(super) fn own(folder: &Path) -> Result<Arc<Ownership>, RunError> {
    let path = folder.join(LOCK);
    Ownership::take(&path).map(Arc::new).map_err(|error| match error {
        NotOwned::File(error) => RunError::File { path, error },
        NotOwned::Other(process) => RunError::State {
            folder: folder.to_owned(),
            what: format!("another flowctl (process {process}) runs this pipeline here"),
            hint: "stop it first, or give this one a directory of its own with `--state DIR`".into(),
        },
    })
}

/// Makes a folder that only its owner can read; after power loss it is still there.
pub(super) fn make_folder(path: &Path) -> Result<(), RunError> {
    disk::make_folder(path).map_err(RunError::file(path))
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), RunError> {
    disk::sync_folder(path).map_err(RunError::file(path))
}

/// Replaces a file's content so that a crash leaves either the old or the new.
pub(super) fn replace_file(path: &Path, content: &[u8]) -> Result<(), RunError> {
    disk::replace(path, content).map_err(RunError::file(path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_has_one_owner_and_counts_its_starts() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let first = StateFolder::take(&root.path().join("p"), "p").expect("free");
        assert_eq!(first.identity.generation, 1);
        let refused = StateFolder::take(&root.path().join("p"), "p").expect_err("taken");
        assert!(refused.to_string().contains("another flowctl"), "{refused}");
        let id = first.identity.state_id.clone();
        drop(first);
        let second = StateFolder::take(&root.path().join("p"), "p").expect("free again");
        assert_eq!((second.identity.generation, second.identity.state_id), (2, id));
    }

    #[test]
    fn an_instance_that_wakes_takes_back_no_number() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("p");
        let take = || StateFolder::take(&path, "p").expect("free").identity.generation;
        assert_eq!(take(), 1);
        let stopped = std::fs::read(path.join("identity.json")).expect("written");
        assert_eq!((take(), take()), (2, 3));
        // It was stopped before its identity took the place of the one before, and goes on now.
        fs::write(path.join("identity.json"), stopped).expect("writable");
        assert_eq!((take(), take()), (4, 5));
    }

    #[test]
    fn foreign_state_is_refused() {
        let root = tempfile::tempdir().expect("a temporary folder");
        drop(StateFolder::take(&root.path().join("p"), "p").expect("free"));
        fs::rename(root.path().join("p"), root.path().join("q")).expect("renamed");
        let refused = StateFolder::take(&root.path().join("q"), "q").expect_err("foreign");
        assert!(refused.to_string().contains("belongs to pipeline `p`"), "{refused}");
    }
}
