//! Characters in data that a terminal would obey instead of show.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal may act on this character, or hide it, or let it reorder its neighbours: C0 and C1 controls, DEL, line and
/// paragraph separators, the bidirectional controls of UAX #9, the byte order mark and the invisible tag characters.
fn is_hazard(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}')
}

/// The text with every character that a terminal might obey written as an escape: `\n`, `\u{1b}`, `\u{202e}`.
#[must_use]
pub fn neutralise(text: &str) -> Cow<'_, str> {
    replace(text, |out, character| out.extend(character.escape_default()))
}

/// JSON text that means the same and holds no character that a terminal might obey. White space between tokens becomes blanks.
pub(super) fn neutralise_json(json: &str) -> Cow<'_, str> {
    replace(json, |out, character| {
        if matches!(character, '\n' | '\r' | '\t') {
            out.push(' ');
            return;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing into a string cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

fn replace(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    let Some(first) = text.find(is_hazard) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for character in text[first..].chars() {
        if is_hazard(character) {
            escape(&mut out, character);
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_the_rest_is_kept() {
        for (text, shown) in [
            ("plain ä 日本 👩‍🚀", "plain ä 日本 👩‍🚀"),
            ("\x1b]52;c;aGk=\x07", "\\u{1b}]52;c;aGk=\\u{7}"),
            ("\x1b[2J", "\\u{1b}[2J"),
            ("a\u{9b}2J", "a\\u{9b}2J"),
            ("a\u{7f}b\r\nc\td", "a\\u{7f}b\\r\\nc\\td"),
            ("\u{202e}evil\u{2066}", "\\u{202e}evil\\u{2066}"),
            ("\u{feff}x\u{2028}\u{e0041}", "\\u{feff}x\\u{2028}\\u{e0041}"),
        ] {
            assert_eq!(neutralise(text), shown);
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ "a": "\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{e0041}" });
        let shown = neutralise_json(&serde_json::to_string(&value).unwrap()).into_owned();
        assert!(shown.chars().all(|c| !is_hazard(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert_eq!(neutralise_json("{\n\t\"a\": 1\n}"), "{  \"a\": 1 }");
    }
}
