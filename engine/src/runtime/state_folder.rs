//! A pipeline's folder below the state directory: which pipeline's it is, and which start this is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use tracing::warn;

use crate::ownership::{NotOwned, Ownership};

use super::RunError;

/// The version of everything below the folder.
const FORMAT: u32 = 3;

/// An owned folder.
#[derive(Debug)]
pub(super) struct StateFolder {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) ownership: Arc<Ownership>,
}

/// What a folder is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Identity {
    /// The version of the files.
    format: u32,
    /// The pipeline that it belongs to.
    pipeline: String,
    /// Made at random when the folder was.
    pub(super) state_id: String,
    /// Grows by one a start.
    pub(super) generation: u64,
}

impl StateFolder {
    /// Takes the folder of a pipeline, making it if it is not there, and counts the start.
    pub(super) fn take(path: &Path, pipeline: &str) -> Result<Self, RunError> {
        let path = path.to_owned();
        make_folder(&path)?;
        let lock_path = path.join("lock");
        let ownership = match Ownership::take(&lock_path) {
            Ok(ownership) => Arc::new(ownership),
            Err(NotOwned::File(error)) => return Err(RunError::File { path: lock_path, error }),
            Err(NotOwned::Other(process)) => {
                return Err(RunError::State {
                    folder: path,
                    what: format!("another flowctl (process {process}) runs this pipeline here"),
                    hint: "stop it first, or give this one a directory of its own with `--state DIR`".into(),
                });
            }
        };
        if ownership.is_taken_over() {
            warn!("taking over from a flowctl that is stopped (SIGSTOP, Ctrl-Z): should it go on, it will end");
        }
        let identity_path = path.join("identity.json");
        let mut identity = read_identity(&identity_path, &path, pipeline)?;
        identity.generation += 1;
        let text = serde_json::to_vec(&identity).expect("an identity is plain text and numbers");
        replace_file(&identity_path, &text)?;
        let folder = Self { path, identity, ownership };
        // Whoever took over before this was written may have counted to the same number.
        folder.require_ownership()?;
        Ok(folder)
    }

    /// Ends the run if another instance has taken over.
    pub(super) fn require_ownership(&self) -> Result<(), RunError> {
        if self.ownership.is_lost() { Err(RunError::TakenOver { folder: self.path.clone() }) } else { Ok(()) }
    }
}

fn read_identity(path: &Path, folder: &Path, pipeline: &str) -> Result<Identity, RunError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Identity {
                format: FORMAT,
                pipeline: pipeline.to_owned(),
                state_id: random_id(),
                generation: 0,
            });
        }
        Err(error) => return Err(RunError::File { path: path.to_owned(), error }),
    };
    let unusable = |what: String| RunError::State {
        folder: folder.to_owned(),
        what,
        hint: "use another directory with `--state DIR`, or move this one away to begin anew".into(),
    };
    let identity: Identity =
        serde_json::from_slice(&text).map_err(|error| unusable(format!("identity.json cannot be read: {error}")))?;
    if identity.format != FORMAT {
        return Err(unusable(format!("its format is {}, this flowctl writes format {FORMAT}", identity.format)));
    }
    if identity.pipeline != pipeline {
        return Err(unusable(format!("it belongs to pipeline `{}`", identity.pipeline)));
    }
    Ok(identity)
}

/// 32 hexadecimal digits from the operating system's randomness, which the standard library's hashers are seeded with.
fn random_id() -> String {
    let word = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", word(), word())
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
