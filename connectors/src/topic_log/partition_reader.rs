//! Reads one partition's frames in order, and sees those that are appended meanwhile.

use std::fs::File;
use std::path::{Path, PathBuf};

use engine::connector::ConnectorError;

use super::failure::{damaged, io_failure};
use super::frame::{FILE_HEADER, FILE_MAGIC, FRAME_HEADER, Frame, FrameHeader, decode_range};
use super::salvage::{good_frame_follows, is_frame, read_at_most};

/// How much is read from the file in one go.
const CHUNK: usize = 1 << 20;

/// A reader of one partition. It takes no lock and never writes.
#[derive(Debug)]
pub struct PartitionReader {
    path: PathBuf,
    file: File,
    salt: u64,
    /// The file position of `chunk[0]`.
    chunk_start: u64,
    chunk: Vec<u8>,
    /// The next frame's place in the chunk.
    at: usize,
    /// The offset after the last frame.
    next: u64,
    /// File sizes at which the bad bytes ahead were found to be a torn tail.
    torn_at: Option<u64>,
}

impl PartitionReader {
    /// Opens a partition's file at its first record.
    ///
    /// # Errors
    /// The file cannot be read, or is no topic log.
    pub fn open(path: &Path) -> Result<Self, ConnectorError> {
        let file = File::open(path).map_err(|error| io_failure("open", path, &error))?;
        let header = read_at_most(&file, 0, FILE_HEADER).map_err(|error| io_failure("read", path, &error))?;
        let salt = header
            .strip_prefix(FILE_MAGIC)
            .and_then(|salt| salt.first_chunk())
            .ok_or_else(|| damaged(path, 0, "it does not begin as a topic log does"))?;
        Ok(Self {
            path: path.to_owned(),
            salt: u64::from_le_bytes(*salt),
            file,
            chunk_start: FILE_HEADER as u64,
            chunk: Vec::new(),
            at: 0,
            next: 0,
            torn_at: None,
        })
    }

    /// The next whole frame; `None` if there is none (yet).
    ///
    /// # Errors
    /// The file cannot be read, or is damaged in its middle.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ConnectorError> {
        let Some(length) = self.good_frame()? else { return Ok(None) };
        let body = &self.chunk[self.at + FRAME_HEADER..self.at + length];
        let frame = Frame::decode(body).ok_or_else(|| damaged(&self.path, self.position(), "a frame has no sense"))?;
        if frame.first != self.next {
            let what = format!("offset {} follows {}", frame.first, self.next);
            return Err(damaged(&self.path, self.position(), &what));
        }
        self.at += length;
        self.next = frame.end();
        Ok(Some(frame))
    }

    /// Skips the frames that lie wholly below `offset`, checking no more than their checksums.
    ///
    /// # Errors
    /// As [`PartitionReader::next_frame`].
    pub fn skip_to(&mut self, offset: u64) -> Result<(), ConnectorError> {
        while let Some(length) = self.good_frame()? {
            let Some((first, count)) = decode_range(&self.chunk[self.at + FRAME_HEADER..]) else { return Ok(()) };
            let end = first.saturating_add(u64::from(count));
            if first != self.next || end > offset {
                return Ok(());
            }
            self.at += length;
            self.next = end;
        }
        Ok(())
    }

    /// The offset after the last frame that was read or skipped.
    #[must_use]
    pub fn next_offset(&self) -> u64 {
        self.next
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file position of the next frame.
    pub(super) fn position(&self) -> u64 {
        self.chunk_start + self.at as u64
    }

    /// What is mixed into this file's checksums.
    pub(super) fn salt(&self) -> u64 {
        self.salt
    }

    /// The length of the next frame, header and body, once all of it is in the chunk and its checksum is right.
    fn good_frame(&mut self) -> Result<Option<usize>, ConnectorError> {
        if !self.fill(FRAME_HEADER)? {
            return self.tail("a frame is cut short").map(|()| None);
        }
        let Some(header) = FrameHeader::decode(&self.chunk[self.at..]) else {
            return self.tail("no frame begins here").map(|()| None);
        };
        let length = FRAME_HEADER + header.length;
        if !self.fill(length)? {
            return self.tail("a frame is cut short").map(|()| None);
        }
        if !header.fits(self.salt, &self.chunk[self.at + FRAME_HEADER..self.at + length]) {
            return self.tail("a frame fails its checksum").map(|()| None);
        }
        Ok(Some(length))
    }

    /// Whether `count` bytes lie in the chunk from the next frame on, after reading what it lacks.
    fn fill(&mut self, count: usize) -> Result<bool, ConnectorError> {
        let have = self.chunk.len() - self.at;
        if have >= count {
            return Ok(true);
        }
        let from = self.chunk_start + self.chunk.len() as u64;
        let read_failure = |error| io_failure("read", &self.path, &error);
        let size = self.file.metadata().map_err(read_failure)?.len();
        if size < self.position() + count as u64 {
            return Ok(false);
        }
        let more = read_at_most(&self.file, from, CHUNK.max(count - have)).map_err(read_failure)?;
        self.chunk.drain(..self.at);
        self.chunk_start += self.at as u64;
        self.at = 0;
        self.chunk.extend_from_slice(&more);
        Ok(self.chunk.len() >= count)
    }

    /// Bad bytes lie ahead: fine if nothing good follows. They are forgotten, since a writer may replace them.
    fn tail(&mut self, what: &str) -> Result<(), ConnectorError> {
        let position = self.position();
        self.chunk.truncate(self.at);
        let read_failure = |error| io_failure("read", &self.path, &error);
        let size = self.file.metadata().map_err(read_failure)?.len();
        if size > position && self.torn_at != Some(size) {
            let follows = good_frame_follows(&self.file, self.salt, position).map_err(read_failure)?;
            // What was cut short a moment ago may be whole by now, with more behind it.
            if follows && !is_frame(&self.file, self.salt, position).map_err(read_failure)? {
                return Err(damaged(&self.path, position, what));
            }
            self.torn_at = Some(size);
        }
        Ok(())
    }
}
