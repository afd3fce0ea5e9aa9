//! Reads topics of the embedded log.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, Partition, PartitionIndex, Read, Reader, StopFlag};

use crate::kafka::course::Course;
use crate::kafka::header_json::encode_headers;
use crate::kafka::record_buffer::{BufferedRecord, RecordBuffer, Wanted, digest_of};
use crate::kafka::source::{Beginning, ReadOrder, announce, made_anew};
use crate::kafka::start::Start;
use crate::topic_log::{RecordCursor, RecordView, Topics, end_offset};

/// How long to wait before looking for new records again.
const PAUSE: Duration = Duration::from_millis(5);
/// How often to look for new partitions.
const SURVEY_EVERY: Duration = Duration::from_secs(1);

const LOST_HINT: &str = "restore the topic's files, or start with a new state directory";

/// Reads all partitions of some topics in turn.
pub(in crate::kafka) struct EmbeddedReader {
    log: Topics,
    /// Each topic and how many of its partitions are read.
    topics: Vec<(String, u32)>,
    lanes: Vec<Lane>,
    wanted: Wanted,
    bounded: bool,
    stop: StopFlag,
    turn: usize,
    surveyed: Instant,
    /// Whether the last look found nothing more.
    caught_up: bool,
}

/// One partition.
struct Lane {
    cursor: RecordCursor,
    course: Course,
}

impl EmbeddedReader {
    /// Opens every partition where it begins.
    ///
    /// # Errors
    /// A topic is missing or damaged, or has lost records that were read before.
    pub(in crate::kafka) fn open(
        log: Topics,
        order: &ReadOrder<'_>,
    ) -> Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError> {
        let mut reader = Self {
            log,
            topics: Vec::new(),
            lanes: Vec::new(),
            wanted: order.wanted,
            bounded: order.bounded,
            stop: order.context.stop.clone(),
            turn: 0,
            surveyed: Instant::now(),
            caught_up: false,
        };
        let mut partitions = Vec::new();
        for topic in &order.topics {
            let paths = reader.log.partition_paths(topic)?;
            for (partition, path) in (0_u32..).zip(&paths) {
                let end = if order.bounded { Some(end_offset(path)?) } else { None };
                let cursor = cursor_at(path, topic, partition, order)?;
                partitions.push(reader.add(topic, partition, cursor, end));
            }
            reader.topics.push((topic.clone(), paths.len() as u32));
        }
        Ok((partitions, Box::new(reader)))
    }

    fn add(&mut self, topic: &str, partition: u32, cursor: RecordCursor, end: Option<u64>) -> Partition {
        let start = cursor.offset();
        let end = end.map(|end| end.max(start));
        let index = PartitionIndex(self.lanes.len() as u32);
        self.lanes.push(Lane { cursor, course: Course::new(index, start, end) });
        announce(topic, partition, start, end)
    }

    /// Partitions that have been added since the last look.
    fn discover(&mut self) -> Result<Vec<Partition>, ConnectorError> {
        if self.bounded || self.surveyed.elapsed() < SURVEY_EVERY {
            return Ok(Vec::new());
        }
        self.surveyed = Instant::now();
        let mut found = Vec::new();
        for at in 0..self.topics.len() {
            let (topic, known) = self.topics[at].clone();
            let paths = self.log.partition_paths(&topic)?;
            for (partition, path) in (0_u32..).zip(&paths).skip(known as usize) {
                let cursor = RecordCursor::open(path, 0)?;
                found.push(self.add(&topic, partition, cursor, None));
            }
            self.topics[at].1 = known.max(paths.len() as u32);
        }
        Ok(found)
    }
}

fn cursor_at(path: &Path, topic: &str, partition: u32, order: &ReadOrder<'_>) -> Result<RecordCursor, ConnectorError> {
    let offset = match order.beginning(topic, partition) {
        Beginning::Resumed(offset) => offset,
        Beginning::Fresh(Start::Earliest) => 0,
        Beginning::Fresh(Start::Latest) => return RecordCursor::open(path, u64::MAX),
        Beginning::Fresh(Start::At(time)) => offset_at(path, time)?,
    };
    let Some(anchor) = order.anchor(topic, partition) else { return cursor_behind(path, topic, partition, offset) };
    let mut cursor = cursor_behind(path, topic, partition, anchor.start)?;
    match cursor.next_below(Some(anchor.end))? {
        Some(RecordView { timestamp, key, value, .. }) if digest_of(timestamp, key, value) == anchor.digest => {}
        Some(_) => return Err(made_anew(topic, partition, anchor, "another record stands", LOST_HINT)),
        None => return Err(cut_short(topic, partition, anchor.end, cursor.offset())),
    }
    // Mostly what comes behind the anchor is the first that is new.
    if cursor.offset() == offset { Ok(cursor) } else { cursor_behind(path, topic, partition, offset) }
}

/// A cursor behind all records below `offset`, of which none may have gone.
fn cursor_behind(path: &Path, topic: &str, partition: u32, offset: u64) -> Result<RecordCursor, ConnectorError> {
    let cursor = RecordCursor::open(path, offset)?;
    if cursor.offset() < offset { Err(cut_short(topic, partition, offset, cursor.offset())) } else { Ok(cursor) }
}

fn cut_short(topic: &str, partition: u32, read: u64, end: u64) -> ConnectorError {
    let what = format!(
        "partition {partition} of topic `{topic}` was read up to offset {read}, but ends at {end} now: \
         the topic was made anew, or has lost records"
    );
    ConnectorError::diverged(what, LOST_HINT)
}

/// The offset of the first record whose time is `time` or later; the end if there is none.
fn offset_at(path: &Path, time: i64) -> Result<u64, ConnectorError> {
    let mut cursor = RecordCursor::open(path, 0)?;
    while let Some(view) = cursor.next_below(None)? {
        if view.timestamp >= time {
            return Ok(view.offset);
        }
    }
    Ok(cursor.offset())
}

impl Lane {
    /// What this partition has now.
    fn read(&mut self, wanted: Wanted) -> Result<Option<Read>, ConnectorError> {
        if let Some(read) = self.course.tell() {
            return Ok(Some(read));
        }
        let mut buffer = RecordBuffer::default();
        while let Some(view) = self.cursor.next_below(self.course.border())? {
            let headers = if wanted.headers { headers_of(&view) } else { String::new() };
            let RecordView { offset, timestamp, key, value, .. } = view;
            buffer.push(BufferedRecord { offset, timestamp, key, value, headers: &headers }, wanted);
            if buffer.is_full() {
                break;
            }
        }
        self.course.advance(self.cursor.offset());
        if buffer.is_empty() {
            return Ok(None);
        }
        Ok(Some(Read::Records(buffer.take(self.course.index(), wanted))))
    }
}

fn headers_of(view: &RecordView<'_>) -> String {
    let headers = view.headers();
    encode_headers(headers.iter().map(|header| (header.name.as_str(), header.value.as_deref())))
}

impl Reader for EmbeddedReader {
    fn read(&mut self, wait: Duration) -> Result<Read, ConnectorError> {
        let deadline = Instant::now() + wait;
        self.caught_up = false;
        loop {
            let found = self.discover()?;
            if !found.is_empty() {
                return Ok(Read::Discovered(found));
            }
            for _ in 0..self.lanes.len() {
                self.turn = (self.turn + 1) % self.lanes.len();
                if let Some(read) = self.lanes[self.turn].read(self.wanted)? {
                    return Ok(read);
                }
            }
            if self.bounded && self.lanes.iter().all(|lane| lane.course.is_over()) {
                return Ok(Read::End);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stop.is_set() {
                self.caught_up = true;
                return Ok(Read::Idle);
            }
            thread::sleep(left.min(PAUSE));
        }
    }

    fn limit(&mut self, partition: PartitionIndex, limit: Option<u64>) {
        if let Some(lane) = self.lanes.get_mut(partition.0 as usize) {
            lane.course.set_limit(limit);
        }
    }

    /// Where a log ends is only known once it has been read to its end.
    fn backlog(&mut self) -> Option<u64> {
        self.caught_up.then_some(0)
    }
}
