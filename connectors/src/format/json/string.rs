//! JSON strings: where one ends, and what it stands for.

use super::grammar::{Malformed, malformed};

/// After the closing quote of the string whose opening quote is at `open`, and whether escapes stand in it. Escapes are judged:
/// surrogates must come in pairs.
#[inline]
pub(super) fn end_of_string(bytes: &[u8], open: usize) -> Result<(usize, bool), Malformed> {
    let at = next_special(bytes, open + 1);
    match bytes.get(at) {
        Some(b'"') => Ok((at + 1, false)),
        _ => end_of_escaped(bytes, at),
    }
}

/// The rest of a string from the first special byte on.
#[inline(never)]
fn end_of_escaped(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Malformed> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, true)),
            Some(b'\\') => at = next_special(bytes, end_of_escape(bytes, at)?),
            Some(_) => return malformed(at, "no bare control character in a string"),
            None => return malformed(at, "the closing quote of a string"),
        }
    }
}

/// The position of the next quote, backslash or control character, or the end of the bytes. Most strings end within 24 bytes: looking at
/// that many without a branch costs less than to guess how many words there are.
#[inline(always)]
fn next_special(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<24>()).and_then(special_of) {
        Some(found) => at + found,
        None => next_special_beyond(bytes, at),
    }
}

/// The place of the first special byte among these.
#[inline(always)]
fn special_of(chunk: &[u8; 24]) -> Option<usize> {
    let [first, second, third] = words(chunk).map(special_bytes);
    let (skipped, found) = if second != 0 { (8, second) } else { (16, third) };
    let (skipped, found) = if first != 0 { (0, first) } else { (skipped, found) };
    (found != 0).then(|| skipped + (found.trailing_zeros() / 8) as usize)
}

/// The same for any string.
#[inline(never)]
fn next_special_beyond(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<24>()) {
        if let Some(found) = special_of(chunk) {
            return at + found;
        }
        at += 24;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        at += 1;
    }
    at
}

#[inline(always)]
fn words(chunk: &[u8; 24]) -> [u64; 3] {
    let word = |at: usize| chunk[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    [word(0), word(8), word(16)]
}

/// The highest bit of each byte that is a quote, a backslash or a control character: subtracting borrows into it. Exact for the lowest
/// such byte, which is all that is asked ("Bit Twiddling Hacks", `haszero` and `hasless`).
#[inline(always)]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let found = (quotes.wrapping_sub(ONES) & !quotes)
        | (backslashes.wrapping_sub(ONES) & !backslashes)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    found & HIGHS
}

/// After the escape at `at`.
fn end_of_escape(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match hex(bytes, at + 2) {
            None => malformed(at, "four hexadecimal digits after `\\u`"),
            Some(0xd800..0xdc00) => match (bytes.get(at + 6..at + 8), hex(bytes, at + 8)) {
                (Some(b"\\u"), Some(0xdc00..0xe000)) => Ok(at + 12),
                _ => malformed(at, "the second half of a surrogate pair"),
            },
            Some(0xdc00..0xe000) => malformed(at, "no second half of a surrogate pair alone"),
            Some(_) => Ok(at + 6),
        },
        _ => malformed(at, "an escape that JSON knows"),
    }
}

/// The value of four hexadecimal digits.
fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |value, byte| Some((value << 4) | char::from(*byte).to_digit(16)?))
}

/// Appends what the bytes between the quotes of a judged string stand for.
pub(super) fn unescape(written: &[u8], text: &mut Vec<u8>) {
    let mut rest = written;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..backslash]);
        let (character, length) = read_escape(&rest[backslash..]);
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = rest.get(backslash + length..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
}

/// The character that the escape at the beginning stands for, and the escape's length.
fn read_escape(escape: &[u8]) -> (char, usize) {
    let simple = match escape.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let first = hex(escape, 2).unwrap_or_default();
            return match (first, hex(escape, 8)) {
                (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) => {
                    let joined = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    (char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                _ => (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            };
        }
        Some(other) => char::from(*other),
        None => char::REPLACEMENT_CHARACTER,
    };
    (simple, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_byte_is_found_at_every_place() {
        for length in 0..56 {
            for at in 0..length {
                for special in [b'"', b'\\', 0, 0x1f] {
                    let mut bytes = vec![0x7f; length];
                    bytes[at] = special;
                    assert_eq!(next_special(&bytes, 0), at);
                }
            }
            assert_eq!(next_special(&vec![0xff; length], 0), length);
            assert_eq!(next_special(&vec![b'!'; length], 0), length);
        }
    }

    #[test]
    fn escapes_stand_for_characters() {
        for (written, expected) in
            [(r#"a\"\\\/\b\f\n\r\tz"#, "a\"\\/\u{8}\u{c}\n\r\tz"), (r"\u00e4\uD83D\ude00\u0000", "ä😀\0")]
        {
            let quoted = format!("\"{written}\"");
            assert_eq!(end_of_string(quoted.as_bytes(), 0), Ok((quoted.len(), true)));
            let mut text = Vec::new();
            unescape(written.as_bytes(), &mut text);
            assert_eq!(String::from_utf8(text).as_deref(), Ok(expected));
        }
        for wrong in [r"\u12", r"\ud800", r"\ud800\u0041", r"\ude00", r"\x", r"\u+123", "\\", "a\tb"] {
            assert!(end_of_string(format!("\"{wrong}\"").as_bytes(), 0).is_err(), "{wrong}");
        }
    }
}
