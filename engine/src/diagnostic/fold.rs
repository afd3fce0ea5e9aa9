//! Scalars whose text is not what stands in the file, since it was quoted, escaped or laid over several lines.

use super::Span;

/// Bytes of a text, and what belongs to each.
type Pairs = Vec<(usize, usize)>;

/// How the bytes of a scalar's text map to the bytes of its file.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    /// Where the scalar stands.
    span: Span,
    /// What it means.
    text: String,
    /// From this byte of the text on, the text stands from that byte of the span on. The first is at 0.
    pieces: Pairs,
    /// Bytes of the text at which a character begins that is written in so many other bytes.
    escapes: Pairs,
}

impl Fold {
    /// The fold of a scalar that was written as `raw` and means `text`; none if both are the same.
    pub(super) fn of(span: Span, raw: &str, text: &str) -> Option<Self> {
        (raw != text).then(|| {
            let (pieces, escapes) = align(raw, text);
            Self { span, text: text.to_owned(), pieces, escapes }
        })
    }

    /// What the scalar at `span` means, if this is the fold of that one.
    pub(super) fn meaning(&self, span: Span) -> Option<&str> {
        (self.span == span).then_some(self.text.as_str())
    }

    /// Where a part of the scalar stands, if `part` is one: its offsets count from the span's start, but in the text.
    pub(super) fn source(&self, part: Span) -> Option<Span> {
        let inside = part.file == self.span.file && self.span.start <= part.start && part.end <= self.span.end;
        if !inside || part == self.span {
            return None;
        }
        let start = self.place(part.start - self.span.start).min(self.span.end);
        let end = match part
            .end
            .checked_sub(self.span.start)
            .and_then(|end| self.text.get(..end)?.char_indices().next_back())
        {
            Some((last, c)) if part.end > part.start => {
                let escaped = self.escapes.iter().find(|(at, _)| *at == last);
                self.place(last) + escaped.map_or(c.len_utf8(), |(_, length)| *length)
            }
            _ => start,
        };
        Some(Span { start, end: end.clamp(start, self.span.end), ..part })
    }

    fn place(&self, offset: usize) -> usize {
        let at = self.pieces.partition_point(|(text, _)| *text <= offset).saturating_sub(1);
        let (text, raw) = self.pieces.get(at).copied().unwrap_or_default();
        self.span.start + raw + (offset - text)
    }
}

/// Walks through both, and notes each place from which on they run together, and each character with its own way of writing.
fn align(raw: &str, text: &str) -> (Pairs, Pairs) {
    let quote = raw.chars().next().filter(|first| matches!(first, '"' | '\''));
    let mut at = usize::from(quote.is_some());
    let mut pieces: Pairs = Vec::new();
    let mut escapes = Vec::new();
    for (offset, wanted) in text.char_indices() {
        at += skipped(&raw[at..], wanted, quote);
        if pieces.last().is_none_or(|(text, raw)| at - raw != offset - text) {
            pieces.push((offset, at));
        }
        let length = written(&raw[at..], wanted, quote);
        if length != wanted.len_utf8() {
            escapes.push((offset, length));
        }
        at += length;
    }
    (pieces, escapes)
}

/// The length of what stands before the character that is wanted and means nothing: indentation, joined lines.
fn skipped(raw: &str, wanted: char, quote: Option<char>) -> usize {
    let mut rest = raw;
    loop {
        if quote == Some('"') && (rest.starts_with("\\\n") || rest.starts_with("\\\r\n")) {
            rest = rest[1..].trim_start();
        } else if !wanted.is_whitespace() && rest.starts_with(char::is_whitespace) {
            rest = rest.trim_start();
        } else {
            return raw.len() - rest.len();
        }
    }
}

/// The length of the character that stands at the front, in the way it is written.
fn written(raw: &str, wanted: char, quote: Option<char>) -> usize {
    let Some(first) = raw.chars().next() else { return 0 };
    let length = match (quote, first) {
        (Some('"'), '\\') => match raw.as_bytes().get(1) {
            Some(b'x') => 4,
            Some(b'u') => 6,
            Some(b'U') => 10,
            Some(_) => 1 + raw[1..].chars().next().map_or(0, char::len_utf8),
            None => 1,
        },
        (Some('\''), '\'') if wanted == '\'' => 2,
        _ => first.len_utf8(),
    };
    if raw.is_char_boundary(length) { length } else { first.len_utf8() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::FileId;

    fn span(start: usize, end: usize) -> Span {
        Span { file: FileId(0), start, end }
    }

    /// The raw text at which `word` of `text` is found.
    fn found(raw: &str, text: &str, word: &str) -> String {
        let fold = Fold::of(span(7, 7 + raw.len()), raw, text).expect("they differ");
        let part = span(7, 7 + raw.len()).within(text.find(word).expect("the text has it"), word.len());
        let source = fold.source(part).expect("it is a part");
        raw[source.start - 7..source.end - 7].to_owned()
    }

    #[test]
    fn words_are_found_where_they_are_written() {
        assert_eq!(found("\"a > bad\"", "a > bad", "bad"), "bad");
        assert_eq!(found("\"a\\u00e4 \\\"q\\\" bad\"", "aä \"q\" bad", "bad"), "bad");
        assert_eq!(found("'it''s bad'", "it's bad", "bad"), "bad");
        assert_eq!(found("one\n   two\n\n  bad", "one two\nbad", "bad"), "bad");
        assert_eq!(found("one\n   two\n\n  bad", "one two\nbad", "two"), "two");
        assert_eq!(found("SELECT 1\n      FROM bad", "SELECT 1\nFROM bad\n", "bad"), "bad");
        assert_eq!(found("a\n    b\n  bad", "a\n  b\nbad", "bad"), "bad");
        assert_eq!(found("\"a \\\n   bad\"", "a bad", "bad"), "bad");
        assert_eq!(found("\"abc\"", "abc", "abc"), "abc");
        assert_eq!(found("\"a \\U0001F600\"", "a 😀", "😀"), "\\U0001F600");
        assert_eq!(found("\"a \\x42 c\"", "a B c", "B"), "\\x42");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_panics(raw in "[\"'ab\\\\xuU ä\n]{0,20}", text in "[\"'ab ä\n]{0,20}", from in 0usize..30, to in 0usize..30) {
            if let Some(fold) = Fold::of(span(3, 3 + raw.len()), &raw, &text) {
                let part = span(3 + from.min(raw.len()), 3 + to.min(raw.len()));
                if let Some(source) = fold.source(part) {
                    prop_assert!(3 <= source.start && source.start <= source.end && source.end <= 3 + raw.len());
                }
            }
        }
    }
}
