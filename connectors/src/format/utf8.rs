//! Whether records are UTF-8: judged once for a whole batch, and record by record only if that fails.

use std::ops::Range;

/// The bytes of a batch, with the verdict on all of them.
pub(super) struct Utf8<'a> {
    bytes: &'a [u8],
    whole: Option<&'a str>,
}

impl<'a> Utf8<'a> {
    /// Judges the bytes of a batch.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, whole: simdutf8::basic::from_utf8(bytes).ok() }
    }

    /// Whether the bytes at `span` are UTF-8 by themselves: text that was cut within a character is not.
    #[inline]
    pub(super) fn holds(&self, span: Range<usize>) -> bool {
        match self.whole {
            Some(text) => text.is_char_boundary(span.start) && text.is_char_boundary(span.end),
            None => simdutf8::basic::from_utf8(&self.bytes[span]).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_record_spoils_no_other_and_no_character_is_shared() {
        let good = "aäb".as_bytes();
        assert!(Utf8::of(good).holds(0..4));
        assert!(!Utf8::of(good).holds(0..2));
        assert!(!Utf8::of(good).holds(2..4));
        let mixed = b"ok\xffok";
        assert!(Utf8::of(mixed).holds(0..2));
        assert!(!Utf8::of(mixed).holds(0..3));
    }
}
