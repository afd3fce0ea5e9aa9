//! Whether a text is meant as a pipeline at all: of a file that is something else, nothing may be shown.

use crate::diagnostic::nearest;

use super::PIPELINE_KEYS;

/// Keys and their slips are not longer.
const WORD_MAX: usize = 12;

/// Whether a key of a pipeline, or a slip of one, begins some line of the text or some pair of its braces.
pub(super) fn is_like_pipeline(text: &str) -> bool {
    text.lines().any(|line| {
        let braced = line.trim_start().starts_with(['{', '"', '\'']);
        let starts = line.match_indices(['{', ',']).map(|(at, _)| at + 1).filter(|_| braced);
        std::iter::once(0).chain(starts).any(|at| begins_with_key(&line[at..], braced))
    })
}

/// Whether nothing but white space and comments stands in a text.
pub(super) fn is_empty(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

fn begins_with_key(text: &str, braced: bool) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let text = if braced { text.trim_start_matches([' ', '\t', '{', '"', '\'']) } else { text };
    let length = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(length);
    let rest = rest.trim_start_matches(['"', '\'']).trim_start();
    let colon =
        rest.strip_prefix(':').is_some_and(|value| braced || value.is_empty() || value.starts_with([' ', '\t']));
    let names = || PIPELINE_KEYS.iter().map(|key| key.name);
    colon && word.len() <= WORD_MAX && (names().any(|name| name == word) || nearest(word, names()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_are_told_from_other_files() {
        for text in [
            "name: a",
            "# b\nsources:\n",
            "sorces:\n  a: b",
            "{\"name\": \"a\"}",
            "\u{feff}mode: batch",
            "{\n  \"sinks\":{}}",
        ] {
            assert!(is_like_pipeline(text), "{text}");
        }
        for text in
            ["root:x:0:0\nnode:x:1:1\nname:x:2:2", "a: b\nc: d", "[a, b]", "{\"id\": 1}", "hunter2", "  name: a"]
        {
            assert!(!is_like_pipeline(text), "{text}");
        }
        assert!(is_empty("") && is_empty("\u{feff}# a\n\n") && !is_empty("a"));
    }
}
