//! Appends epochs to a file, each exactly once.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use engine::connector::{Changes, Committed, ConnectContext, ConnectorError, Mark, MemberChanges, MemberError, Writer};
use engine::failpoint::{Failpoint, hit};
use engine::safeguard::Safeguard;
use engine::schema::Schema;

use crate::format::{csv, json};

use super::failure::file_error;
use super::state::{StateFile, Stored, sync_folder};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowFormat {
    /// A JSON object a line.
    Json,
    /// CSV below a header line.
    Csv,
}

/// The writer of one file.
///
/// The file's length and epoch are stored after the file's data is durable. What a crash leaves beyond that length is cut off when the
/// file is opened again, and written again by the epochs that follow.
#[derive(Debug)]
pub(super) struct FileWriter {
    path: PathBuf,
    format: RowFormat,
    schema: Schema,
    file: File,
    state: StateFile,
    stored: Stored,
    /// The text of an epoch; kept for its memory.
    text: Vec<u8>,
}

impl FileWriter {
    /// Opens the file, and brings it back to what was committed.
    ///
    /// # Errors
    /// The file holds what this sink has not written, or lacks what it has; or it cannot be written.
    pub(super) fn open(
        path: PathBuf,
        format: RowFormat,
        schema: Schema,
        context: &ConnectContext,
    ) -> Result<Self, ConnectorError> {
        let state = StateFile::new(&context.state_folder, &context.name, context.generation);
        // Whoever is stopped from here on and wakes when its successor has gone on finds that out by this, and touches nothing.
        let _lock = state.lock(context.predecessor.as_ref())?;
        state.defend()?;
        let length = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(file_error("read", &path, &error)),
        };
        let stored = match state.load()? {
            Some(stored) => {
                check_stored(&stored, &path, length, &context.fingerprint)?;
                stored
            }
            None if length > 0 => {
                let what =
                    format!("file {} is not empty, and this pipeline's state knows nothing of it", path.display());
                return Err(ConnectorError::refused(what, "remove the file or choose another path"));
            }
            None => Stored {
                path: path.to_string_lossy().into_owned(),
                fingerprint: context.fingerprint.clone(),
                ..Stored::default()
            },
        };
        if context.taken_over && length > 0 {
            replace_by_copy(&path)?;
        }
        // Stored before the first byte is written: from then on the file counts as this sink's own.
        state.store(&stored)?;
        state.forget_earlier()?;
        let file = open_at(&path, stored.length)?;
        let mut writer = Self { path, format, schema, file, state, stored, text: Vec::new() };
        if format == RowFormat::Csv && writer.stored.length == 0 {
            csv::encode_header(&writer.schema, &mut writer.text);
            writer.text.push(b'\n');
            writer.append(Mark::default())?;
        }
        Ok(writer)
    }

    /// Makes the text of an epoch.
    fn encode(&mut self, epoch: u64, changes: &Changes) -> Result<(), ConnectorError> {
        for (row, diff) in changes.diffs.iter().enumerate() {
            if *diff < 0 {
                let what = format!("epoch {epoch} takes rows back that were appended to {}", self.path.display());
                return Err(ConnectorError::refused(what, "use a sink that can replace rows"));
            }
            let start = self.text.len();
            match self.format {
                RowFormat::Json => json::encode_row(&changes.rows, row, &self.schema, &mut self.text),
                RowFormat::Csv => csv::encode_row(&changes.rows, row, &self.schema, &mut self.text),
            }
            self.text.push(b'\n');
            let end = self.text.len();
            for _ in 1..*diff {
                self.text.extend_from_within(start..end);
            }
        }
        Ok(())
    }

    /// Appends the text, durably; then the file stands at `mark`.
    fn append(&mut self, mark: Mark) -> Result<(), ConnectorError> {
        self.write().map_err(|error| file_error("write", &self.path, &error))?;
        let length = self.stored.length + self.text.len() as u64;
        let stored = Stored { epoch: mark.epoch, digest: mark.digest, length, ..self.stored.clone() };
        self.text.clear();
        self.state.store(&stored)?;
        self.stored = stored;
        Ok(())
    }
}

impl FileWriter {
    fn write(&mut self) -> std::io::Result<()> {
        hit(Failpoint::FileWrite)?;
        self.file.write_all(&self.text)?;
        hit(Failpoint::FileSync)?;
        self.file.sync_data()?;
        hit(Failpoint::FileState)
    }
}

impl Writer for FileWriter {
    fn committed(&self) -> Vec<Committed> {
        vec![Committed::Epoch(Mark { epoch: self.stored.epoch, digest: self.stored.digest })]
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        self.text.clear();
        let mut mark = Mark { epoch, digest: self.stored.digest };
        for MemberChanges { changes, digest, .. } in changed {
            self.encode(epoch, changes)?;
            mark.digest = *digest;
        }
        Ok(self.append(mark)?)
    }
}

/// Whether the file can hold what is stored of it.
///
/// # Errors
/// It cannot.
pub(super) fn check_stored(stored: &Stored, path: &Path, length: u64, fingerprint: &str) -> Result<(), ConnectorError> {
    let shown = path.display();
    if stored.path != path.to_string_lossy() {
        let what = format!("this sink has written to {} before, and not to {shown}", stored.path);
        return Err(ConnectorError::refused(what, "keep the path, or start from a fresh state directory"));
    }
    if stored.fingerprint != fingerprint {
        let what = format!("file {shown} holds rows that were made by another form of this pipeline");
        let hint = "choose another path and a fresh state directory, or undo the change";
        return Err(ConnectorError::refused(what, hint));
    }
    if length < stored.length {
        let what = format!("file {shown} has {length} bytes, but {} were committed", stored.length);
        return Err(ConnectorError::diverged(what, "restore the file, or start from a fresh state directory"));
    }
    Ok(())
}

/// Leaves the file that is there to whoever has it open, and goes on with a copy.
fn replace_by_copy(path: &Path) -> Result<(), ConnectorError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let copy = path.with_file_name(name);
    let replace = || {
        std::fs::copy(path, &copy)?;
        // A loss of power must not leave the name with less than what it stands for.
        File::open(&copy)?.sync_all()?;
        std::fs::rename(&copy, path)
    };
    replace().map_err(|error| file_error("copy", path, &error))
}

/// Opens a file for appending after `length` bytes, and cuts off the rest.
fn open_at(path: &Path, length: u64) -> Result<File, ConnectorError> {
    let failed = |error: std::io::Error| file_error("write", path, &error);
    let folder = path.parent().unwrap_or(Path::new(""));
    if !folder.as_os_str().is_empty() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed)?;
    let length = if Safeguard::FileCut.holds() { length } else { file.metadata().map_err(failed)?.len() };
    file.set_len(length).map_err(failed)?;
    file.seek(SeekFrom::Start(length)).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    sync_folder(folder)?;
    Ok(file)
}
