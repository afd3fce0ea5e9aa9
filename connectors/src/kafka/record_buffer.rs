//! Gathers records of one partition into one batch.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, NullArray, StringViewBuilder, TimestampMicrosecondArray};
use arrow::buffer::Buffer;
use engine::connector::{Anchor, Framing, Offsets, PartitionIndex, Records, Spans};
use engine::digest::Digest;

/// The most records of one batch.
const RECORDS_MAX: usize = 10_000;

/// Which of a record's own metadata somebody uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// `_timestamp`.
    pub(super) timestamp: bool,
    /// `_key`.
    pub(super) key: bool,
    /// `_headers`.
    pub(super) headers: bool,
}

impl Wanted {
    /// As the engine asks: by place among the columns of records.
    pub(super) fn of(places: &[bool]) -> Self {
        let at = |place: usize| places.get(place).copied().unwrap_or(false);
        Self { timestamp: at(0), key: at(1), headers: at(2) }
    }
}

/// A record on its way into a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BufferedRecord<'a> {
    /// Its place in the partition.
    pub(super) offset: u64,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub(super) timestamp: i64,
    /// Its key, if it has one.
    pub(super) key: Option<&'a [u8]>,
    /// Its content; `None` is a tombstone.
    pub(super) value: Option<&'a [u8]>,
    /// Its headers as JSON; anything if nobody wants them.
    pub(super) headers: &'a str,
}

/// What tells a record from others that may stand at its offset: its time in microseconds, its key and its content.
pub(super) fn digest_of(timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Digest {
    let mut digest = Digest::default();
    digest.add_numbered(0, &timestamp.to_le_bytes());
    // What is absent is another thing than what is empty.
    for (number, part) in [(1, key), (2, value)] {
        if let Some(part) = part {
            digest.add_numbered(number, part);
        }
    }
    digest
}

/// Records that wait for a batch to be made of them.
#[derive(Debug, Default)]
pub(super) struct RecordBuffer {
    payload: Vec<u8>,
    values: Vec<Option<Range<u32>>>,
    offsets: Vec<u64>,
    timestamps: Vec<i64>,
    keys: StringViewBuilder,
    headers: StringViewBuilder,
    /// Time and key of the last record.
    last: (i64, Option<Vec<u8>>),
}

impl RecordBuffer {
    /// Adds a record; its offset is greater than those before. A key that is not UTF-8 becomes null.
    pub(super) fn push(&mut self, record: BufferedRecord<'_>, wanted: Wanted) {
        let BufferedRecord { offset, timestamp, key, value, headers } = record;
        let span = value.map(|value| {
            let start = self.payload.len() as u32;
            self.payload.extend_from_slice(value);
            start..self.payload.len() as u32
        });
        self.values.push(span);
        self.last.0 = timestamp;
        match (key, &mut self.last.1) {
            (Some(key), Some(last)) => key.clone_into(last),
            (key, last) => *last = key.map(<[u8]>::to_vec),
        }
        self.offsets.push(offset);
        if wanted.timestamp {
            self.timestamps.push(timestamp);
        }
        if wanted.key {
            self.keys.append_option(key.and_then(|key| std::str::from_utf8(key).ok()));
        }
        if wanted.headers {
            self.headers.append_value(headers);
        }
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Whether no more should be added.
    pub(super) fn is_full(&self) -> bool {
        self.offsets.len() >= RECORDS_MAX || self.payload.len() >= Records::PAYLOAD_MAX
    }

    /// Makes a batch of what is in it, which must be something, and begins anew.
    pub(super) fn take(&mut self, partition: PartitionIndex, wanted: Wanted) -> Records {
        let Self { payload, values, offsets, timestamps, mut keys, mut headers, last } = std::mem::take(self);
        let count = offsets.len();
        let first = offsets.first().copied().unwrap_or_default();
        let end = offsets.last().map_or(first, |last| last + 1);
        let value = values.last().cloned().flatten().map(|span| &payload[span.start as usize..span.end as usize]);
        let digest = digest_of(last.0, last.1.as_deref(), value);
        let absent = || Arc::new(NullArray::new(count)) as ArrayRef;
        let times = || Arc::new(TimestampMicrosecondArray::from(timestamps).with_timezone("UTC")) as ArrayRef;
        let offsets = if end - first == count as u64 { Offsets::Dense(first) } else { Offsets::Listed(offsets) };
        Records {
            partition,
            range: first..end,
            payload: Buffer::from_vec(payload),
            framing: Framing::Spans(Spans { values, offsets }),
            preamble: None,
            duplicates: 0,
            anchor: Some(Anchor { start: end.saturating_sub(1), end, digest }),
            metadata: vec![
                if wanted.timestamp { times() } else { absent() },
                if wanted.key { Arc::new(keys.finish()) } else { absent() },
                if wanted.headers { Arc::new(headers.finish()) } else { absent() },
            ],
        }
    }
}
