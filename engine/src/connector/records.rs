//! Undecoded records: many of one partition, in one buffer, in the partition's order.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::Buffer;

use super::{Anchor, PartitionIndex};

/// Consecutive records of one partition.
#[derive(Clone, Debug)]
pub struct Records {
    /// The partition that they are from.
    pub partition: PartitionIndex,
    /// From the offset of the first record to the position after the last. Offsets may have gaps.
    pub range: Range<u64>,
    /// The bytes of all records. At most [`Records::PAYLOAD_MAX`] unless one record alone is larger.
    pub payload: Buffer,
    /// Where each record lies in the payload.
    pub framing: Framing,
    /// One array for each metadata column with origin `Record(i)` at place `i`, of one value a record; places that the
    /// opener did not want may hold a null array.
    pub metadata: Vec<ArrayRef>,
    /// What stands once before all records of the partition and explains them, as the header line of a CSV file.
    pub preamble: Option<Arc<[u8]>>,
    /// How many more records stood here twice and were left out by the reader; they are counted, nothing else.
    pub duplicates: u64,
    /// What the source wants to see again after a restart, if it compares: about the last of these records.
    pub anchor: Option<Anchor>,
}

/// Where records lie in the payload.
#[derive(Clone, Debug)]
pub enum Framing {
    /// Each ends with `\n` (the last may lack it; a `\r` before it does not count). A record's offset is the position of its first byte:
    /// `range.start` plus its place in the payload. Empty lines are no records.
    Lines,
    /// Each record has a span and an offset.
    Spans(Spans),
}

/// The spans of records within a payload.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    /// `start..end` in the payload; `None` for a record without a value (a tombstone).
    pub values: Vec<Option<Range<u32>>>,
    /// The offset of each.
    pub offsets: Offsets,
}

/// Offsets of consecutive records.
#[derive(Clone, Debug)]
pub enum Offsets {
    /// `first`, `first + 1`, …
    Dense(u64),
    /// One for each, ascending.
    Listed(Vec<u64>),
}

impl Default for Offsets {
    fn default() -> Self {
        Self::Dense(0)
    }
}

impl Offsets {
    /// The offset of the record at `index`.
    #[must_use]
    pub fn at(&self, index: usize) -> u64 {
        match self {
            Self::Dense(first) => first + index as u64,
            Self::Listed(offsets) => offsets[index],
        }
    }
}

impl Records {
    /// The lines of `payload`, which begins at offset `start` of the partition.
    #[must_use]
    pub fn of_lines(partition: PartitionIndex, start: u64, payload: Buffer) -> Self {
        Self {
            partition,
            range: start..start + payload.len() as u64,
            payload,
            framing: Framing::Lines,
            metadata: Vec::new(),
            preamble: None,
            duplicates: 0,
            anchor: None,
        }
    }

    /// Readers cut their batches at about this many bytes.
    pub const PAYLOAD_MAX: usize = 1 << 20;

    /// The spans of all records; found by a search for line ends if the framing is by lines.
    #[must_use]
    pub fn spans(&self) -> Cow<'_, Spans> {
        match &self.framing {
            Framing::Spans(spans) => Cow::Borrowed(spans),
            Framing::Lines => {
                let bytes = self.payload.as_slice();
                let mut values = Vec::with_capacity(bytes.len() / 64);
                let mut offsets = Vec::with_capacity(bytes.len() / 64);
                let mut start = 0;
                let mut add = |start: usize, end: usize| {
                    let trimmed = if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end };
                    if trimmed > start {
                        values.push(Some(start as u32..trimmed as u32));
                        offsets.push(self.range.start + start as u64);
                    }
                };
                for end in memchr::memchr_iter(b'\n', bytes) {
                    add(start, end);
                    start = end + 1;
                }
                add(start, bytes.len());
                Cow::Owned(Spans { values, offsets: Offsets::Listed(offsets) })
            }
        }
    }

    /// The bytes of the record that lies at `span`.
    #[must_use]
    pub fn value(&self, span: &Range<u32>) -> &[u8] {
        &self.payload.as_slice()[span.start as usize..span.end as usize]
    }

    /// These records cut in two: those below `offset`, and those from it on. The offset must lie on a record's border.
    #[must_use]
    pub fn split_at(self, offset: u64) -> (Self, Self) {
        let mut below = self.clone();
        let mut above = self;
        below.range.end = offset;
        below.duplicates = 0;
        below.anchor = None;
        above.range.start = offset;
        match &mut above.framing {
            Framing::Lines => {
                let bytes = (offset - below.range.start) as usize;
                below.payload = below.payload.slice_with_length(0, bytes);
                above.payload = above.payload.slice(bytes);
            }
            Framing::Spans(spans) => {
                let at = match &spans.offsets {
                    Offsets::Dense(first) => (offset - first) as usize,
                    Offsets::Listed(offsets) => offsets.partition_point(|found| *found < offset),
                };
                let count = spans.values.len();
                let tail = Spans {
                    values: spans.values.split_off(at),
                    offsets: match &mut spans.offsets {
                        Offsets::Dense(first) => Offsets::Dense(*first + at as u64),
                        Offsets::Listed(offsets) => Offsets::Listed(offsets.split_off(at)),
                    },
                };
                below.framing = Framing::Spans(std::mem::replace(spans, tail));
                let cut = |array: &ArrayRef, from: usize, length: usize| {
                    if array.len() == count { array.slice(from, length) } else { array.clone() }
                };
                below.metadata = above.metadata.iter().map(|array| cut(array, 0, at)).collect();
                above.metadata = above.metadata.iter().map(|array| cut(array, at, count - at)).collect();
            }
        }
        (below, above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, start: u64) -> Records {
        Records::of_lines(PartitionIndex(0), start, Buffer::from(text.as_bytes()))
    }

    fn texts(records: &Records) -> Vec<(u64, String)> {
        let spans = records.spans();
        spans
            .values
            .iter()
            .enumerate()
            .map(|(index, span)| {
                let span = span.clone().expect("lines have values");
                (spans.offsets.at(index), String::from_utf8_lossy(records.value(&span)).into_owned())
            })
            .collect()
    }

    #[test]
    fn lines_have_byte_positions_as_offsets() {
        let records = lines("a\r\n\nbb\nc", 10);
        assert_eq!(texts(&records), [(10, "a".into()), (14, "bb".into()), (17, "c".into())]);
    }

    #[test]
    fn splitting_keeps_every_record_once() {
        let (below, above) = lines("a\nbb\nc\n", 10).split_at(12);
        assert_eq!(texts(&below), [(10, "a".into())]);
        assert_eq!(texts(&above), [(12, "bb".into()), (15, "c".into())]);
        assert_eq!((below.range, above.range), (10..12, 12..17));
    }
}
