//! Records that tests of decoders give.

use std::ops::Range;

use arrow::buffer::Buffer;
use engine::connector::{Framing, Offsets, PartitionIndex, Records, Spans};

/// Records at these places of a payload.
pub(super) fn records_at(payload: Buffer, values: Vec<Option<Range<u32>>>) -> Records {
    Records {
        partition: PartitionIndex(0),
        range: 0..values.len() as u64,
        payload,
        framing: Framing::Spans(Spans { values, offsets: Offsets::Dense(0) }),
        metadata: Vec::new(),
        preamble: None,
        duplicates: 0,
        anchor: None,
    }
}

/// Records one after the other, behind bytes that are no part of any.
pub(super) fn records_behind<T: AsRef<[u8]>>(before: &[u8], all: &[T]) -> Records {
    let mut payload = before.to_vec();
    let mut values = Vec::new();
    for record in all {
        let start = payload.len() as u32;
        payload.extend_from_slice(record.as_ref());
        values.push(Some(start..payload.len() as u32));
    }
    records_at(payload.into(), values)
}
