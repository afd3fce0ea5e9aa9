//! The grammar of JSON (RFC 8259), strictly: where a value ends, and what is wrong if it does not.
//!
//! All functions take bytes that are known to be UTF-8 and a position in them, and return the position after what they name.

use super::string::end_of_string;

/// How deep objects and arrays may nest; the record itself is the first level.
pub(super) const DEPTH_MAX: u32 = 64;

/// Bytes that are not the JSON that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Malformed {
    /// Position of the first wrong byte.
    pub(super) at: usize,
    /// What should be there instead.
    pub(super) expected: Expected,
}

/// What a wrong byte should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Expected {
    /// Said in words.
    Words(&'static str),
    /// Anything that nests less.
    LessDepth,
}

/// A shorthand for errors.
#[cold]
pub(super) fn malformed<T>(at: usize, expected: &'static str) -> Result<T, Malformed> {
    Err(Malformed { at, expected: Expected::Words(expected) })
}

/// After spaces, tabs and line ends.
#[inline]
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// After the value at `at`; `depth` objects and arrays are open around it.
pub(in super::super) fn skip_value(bytes: &[u8], at: usize, depth: u32) -> Result<usize, Malformed> {
    // One bit an open container, the innermost lowest: set for objects.
    let mut objects: u64 = 0;
    let mut open = 0;
    let mut at = at;
    loop {
        at = skip_space(bytes, at);
        match bytes.get(at) {
            Some(b'"') => at = end_of_string(bytes, at)?.0,
            Some(b'-' | b'0'..=b'9') => at = end_of_number(bytes, at)?.0,
            Some(b't') => at = end_of_word(bytes, at, b"true")?,
            Some(b'f') => at = end_of_word(bytes, at, b"false")?,
            Some(b'n') => at = end_of_word(bytes, at, b"null")?,
            Some(bracket @ (b'{' | b'[')) => {
                if depth + open >= DEPTH_MAX {
                    return Err(Malformed { at, expected: Expected::LessDepth });
                }
                let is_object = *bracket == b'{';
                let inner = skip_space(bytes, at + 1);
                if bytes.get(inner) == Some(&(bracket + 2)) {
                    at = inner + 1;
                } else {
                    at = if is_object { end_of_key(bytes, inner)?.1 } else { inner };
                    objects = (objects << 1) | u64::from(is_object);
                    open += 1;
                    continue;
                }
            }
            _ => return malformed(at, "a value"),
        }
        loop {
            if open == 0 {
                return Ok(at);
            }
            at = skip_space(bytes, at);
            match (bytes.get(at), objects & 1 == 1) {
                (Some(b','), true) => {
                    at = end_of_key(bytes, skip_space(bytes, at + 1))?.1;
                    break;
                }
                (Some(b','), false) => {
                    at += 1;
                    break;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    at += 1;
                    open -= 1;
                    objects >>= 1;
                }
                (_, true) => return malformed(at, "`,` or `}`"),
                (_, false) => return malformed(at, "`,` or `]`"),
            }
        }
    }
}

/// After the key at `at` (a string), and after the colon that follows it.
pub(super) fn end_of_key(bytes: &[u8], at: usize) -> Result<(usize, usize), Malformed> {
    if bytes.get(at) != Some(&b'"') {
        return malformed(at, "a key in quotes");
    }
    let key = end_of_string(bytes, at)?.0;
    let colon = skip_space(bytes, key);
    if bytes.get(colon) == Some(&b':') { Ok((key, colon + 1)) } else { malformed(colon, "`:`") }
}

/// After a word such as `true`.
#[inline]
pub(super) fn end_of_word(bytes: &[u8], at: usize, word: &'static [u8]) -> Result<usize, Malformed> {
    if bytes[at..].starts_with(word) { Ok(at + word.len()) } else { malformed(at, "a value") }
}

/// After the number at `at`, and whether it is written as a whole number: without fraction and exponent.
pub(in super::super) fn end_of_number(bytes: &[u8], at: usize) -> Result<(usize, bool), Malformed> {
    let first = if bytes.get(at) == Some(&b'-') { at + 1 } else { at };
    let whole = skip_digits(bytes, first);
    match whole - first {
        0 => return malformed(first, "a digit"),
        1 => {}
        _ if bytes[first] == b'0' => return malformed(first + 1, "no digit after a leading zero"),
        _ => {}
    }
    let mut end = whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = skip_digits(bytes, fraction);
        if end == fraction {
            return malformed(end, "a digit after the point");
        }
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = end + 1;
        let exponent = if let Some(b'+' | b'-') = bytes.get(sign) { sign + 1 } else { sign };
        end = skip_digits(bytes, exponent);
        if end == exponent {
            return malformed(end, "a digit of the exponent");
        }
    }
    Ok((end, end == whole))
}

#[inline]
fn skip_digits(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    at
}
