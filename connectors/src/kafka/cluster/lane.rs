//! One partition of a cluster reader: what came, what may go on, what is held back.

use std::collections::VecDeque;

use engine::connector::{Anchor, PartitionIndex, Read, Records};

use crate::kafka::course::Course;
use crate::kafka::header_json::encode_headers;
use crate::kafka::record_buffer::{BufferedRecord, RecordBuffer, Wanted};

use super::message_queue::Taken;

/// A partition holds back about this many records, or bytes of them, before it is paused.
const HELD_RECORDS_MAX: usize = 10_000;
const HELD_BYTES_MAX: usize = Records::PAYLOAD_MAX;

/// One partition.
pub(super) struct Lane {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) course: Course,
    pub(super) paused: bool,
    /// The last record that has gone on.
    pub(super) anchor: Option<Anchor>,
    /// Every record before it has come, and nothing stood there when it was last looked.
    end: Option<u64>,
    buffer: RecordBuffer,
    held: VecDeque<Held>,
    held_bytes: usize,
}

/// A record at or past the border.
struct Held {
    offset: u64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: String,
}

impl Lane {
    /// A partition of which nothing has come since the anchor.
    pub(super) fn new(topic: &str, partition: u32, course: Course, anchor: Option<Anchor>) -> Self {
        Self {
            topic: topic.to_owned(),
            partition: partition as i32,
            course,
            paused: false,
            anchor,
            end: None,
            buffer: RecordBuffer::default(),
            held: VecDeque::new(),
            held_bytes: 0,
        }
    }

    /// Its place in the source's list.
    pub(super) fn index(&self) -> PartitionIndex {
        self.course.index()
    }

    /// Takes a record in. Records below the position were delivered before; librdkafka repeats some after a pause.
    pub(super) fn accept(&mut self, message: &Taken<'_>, wanted: Wanted) {
        let offset = message.offset().max(0) as u64;
        if offset < self.course.position() || self.held.back().is_some_and(|last| offset <= last.offset) {
            return;
        }
        let timestamp = micros(message.timestamp());
        let headers = if wanted.headers { encode_headers(message.headers()) } else { String::new() };
        if self.held.is_empty() && self.course.admits(offset) {
            let (key, value) = (message.key(), message.payload());
            self.buffer.push(BufferedRecord { offset, timestamp, key, value, headers: &headers }, wanted);
            return;
        }
        let (key, value) = (message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec));
        self.held_bytes += key.as_ref().map_or(0, Vec::len) + value.as_ref().map_or(0, Vec::len) + headers.len();
        self.held.push_back(Held { offset, timestamp, key, value, headers });
    }

    /// Takes in that nothing stands at `offset` now, and that everything before it has come.
    pub(super) fn accept_end(&mut self, message: &Taken<'_>) {
        self.end = u64::try_from(message.offset()).ok();
    }

    /// Counts as delivered what holds no record for us before the end: transaction markers, aborted records, what compaction took away.
    pub(super) fn pass_gap(&mut self) {
        if self.is_clear()
            && let Some(end) = self.end
        {
            self.course.advance(end);
        }
    }

    /// Moves what the border lets through into the buffer, as much as fits.
    pub(super) fn release(&mut self, wanted: Wanted) {
        while !self.buffer.is_full() && self.held.front().is_some_and(|held| self.course.admits(held.offset)) {
            let Some(Held { offset, timestamp, key, value, headers }) = self.held.pop_front() else { return };
            let (key, value) = (key.as_deref(), value.as_deref());
            self.held_bytes -= key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers.len();
            self.buffer.push(BufferedRecord { offset, timestamp, key, value, headers: &headers }, wanted);
        }
    }

    /// Whether a batch is ready to go.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.is_full()
    }

    /// Whether so much is held back that no more should come.
    pub(super) fn is_stuffed(&self) -> bool {
        self.held.len() >= HELD_RECORDS_MAX || self.held_bytes >= HELD_BYTES_MAX
    }

    /// Whether what came next lies at or past the border, so that nothing more can be added to the batch.
    pub(super) fn is_blocked(&self) -> bool {
        self.held.front().is_some_and(|held| !self.course.admits(held.offset))
    }

    /// Whether anything waits to be made a batch.
    pub(super) fn has_batch(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Whether everything that came has gone on.
    pub(super) fn is_clear(&self) -> bool {
        self.buffer.is_empty() && self.held.is_empty()
    }

    /// The buffered records as a batch.
    pub(super) fn flush(&mut self, wanted: Wanted) -> Option<Read> {
        let read = if self.buffer.is_empty() {
            None
        } else {
            let records = self.buffer.take(self.index(), wanted);
            self.course.advance(records.range.end);
            self.anchor = records.anchor;
            Some(Read::Records(records))
        };
        if let Some(held) = self.held.front() {
            self.course.advance(held.offset);
        }
        read
    }
}

/// A record's time in microseconds since 1970, from its milliseconds, if it has any.
pub(super) fn micros(millis: Option<i64>) -> i64 {
    millis.map_or(0, |millis| millis.max(0).saturating_mul(1_000))
}
