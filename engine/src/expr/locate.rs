//! From bytes of an expression's text to bytes of the file that it stands in.

use std::ops::Range;

use datafusion_sql::sqlparser::tokenizer::{Location, Span as SqlSpan};

use crate::diagnostic::{Files, Span};
use crate::spec::Spanned;

/// The span in the file of `bytes` of an expression's text.
///
/// Exact when the text is what the scalar means; when a variable was replaced in it, the whole scalar.
#[must_use]
pub fn locate(files: &Files, text: &Spanned<String>, bytes: Range<usize>) -> Span {
    let Some(offset) = files.meaning(text.span).find(text.value.as_str()) else {
        return text.span;
    };
    let last = text.value.len().saturating_sub(1);
    let start = bytes.start.min(last);
    text.span.within(offset + start, bytes.end.min(text.value.len()).saturating_sub(start))
}

/// The bytes of `text` that a span of the SQL parser covers; all of them if the parser does not know.
pub(super) fn bytes_of(text: &str, span: SqlSpan) -> Range<usize> {
    if span.start.line == 0 {
        return 0..text.len();
    }
    let start = byte_of(text, span.start);
    start..byte_of(text, span.end).max(start)
}

/// The byte of a place that the SQL parser counts in lines and characters.
pub(super) fn byte_of(text: &str, location: Location) -> usize {
    let line = usize::try_from(location.line).unwrap_or(usize::MAX).saturating_sub(1);
    let column = usize::try_from(location.column).unwrap_or(usize::MAX).saturating_sub(1);
    let mut start = 0;
    for _ in 0..line {
        match text[start..].find('\n') {
            Some(newline) => start += newline + 1,
            None => return text.len(),
        }
    }
    text[start..].char_indices().nth(column).map_or(text.len(), |(offset, _)| start + offset)
}
