//! Reads one partition record by record, from any offset on.

use std::path::Path;

use engine::connector::ConnectorError;

use super::failure::damaged;
use super::frame::Frame;
use super::partition_reader::PartitionReader;
use super::record::RecordView;

/// A place in a partition. What is appended later comes into its sight.
#[derive(Debug)]
pub struct RecordCursor {
    reader: PartitionReader,
    frame: Option<Frame>,
    /// How many records of the frame lie behind.
    index: u32,
    /// Where the next record lies in the frame's bytes.
    at: usize,
}

impl RecordCursor {
    /// A cursor before the record at `offset`, or at the end if there are fewer; [`RecordCursor::offset`] tells.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn open(path: &Path, offset: u64) -> Result<Self, ConnectorError> {
        let mut reader = PartitionReader::open(path)?;
        reader.skip_to(offset)?;
        let mut cursor = Self { reader, frame: None, index: 0, at: 0 };
        while cursor.next_below(Some(offset))?.is_some() {}
        Ok(cursor)
    }

    /// The offset of the next record.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.frame.as_ref().map_or(self.reader.next_offset(), |frame| frame.first + u64::from(self.index))
    }

    /// The next record, if it is there and lies below `border`.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn next_below(&mut self, border: Option<u64>) -> Result<Option<RecordView<'_>>, ConnectorError> {
        if border.is_some_and(|border| self.offset() >= border) {
            return Ok(None);
        }
        while self.frame.as_ref().is_none_or(|frame| self.index == frame.count) {
            let Some(frame) = self.reader.next_frame()? else { return Ok(None) };
            (self.frame, self.index, self.at) = (Some(frame), 0, 0);
        }
        let offset = self.offset();
        let Some(frame) = &self.frame else { return Ok(None) };
        let mut bytes = &frame.bytes()[self.at..];
        let before = bytes.len();
        let Some(view) = RecordView::decode(offset, &mut bytes) else {
            return Err(damaged(self.reader.path(), self.reader.position(), "a frame's records have no sense"));
        };
        self.at += before - bytes.len();
        self.index += 1;
        Ok(Some(view))
    }
}
