//! A pipeline's folder below the state directory: taken by one process at a time, and what is written there durably.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use crate::failpoint::{Failpoint, hit};
use crate::ownership::{NotOwned, Ownership};

use super::RunError;
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
        let mut identity = Identity::read(path)?.unwrap_or_else(|| Identity::new(pipeline));
        identity.require(pipeline, path)?;
        identity.generation += 1;
        hit(Failpoint::IdentityWrite).map_err(RunError::file(path))?;
        identity.write(path)?;
        let folder = Self { path: path.to_owned(), identity, ownership };
        // Whoever took over before this was written may have counted to the same number.
        folder.require_ownership()?;
        Ok(folder)
    }

    /// Ends the run if another instance has taken over.
    pub(super) fn require_ownership(&self) -> Result<(), RunError> {
        if self.ownership.is_lost() { Err(RunError::TakenOver { folder: self.path.clone() }) } else { Ok(()) }
    }
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
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(RunError::file(path))?;
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), RunError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(RunError::file(path))
}

/// Replaces a file's content so that a crash leaves either the old or the new.
pub(super) fn replace_file(path: &Path, content: &[u8]) -> Result<(), RunError> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(RunError::file(path))
}

#[cfg(test)]
mod tests {
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
    fn foreign_state_is_refused() {
        let root = tempfile::tempdir().expect("a temporary folder");
        drop(StateFolder::take(&root.path().join("p"), "p").expect("free"));
        fs::rename(root.path().join("p"), root.path().join("q")).expect("renamed");
        let refused = StateFolder::take(&root.path().join("q"), "q").expect_err("foreign");
        assert!(refused.to_string().contains("belongs to pipeline `p`"), "{refused}");
    }
}
