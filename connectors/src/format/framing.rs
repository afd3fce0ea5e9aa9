//! Visits the records of a batch, however they are framed.

use std::ops::Range;

use engine::connector::{Framing, Records};

/// Calls `each` with the place of every record in the payload, in order; `None` is a tombstone. The order and number of calls are
/// those of [`Records::spans`], without its allocations.
pub(super) fn for_each_record(records: &Records, mut each: impl FnMut(Option<Range<usize>>)) {
    match &records.framing {
        Framing::Spans(spans) => {
            for span in &spans.values {
                each(span.as_ref().map(|span| span.start as usize..span.end as usize));
            }
        }
        Framing::Lines => {
            let bytes = records.payload.as_slice();
            let mut start = 0;
            for newline in memchr::memchr_iter(b'\n', bytes) {
                visit_line(bytes, start..newline, &mut each);
                start = newline + 1;
            }
            visit_line(bytes, start..bytes.len(), &mut each);
        }
    }
}

fn visit_line(bytes: &[u8], line: Range<usize>, each: &mut impl FnMut(Option<Range<usize>>)) {
    let end = if line.end > line.start && bytes[line.end - 1] == b'\r' { line.end - 1 } else { line.end };
    if end > line.start {
        each(Some(line.start..end));
    }
}

#[cfg(test)]
mod tests {
    use arrow::buffer::Buffer;
    use engine::connector::PartitionIndex;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_are_those_of_the_contract(text in "[ab\r\n]{0,40}") {
            let records = Records::of_lines(PartitionIndex(0), 0, Buffer::from(text.as_bytes()));
            let mut found = Vec::new();
            for_each_record(&records, |span| found.push(span.map(|span| span.start as u32..span.end as u32)));
            prop_assert_eq!(found, records.spans().values);
        }
    }
}
