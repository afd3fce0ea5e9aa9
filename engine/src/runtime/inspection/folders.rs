//! Where below a state directory pipelines have their state.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::plan::EMBEDDED_STATE;
use crate::runtime::RunError;
use crate::runtime::identity::is_marked;

/// The state folders of all pipelines below a state directory, in the order of their names, those on embedded stand-ins last. None if there is no such
/// directory.
///
/// # Errors
/// A directory cannot be listed.
pub fn state_folders(root: &Path) -> Result<Vec<PathBuf>, RunError> {
    let mut folders = marked_below(root)?;
    folders.extend(marked_below(&root.join(EMBEDDED_STATE))?);
    Ok(folders)
}

fn marked_below(root: &Path) -> Result<Vec<PathBuf>, RunError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RunError::file(root)(error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.map_err(RunError::file(root))?.path();
        // One that is being removed begins with a dot.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && is_marked(&path) {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::super::super::state_folder::StateFolder;
    use super::*;

    #[test]
    fn pipelines_are_found_and_nothing_else() {
        let root = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(state_folders(&root.path().join("none")).expect("nothing"), Vec::<PathBuf>::new());
        for (folder, name) in [("b", "b"), ("a", "a"), ("embedded/a", "a"), (".dropped-c", "c")] {
            drop(StateFolder::take(&root.path().join(folder), name).expect("free"));
        }
        fs::create_dir(root.path().join("topics")).expect("made");
        let found = state_folders(root.path()).expect("listed");
        assert_eq!(found, ["a", "b", "embedded/a"].map(|folder| root.path().join(folder)));
    }
}
