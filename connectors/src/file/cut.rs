//! Cuts what was read of a file into whole records.

use engine::connector::{Framing, Offsets, Spans};

use crate::format::csv::{RecordEnd, end_of_record};

/// How a file's records are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separation {
    /// By line ends.
    Lines,
    /// By line ends outside of quotes, below a header.
    Csv,
}

/// How much of some bytes is whole records, and where those lie.
#[derive(Debug)]
pub(super) struct Cut {
    /// The bytes that the records take, line ends included; zero if no record is whole.
    pub(super) length: usize,
    /// Where they lie.
    pub(super) framing: Framing,
}

impl Separation {
    /// Cuts bytes that begin with a record, at `offset` of the file; if they reach to its `end`, the last record needs no line end.
    pub(super) fn cut(self, bytes: &[u8], offset: u64, end: bool) -> Cut {
        match self {
            Self::Lines => {
                let length = if end { bytes.len() } else { memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1) };
                Cut { length, framing: Framing::Lines }
            }
            Self::Csv => {
                let mut spans = (Vec::new(), Vec::new());
                let mut start = 0;
                while let RecordEnd::At(newline) = end_of_record(bytes, start) {
                    add(bytes, start, newline, offset, &mut spans);
                    start = newline + 1;
                }
                if end && start < bytes.len() {
                    add(bytes, start, bytes.len(), offset, &mut spans);
                    start = bytes.len();
                }
                let (values, offsets) = spans;
                Cut { length: start, framing: Framing::Spans(Spans { values, offsets: Offsets::Listed(offsets) }) }
            }
        }
    }
}

/// Adds a record without its line end; empty lines are none.
fn add(bytes: &[u8], start: usize, end: usize, offset: u64, spans: &mut (Vec<Option<std::ops::Range<u32>>>, Vec<u64>)) {
    let end = if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end };
    if end > start {
        spans.0.push(Some(start as u32..end as u32));
        spans.1.push(offset + start as u64);
    }
}
