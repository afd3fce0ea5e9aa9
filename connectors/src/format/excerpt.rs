//! A short, harmless piece of data for messages.

/// The most characters of data that a message shows.
const CHARACTERS: usize = 32;

/// The first characters of `bytes` on one line: control characters, quotes' surroundings and bytes that are no text are escaped, and
/// `…` stands for what was cut off.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    // A character has at most four bytes, so that more is never needed.
    let head = &bytes[..bytes.len().min(CHARACTERS * 4 + 4)];
    let text = String::from_utf8_lossy(head);
    let mut shown = String::new();
    let mut characters = text.chars();
    for character in characters.by_ref().take(CHARACTERS) {
        match character {
            '`' => shown.push('\''),
            c if c.is_control() || is_invisible(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    if characters.next().is_some() || head.len() < bytes.len() {
        shown.push('…');
    }
    shown
}

/// Characters that turn or hide the text around them: bidirectional controls, zero widths, line separators, the byte-order mark.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_cut_and_disarmed() {
        assert_eq!(excerpt(b"plain"), "plain");
        assert_eq!(excerpt(b"a\x1b[2J`b"), "a\\u{1b}[2J'b");
        assert_eq!(excerpt(&[b'x'; 100]), format!("{}…", "x".repeat(32)));
        assert_eq!(excerpt("ä".repeat(33).as_bytes()), format!("{}…", "ä".repeat(32)));
        assert_eq!(excerpt(b"\xff"), "\u{fffd}");
        assert_eq!(excerpt("\u{202e}".as_bytes()), "\\u{202e}");
    }
}
