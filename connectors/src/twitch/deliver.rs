//! A poll as records: offsets, metadata, batches of bounded size.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, TimestampMicrosecondArray};
use arrow::buffer::Buffer;
use engine::connector::{Framing, Offsets, PartitionIndex, Records, Spans};

/// Bits of an offset that count the rows of a poll.
const ROW_BITS: u32 = 20;
/// The most rows of one poll.
pub(super) const ROWS_MAX: usize = 1 << ROW_BITS;

/// The offset of a row, counted from 0 within its poll.
pub(super) fn offset(poll: u64, row: u64) -> u64 {
    (poll << ROW_BITS) + row
}

/// The poll that an offset lies in, and the row within it.
pub(super) fn place(offset: u64) -> (u64, u64) {
    (offset >> ROW_BITS, offset & (ROWS_MAX as u64 - 1))
}

/// The rows of a poll from `skip` on, in batches. The last batch of a complete poll ends where the next poll begins.
pub(super) fn records(
    poll: u64,
    polled_at: i64,
    payload: Vec<u8>,
    rows: &[Range<u32>],
    complete: bool,
    duplicates: u64,
    skip: usize,
) -> VecDeque<Records> {
    let payload = Buffer::from_vec(payload);
    let mut batches = VecDeque::new();
    let mut first = skip.min(rows.len());
    while first < rows.len() {
        let begin = rows[first].start;
        let fitting = rows[first..].partition_point(|row| (row.end - begin) as usize <= Records::PAYLOAD_MAX);
        let end = first + fitting.max(1);
        let last = end == rows.len();
        let after = if last && complete { offset(poll + 1, 0) } else { offset(poll, end as u64) };
        batches.push_back(Records {
            partition: PartitionIndex(0),
            range: offset(poll, first as u64)..after,
            payload: payload.slice_with_length(begin as usize, (rows[end - 1].end - begin) as usize),
            framing: Framing::Spans(Spans {
                values: rows[first..end].iter().map(|row| Some(row.start - begin..row.end - begin)).collect(),
                offsets: Offsets::Dense(offset(poll, first as u64)),
            }),
            metadata: metadata(poll, polled_at, first..end, last.then_some(complete)),
            preamble: None,
            duplicates: if last { duplicates } else { 0 },
            anchor: None,
        });
        first = end;
    }
    batches
}

/// The metadata of rows; `end` says, if they are the last of their poll, whether the poll is complete.
fn metadata(poll: u64, polled_at: i64, rows: Range<usize>, end: Option<bool>) -> Vec<ArrayRef> {
    let count = rows.len();
    let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![polled_at; count]).with_timezone("UTC"));
    vec![
        Arc::new(Int64Array::from(vec![poll as i64; count])),
        Arc::clone(&at),
        Arc::new(Int64Array::from_iter_values(rows.map(|row| row as i64 + 1))),
        at,
        Arc::new(BooleanArray::from_iter((1..=count).map(|row| end.filter(|_| row == count)))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(sizes: &[u32], complete: bool, skip: usize) -> Vec<(Range<u64>, Vec<u8>)> {
        let mut rows = Vec::new();
        let mut payload = Vec::new();
        for (row, size) in sizes.iter().enumerate() {
            let start = payload.len() as u32;
            payload.extend(std::iter::repeat_n(b'a' + row as u8, *size as usize));
            rows.push(start..start + size);
        }
        let first_byte = |records: &Records| {
            records.spans().values.iter().map(|span| records.value(span.as_ref().expect("a value"))[0]).collect()
        };
        records(3, 0, payload, &rows, complete, 0, skip).iter().map(|r| (r.range.clone(), first_byte(r))).collect()
    }

    #[test]
    fn a_complete_poll_ends_at_the_next_ones_border_and_an_incomplete_one_does_not() {
        assert_eq!(cut(&[1, 1], true, 0), [(offset(3, 0)..offset(4, 0), b"ab".to_vec())]);
        assert_eq!(cut(&[1, 1], false, 0), [(offset(3, 0)..offset(3, 2), b"ab".to_vec())]);
        assert_eq!(cut(&[1, 1], true, 1), [(offset(3, 1)..offset(4, 0), b"b".to_vec())]);
        assert!(cut(&[], true, 0).is_empty() && cut(&[1], true, 5).is_empty());
    }

    #[test]
    fn batches_are_bounded_and_hold_every_row() {
        let half = Records::PAYLOAD_MAX as u32 / 2;
        let cuts = cut(&[half, half, 1, 3 * half, 2], true, 0);
        let rows: Vec<&[u8]> = cuts.iter().map(|cut| cut.1.as_slice()).collect();
        assert_eq!(rows, [b"ab".as_slice(), b"c", b"d", b"e"]);
        assert!(cuts.windows(2).all(|pair| pair[0].0.end == pair[1].0.start));
    }

    #[test]
    fn offsets_hold_their_poll() {
        assert_eq!(place(offset(7, 12)), (7, 12));
        assert_eq!(place(0), (0, 0));
    }
}
