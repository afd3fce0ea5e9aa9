//! Removes a pipeline's state, so that it begins anew.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::RunError;
use super::identity::{is_marked, refuse_others};
use super::state_folder::{own, sync_folder};

/// What the names of everything in a state folder begin with.
const OURS: &[&str] =
    &["checkpoints", "dead", "generation", "identity", "journal", "lock", "scratch", "sinks", "status"];

/// Removes a pipeline's state folder with everything in it; says whether there was one. After a crash there is all of it or nothing. Sinks keep what
/// they hold, and refuse to be written from a new state until they are emptied.
///
/// # Errors
/// A process runs the pipeline, the folder is something else than a pipeline's state, or it cannot be removed.
pub fn drop_state(folder: &Path) -> Result<bool, RunError> {
    let doomed = doomed(folder);
    let was_cut_off = doomed.exists();
    if was_cut_off {
        fs::remove_dir_all(&doomed).map_err(RunError::file(&doomed))?;
    }
    if !folder.exists() {
        return Ok(was_cut_off);
    }
    if is_marked(folder) {
        refuse_foreign(folder)?
    } else {
        refuse_others(folder)?
    }
    let ownership = own(folder)?;
    fs::rename(folder, &doomed).map_err(RunError::file(folder))?;
    doomed.parent().map_or(Ok(()), sync_folder)?;
    drop(ownership);
    fs::remove_dir_all(&doomed).map_err(RunError::file(&doomed))?;
    Ok(true)
}

/// A pipeline may have the name of something else below the state directory: its folder may then hold more than its own.
fn refuse_foreign(folder: &Path) -> Result<(), RunError> {
    for entry in fs::read_dir(folder).map_err(RunError::file(folder))? {
        let name = entry.map_err(RunError::file(folder))?.file_name();
        let name = name.to_string_lossy();
        let first = name.split(['.', '-', '_']).next().unwrap_or_default();
        if !OURS.contains(&first) {
            return Err(RunError::State {
                folder: folder.to_owned(),
                what: format!("it holds `{name}`, which is not this pipeline's"),
                hint: "nothing was removed: move that away first, or remove what is to go by hand".into(),
            });
        }
    }
    Ok(())
}

/// What the folder is called while it is being removed: no pipeline's name begins with a dot.
fn doomed(folder: &Path) -> PathBuf {
    let mut name = OsString::from(".dropped-");
    name.push(folder.file_name().unwrap_or_default());
    folder.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::super::state_folder::StateFolder;
    use super::*;

    #[test]
    fn state_is_dropped_once_nobody_has_it() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("p");
        let taken = StateFolder::take(&path, "p").expect("free");
        let id = taken.identity.state_id.clone();
        let refused = drop_state(&path).expect_err("in use");
        assert!(refused.to_string().contains("another flowctl"), "{refused}");
        drop(taken);
        assert!(drop_state(&path).expect("dropped"));
        assert!(!drop_state(&path).expect("nothing is there"));
        assert_eq!(fs::read_dir(root.path()).expect("there").count(), 0);
        assert_ne!(StateFolder::take(&path, "p").expect("free").identity.state_id, id);
    }

    #[test]
    fn what_a_crash_left_is_removed_and_what_is_no_state_is_not() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("p");
        drop(StateFolder::take(&path, "p").expect("free"));
        fs::rename(&path, doomed(&path)).expect("renamed");
        assert!(drop_state(&path).expect("dropped"));
        let other = root.path().join("documents");
        fs::create_dir(&other).expect("made");
        fs::write(other.join("thesis.txt"), "").expect("written");
        let refused = drop_state(&other).expect_err("it is no state").to_string();
        assert!(refused.contains("it holds `thesis.txt`"), "{refused}");
        assert!(other.join("thesis.txt").exists());
    }

    #[test]
    fn what_else_lies_in_the_folder_is_not_removed() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("embedded");
        drop(StateFolder::take(&path, "embedded").expect("free"));
        drop(StateFolder::take(&path.join("p"), "p").expect("free"));
        let refused = drop_state(&path).expect_err("another pipeline's is in it").to_string();
        assert!(refused.contains("it holds `p`") && path.join("p/identity.json").exists(), "{refused}");
    }

    #[test]
    fn damaged_state_can_be_dropped() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let path = root.path().join("p");
        drop(StateFolder::take(&path, "p").expect("free"));
        fs::write(path.join("identity.json"), "?").expect("written");
        assert!(StateFolder::take(&path, "p").is_err());
        assert!(drop_state(&path).expect("dropped") && !path.exists());
    }
}
