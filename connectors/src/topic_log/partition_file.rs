//! One partition's file, opened by the topic's one writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use engine::connector::ConnectorError;

use super::epoch_marks::EpochMarks;
use super::failure::io_failure;
use super::frame::{EpochMark, FILE_MAGIC, encode_frame};
use super::partition_reader::PartitionReader;
use super::record::TopicRecord;

/// A partition that can be appended to.
#[derive(Debug)]
pub(super) struct PartitionFile {
    path: PathBuf,
    file: File,
    salt: u64,
    size: u64,
    next: u64,
    marks: EpochMarks,
}

impl PartitionFile {
    /// Makes an empty partition. Its salt comes from the standard library's random hash keys.
    pub(super) fn create(path: &Path) -> io::Result<()> {
        use std::hash::{BuildHasher, RandomState};
        let salt = RandomState::new().hash_one(path);
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(FILE_MAGIC)?;
        file.write_all(&salt.to_le_bytes())?;
        file.sync_all()
    }

    /// Opens a partition, checks every frame of it and removes a torn tail.
    pub(super) fn open(path: &Path) -> Result<Self, ConnectorError> {
        let mut reader = PartitionReader::open(path)?;
        let mut marks = EpochMarks::default();
        while let Some(frame) = reader.next_frame()? {
            frame.mark.into_iter().for_each(|mark| marks.note(mark));
        }
        let failed = |error| io_failure("open", path, &error);
        let file = OpenOptions::new().append(true).open(path).map_err(failed)?;
        let size = reader.position();
        if file.metadata().map_err(failed)?.len() > size {
            file.set_len(size).and_then(|()| file.sync_all()).map_err(failed)?;
            tracing::warn!(
                "{} ended in the middle of a write, which was never confirmed; it was cut off",
                path.display()
            );
        }
        Ok(Self { path: path.to_owned(), file, salt: reader.salt(), size, next: reader.next_offset(), marks })
    }

    /// Appends records as one frame and returns the offset of the first; all of them or none.
    pub(super) fn append(&mut self, records: &[&TopicRecord], mark: Option<EpochMark>) -> Result<u64, ConnectorError> {
        let first = self.next;
        let bytes = encode_frame(self.salt, first, mark.as_ref(), records).ok_or_else(|| {
            ConnectorError::refused(
                format!("too much for one append to {}: a frame holds at most 1 GiB", self.path.display()),
                "write smaller records or shorter epochs",
            )
        })?;
        if let Err(error) = self.file.write_all(&bytes) {
            let failure = io_failure("append to", &self.path, &error);
            self.file.set_len(self.size).map_err(|error| io_failure("repair", &self.path, &error))?;
            return Err(failure);
        }
        self.size += bytes.len() as u64;
        self.next += records.len() as u64;
        mark.into_iter().for_each(|mark| self.marks.note(mark));
        Ok(first)
    }

    /// Waits until everything appended is on the disk.
    pub(super) fn sync(&self) -> Result<(), ConnectorError> {
        self.file.sync_data().map_err(|error| io_failure("sync", &self.path, &error))
    }

    /// The last epochs of each writer.
    pub(super) fn marks(&self) -> &EpochMarks {
        &self.marks
    }
}
