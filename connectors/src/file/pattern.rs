//! Finds the files of a pattern.

use std::path::{Path, PathBuf};

use engine::connector::ConnectorError;

use super::failure::file_error;

/// A pattern as written in YAML, and the folder that it starts from.
#[derive(Clone, Debug)]
pub(super) struct FilePattern {
    folder: PathBuf,
    written: String,
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// Its name as a partition: the path, relative to the pattern's folder if the pattern is.
    pub(super) id: String,
    /// Where it is.
    pub(super) path: PathBuf,
}

impl FilePattern {
    /// A pattern below a folder, or an absolute one.
    ///
    /// # Errors
    /// It is no pattern.
    pub(super) fn new(folder: &Path, written: String) -> Result<Self, ConnectorError> {
        if written.is_empty() {
            return Err(ConnectorError::unusable("`path` is empty", "write a path, or a pattern as `logs/*.json`"));
        }
        if let Err(error) = glob::Pattern::new(&written) {
            let what = format!("`path: {written}` is not a pattern: {} at character {}", error.msg, error.pos + 1);
            return Err(ConnectorError::unusable(what, "use `*`, `?`, `[abc]` and `**`, or a plain path"));
        }
        Ok(Self { folder: folder.to_owned(), written })
    }

    /// What it looks for, for messages.
    pub(super) fn describe(&self) -> String {
        if Path::new(&self.written).is_absolute() {
            format!("`{}`", self.written)
        } else {
            let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { self.folder.as_path() };
            format!("`{}` in {}", self.written, folder.display())
        }
    }

    /// The files that are there now, sorted by id.
    ///
    /// # Errors
    /// A folder cannot be read, or a file's name is not text.
    pub(super) fn find(&self) -> Result<Vec<Found>, ConnectorError> {
        let is_absolute = Path::new(&self.written).is_absolute();
        let folder = if is_absolute { Path::new("") } else { self.folder.as_path() };
        let escaped = glob::Pattern::escape(&folder.to_string_lossy());
        let pattern = Path::new(&escaped).join(&self.written);
        let paths = glob::glob(&pattern.to_string_lossy()).map_err(|error| {
            ConnectorError::unusable(
                format!("{} is not a pattern: {error}", self.describe()),
                "write a path or a pattern",
            )
        })?;
        let mut found = Vec::new();
        for path in paths {
            let path = path.map_err(|error| file_error("read", error.path(), error.error()))?;
            if path.is_dir() {
                continue;
            }
            let id = path.strip_prefix(folder).unwrap_or(&path).to_str().map(str::to_owned).ok_or_else(|| {
                let what = format!("the name of the file {} is not UTF-8", path.display());
                ConnectorError::refused(what, "rename the file")
            })?;
            found.push(Found { id, path });
        }
        found.sort();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(folder: &Path, pattern: &str) -> Vec<String> {
        let pattern = FilePattern::new(folder, pattern.into()).expect("a pattern");
        pattern.find().expect("readable").into_iter().map(|found| found.id).collect()
    }

    #[test]
    fn files_are_named_as_the_pattern_would() {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("odd [name]*");
        std::fs::create_dir_all(folder.join("sub")).expect("folders");
        for name in ["b.json", "a.json", "c.txt", "sub/d.json"] {
            std::fs::write(folder.join(name), "").expect("files");
        }
        assert_eq!(ids(&folder, "*.json"), ["a.json", "b.json"]);
        assert_eq!(ids(&folder, "**/*.json"), ["a.json", "b.json", "sub/d.json"]);
        assert_eq!(ids(&folder, "sub"), Vec::<String>::new());
        let plain = outer.path().join("plain.txt");
        std::fs::write(&plain, "").expect("a file");
        assert_eq!(ids(&folder, &plain.to_string_lossy()), [plain.to_string_lossy()]);
        assert!(FilePattern::new(&folder, "a[".into()).is_err());
        assert!(FilePattern::new(&folder, String::new()).is_err_and(|error| error.to_string().contains("empty")));
    }
}
