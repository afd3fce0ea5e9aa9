//! One file that is being read: from where, to where, and the next batch of it.

use std::fs::File;
use std::io::{Read as _, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use arrow::buffer::Buffer;
use engine::connector::{Anchor, ConnectorError, Framing, PartitionIndex, Records};
use engine::digest::Digest;

use crate::format::csv::{RecordEnd, end_of_record};

use super::cut::Separation;
use super::failure::file_error;
use super::pattern::Found;

/// The longest record, in bytes.
const RECORD_MAX: usize = 64 << 20;

/// So many bytes before where a file was left tell it from another file in its place.
const ANCHOR_BYTES: usize = 1 << 10;

/// The byte-order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Part {
    found: Found,
    index: PartitionIndex,
    separation: Separation,
    /// The file's identity: another one under the same path is not the same partition.
    inode: u64,
    file: Option<File>,
    header: Option<Arc<[u8]>>,
    /// Where the next record begins.
    position: u64,
    /// Where it ends, if it does not grow.
    end: Option<u64>,
    /// Whether it was removed after everything in it had been read.
    gone: bool,
}

impl Part {
    /// The file `found`, to be read from `position`; to its present end, or for ever if it is `followed`.
    ///
    /// # Errors
    /// It cannot be read, or is not what it was when it was left at `position`.
    pub(super) fn open(
        found: Found,
        index: PartitionIndex,
        separation: Separation,
        position: u64,
        followed: bool,
    ) -> Result<Self, ConnectorError> {
        let metadata = std::fs::metadata(&found.path).map_err(|error| file_error("read", &found.path, &error))?;
        let mut part = Self {
            index,
            separation,
            inode: metadata.ino(),
            file: None,
            header: None,
            position,
            end: (!followed).then_some(metadata.len()),
            gone: false,
            found,
        };
        part.check_length(metadata.len())?;
        part.check_border(metadata.len())?;
        part.close();
        Ok(part)
    }

    /// Makes sure that what was read last of it is what stands there.
    ///
    /// # Errors
    /// It cannot be read, or is another file, or a changed one.
    pub(super) fn require(&mut self, anchor: Anchor) -> Result<(), ConnectorError> {
        let hint = "restore the file, or start from a fresh state directory";
        let path = self.found.path.display().to_string();
        let length = self.length()?.unwrap_or(0);
        if length < anchor.end {
            let what = format!("file {path} has {length} bytes, but had {} before", anchor.end);
            return Err(ConnectorError::diverged(what, hint));
        }
        let stands = self.read_at(anchor.start, anchor.end - anchor.start)?;
        self.close();
        if digest_of(&stands) == anchor.digest {
            return Ok(());
        }
        let Anchor { start, end, .. } = anchor;
        let what =
            format!("file {path} was read up to byte {end}, but is another now, or was changed, from byte {start} on");
        Err(ConnectorError::diverged(what, hint))
    }

    /// The same, but it ends at byte `end`.
    pub(super) fn ending_at(self, end: u64) -> Self {
        Self { end: Some(end), ..self }
    }

    /// Its name as a partition.
    pub(super) fn id(&self) -> &str {
        &self.found.id
    }

    /// Where the next record begins.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Where it ends, if that is known.
    pub(super) fn end(&self) -> Option<u64> {
        self.end
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_over(&self) -> bool {
        self.gone || self.end.is_some_and(|end| self.position >= end)
    }

    /// Closes the file until it is read again.
    pub(super) fn close(&mut self) {
        self.file = None;
    }

    fn check_length(&self, length: u64) -> Result<(), ConnectorError> {
        let needed = self.end.unwrap_or(0).max(self.position);
        if length < needed {
            let what = format!("file {} has {length} bytes, but had {needed} before", self.found.path.display());
            return Err(ConnectorError::diverged(what, "restore the file, or start from a fresh state directory"));
        }
        Ok(())
    }

    /// A position that follows no line end was the end of a file whose last line lacked it: more on that line is another record.
    fn check_border(&mut self, length: u64) -> Result<(), ConnectorError> {
        if self.position == 0 || self.position >= length {
            return Ok(());
        }
        let around = self.read_at(self.position - 1, 2)?;
        if !around.is_empty() && !around.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            let what = format!(
                "file {} goes on within the line that ended it at byte {}",
                self.found.path.display(),
                self.position
            );
            let hint = "end lines with a line end before they are read, or start from a fresh state directory";
            return Err(ConnectorError::diverged(what, hint));
        }
        Ok(())
    }

    /// The next batch: whole records of about [`Records::PAYLOAD_MAX`] bytes together. `None` if there is no whole record yet.
    ///
    /// # Errors
    /// The file cannot be read, has shrunk, was replaced, or has a record that is too long.
    pub(super) fn read(&mut self) -> Result<Option<Records>, ConnectorError> {
        let Some(length) = self.length()? else { return Ok(None) };
        let stop = self.end.unwrap_or(length);
        if self.separation == Separation::Csv && self.header.is_none() && !self.read_header(stop)? {
            return Ok(None);
        }
        let start = self.position;
        if start >= stop {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let mut size = Records::PAYLOAD_MAX;
        loop {
            let missing = (stop - start - bytes.len() as u64).min((size - bytes.len()) as u64);
            self.append_at(start + bytes.len() as u64, missing, &mut bytes)?;
            let at_stop = start + bytes.len() as u64 >= stop;
            let cut = self.separation.cut(&bytes, start, at_stop && self.end.is_some());
            if cut.length > 0 {
                bytes.truncate(cut.length);
                self.position = start + cut.length as u64;
                return Ok(Some(self.records(start, bytes, cut.framing)));
            }
            if at_stop {
                return Ok(None);
            }
            if size >= RECORD_MAX {
                return Err(self.too_long(start));
            }
            size *= 2;
        }
    }

    fn records(&self, start: u64, bytes: Vec<u8>, framing: Framing) -> Records {
        let tail = &bytes[bytes.len().saturating_sub(ANCHOR_BYTES)..];
        let anchor = Anchor { start: self.position - tail.len() as u64, end: self.position, digest: digest_of(tail) };
        let mark = if start == 0 && bytes.starts_with(MARK) { MARK.len() } else { 0 };
        Records {
            partition: self.index,
            range: start + mark as u64..self.position,
            payload: Buffer::from(bytes).slice(mark),
            framing,
            metadata: Vec::new(),
            preamble: self.header.clone(),
            duplicates: 0,
            anchor: Some(anchor),
        }
    }

    fn too_long(&self, at: u64) -> ConnectorError {
        let path = self.found.path.display();
        let what = format!("the record at byte {at} of file {path} is longer than {} MiB", RECORD_MAX >> 20);
        ConnectorError::refused(what, "check that the file has line ends, and that its quotes are closed")
    }

    /// Reads the header line and moves to the first record; false if the line is not whole yet.
    fn read_header(&mut self, stop: u64) -> Result<bool, ConnectorError> {
        let head = self.read_at(0, stop.min(Records::PAYLOAD_MAX as u64))?;
        let mark = if head.starts_with(MARK) { MARK.len() } else { 0 };
        let end = match end_of_record(&head, mark) {
            RecordEnd::At(end) => end,
            RecordEnd::Beyond if head.len() as u64 == stop && self.end.is_some() => head.len(),
            RecordEnd::Beyond if head.len() < Records::PAYLOAD_MAX => return Ok(false),
            RecordEnd::Beyond => return Err(self.too_long(0)),
        };
        let line = &head[mark..end];
        self.header = Some(line.strip_suffix(b"\r").unwrap_or(line).into());
        self.position = self.position.max((end as u64 + 1).min(stop));
        Ok(true)
    }

    /// The file's length now, after opening it if need be; `None` if it is gone, which is all right once it has been read.
    fn length(&mut self) -> Result<Option<u64>, ConnectorError> {
        let failed = |error: &std::io::Error| file_error("read", &self.found.path, error);
        let metadata = match &self.file {
            Some(file) => file.metadata().map_err(|error| failed(&error))?,
            None => match File::open(&self.found.path) {
                Ok(file) => {
                    let metadata = file.metadata().map_err(|error| failed(&error))?;
                    self.file = Some(file);
                    metadata
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.end.is_none() => {
                    self.gone = true;
                    return Ok(None);
                }
                Err(error) => return Err(failed(&error)),
            },
        };
        if metadata.ino() != self.inode {
            let what = format!("file {} was replaced by another while it was read", self.found.path.display());
            return Err(ConnectorError::diverged(what, "give new data a new file name"));
        }
        self.check_length(metadata.len())?;
        Ok(Some(metadata.len()))
    }

    fn read_at(&mut self, position: u64, length: u64) -> Result<Vec<u8>, ConnectorError> {
        let mut bytes = Vec::new();
        self.append_at(position, length, &mut bytes)?;
        Ok(bytes)
    }

    /// Appends up to `length` bytes from `position` on: fewer only if the file has shrunk meanwhile, which is noticed next time.
    fn append_at(&mut self, position: u64, length: u64, bytes: &mut Vec<u8>) -> Result<(), ConnectorError> {
        let failed = |error: std::io::Error| file_error("read", &self.found.path, &error);
        if self.file.is_none() {
            self.file = Some(File::open(&self.found.path).map_err(failed)?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        bytes.reserve_exact(length as usize);
        file.seek(SeekFrom::Start(position)).map_err(failed)?;
        let read = file.take(length).read_to_end(bytes).map_err(failed)?;
        if (read as u64) < length {
            let what = format!("file {} shrank while it was read", self.found.path.display());
            return Err(ConnectorError::diverged(what, "restore the file, or start from a fresh state directory"));
        }
        Ok(())
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    let mut digest = Digest::default();
    digest.add(bytes, 1);
    digest
}
