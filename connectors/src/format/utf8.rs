//! Whether records are UTF-8: judged once for a whole batch, and record by record only if that fails.

use std::ops::Range;

use arrow::buffer::Buffer;

/// The bytes of a batch, with the verdict on all of them.
#[derive(Debug, Default)]
pub(super) struct Payload {
    bytes: Buffer,
    is_utf8: bool,
}

impl Payload {
    /// Judges the bytes of a batch.
    pub(super) fn of(bytes: Buffer) -> Self {
        let is_utf8 = simdutf8::basic::from_utf8(&bytes).is_ok();
        Self { bytes, is_utf8 }
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &Buffer {
        &self.bytes
    }

    /// Whether the bytes at `span` are UTF-8 by themselves: text that was cut within a character is not.
    #[inline]
    pub(super) fn holds(&self, span: Range<usize>) -> bool {
        if self.is_utf8 {
            self.begins_character(span.start) && self.begins_character(span.end)
        } else {
            simdutf8::basic::from_utf8(&self.bytes[span]).is_ok()
        }
    }

    /// Whether a character begins at this byte, if all is UTF-8; true at the end.
    #[inline]
    fn begins_character(&self, at: usize) -> bool {
        self.bytes.get(at).is_none_or(|byte| byte & 0xc0 != 0x80)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_record_spoils_no_other_and_no_character_is_shared() {
        let good = Payload::of(Buffer::from("aäb".as_bytes()));
        assert!(good.holds(0..4));
        assert!(!good.holds(0..2));
        assert!(!good.holds(2..4));
        let mixed = Payload::of(Buffer::from(b"ok\xffok".as_slice()));
        assert!(mixed.holds(0..2));
        assert!(!mixed.holds(0..3));
    }
}
