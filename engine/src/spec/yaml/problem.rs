//! What the YAML parser stumbled over, said in the words of someone who writes a pipeline.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use crate::diagnostic::{Code, Diagnostics, FileId, Span};

use super::quoting::{self, Advice, Line};

/// Reports an error of the parser at the word that it is about. `open` is the innermost bracket that is still open.
pub(super) fn report(text: &str, file: FileId, error: &ScanError, open: Option<Span>, diagnostics: &mut Diagnostics) {
    let at = floor(text, error.marker().byte_offset().unwrap_or(text.len()));
    let line = Line::around(text, at);
    let place = |(start, end): (usize, usize)| Span { file, start, end };
    let tab_below = || {
        std::iter::successors(line.below().filter(|_| is_tab(error.kind())), Line::below)
            .find_map(|line| line.tab_indent())
    };
    if let Some(tab) = line.tab_indent().or_else(tab_below) {
        diagnostics
            .error(Code::Tab, place((tab, tab + 1)), "a tab is used to indent")
            .hint("YAML indents with spaces only: replace it");
        return;
    }
    let span = place(word(text, at));
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(span, diagnostics),
        ErrorKind::DirectiveDisallowed => {
            diagnostics
                .error(Code::YamlFeature, span, "directives are not allowed here")
                .hint("leave the line out; if `%` belongs to a value, put the value in quotes");
        }
        kind => {
            let advice = quoting::comment(text, open, at)
                .or_else(|| quoting::advise(&line, at, kind))
                .or_else(|| quoting::variable(&line, at))
                .unwrap_or_else(|| {
                    let (message, hint) = describe(kind);
                    let place = culprit(text, at, kind).unwrap_or((span.start, span.end));
                    Advice { place, message, hint: hint.to_owned() }
                });
            let found = diagnostics.error(Code::Syntax, place(advice.place), advice.message).hint(advice.hint);
            if let Some(open) = open.filter(|open| text[open.start.min(advice.place.0)..advice.place.0].contains('\n'))
            {
                found.label(open, "this bracket is still open");
            }
        }
    }
}

/// Reports nesting beyond all use.
pub(super) fn too_deep(span: Span, diagnostics: &mut Diagnostics) {
    diagnostics
        .error(Code::TooComplex, span, "maps and lists are nested too deeply here")
        .hint("a pipeline needs fewer than ten levels: are brackets missing?");
}

/// Reports `>5` and the like, which YAML takes for the head of a block of text: here one without any text, at or before `span`.
pub(super) fn empty_block(text: &str, span: Span, diagnostics: &mut Diagnostics) {
    let start = match text[span.start..].starts_with(['>', '|']) {
        true => span.start,
        false => text[..span.start].rfind(['>', '|']).unwrap_or(span.start),
    };
    let end = start + text[start..].lines().next().map_or(0, |head| head.trim_end().len());
    let head = &text[start..end];
    let first = head.chars().next().unwrap_or('>');
    diagnostics.error(Code::Syntax, Span { start, end, ..span }, "a block of text without any text").hint(format!(
        "`{first}` at the start of a value begins a block of text; put the value in quotes: `\"{head}\"`"
    ));
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The word at a byte; a single character if there is no word.
fn word(text: &str, at: usize) -> (usize, usize) {
    let rest = &text[at..];
    let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let first = rest.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    (at, at + length.max(first))
}

/// Whether an error is about a tab; it may stand in a line below the value that the parser was at.
fn is_tab(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabInBlockIndentation
            | ErrorKind::TabNotAllowed
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
    )
}

/// Where the very character stands that an error is about, when the parser only says which value it is in.
fn culprit(text: &str, at: usize, kind: &ErrorKind) -> Option<(usize, usize)> {
    match kind {
        ErrorKind::UnexpectedCharacter { character } => {
            let start = at + text[at..].lines().next()?.find(*character)?;
            Some((start, start + character.len_utf8()))
        }
        ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => {
            let mut start = at;
            loop {
                start += text[start..].find('\\')?;
                let rest = &text[start + 1..];
                let code = rest.chars().next()?;
                let digits = match code {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    _ => 0,
                };
                let hex = rest[code.len_utf8()..].chars().take(digits).take_while(char::is_ascii_hexdigit).count();
                let end = start + 1 + code.len_utf8() + hex;
                if hex < digits || (digits == 0 && !"0abt\tnvfre \"/\\N_LP\n\r".contains(code)) {
                    return Some((start, end));
                }
                start = end;
            }
        }
        _ => None,
    }
}

fn describe(kind: &ErrorKind) -> (String, &'static str) {
    use ErrorKind as E;
    let (message, hint) = match kind {
        E::UnexpectedEofFlowSequence | E::ExpectedFlowSequenceSeparator => {
            ("a list in `[…]` is broken here", "elements are separated by `,` and the list ends with `]`")
        }
        E::UnexpectedEofFlowMapping | E::UnexpectedEofImplicitFlowMapping | E::ExpectedFlowMappingSeparator => {
            ("a map in `{…}` is broken here", "pairs are separated by `,` and the map ends with `}`")
        }
        E::UnclosedFlowCollection { open } => {
            return (format!("this `{open}` is never closed"), "add the closing bracket");
        }
        E::MismatchedFlowCollectionEnd { open, close } => {
            return (format!("`{open}` is closed by `{close}`"), "each bracket needs its partner");
        }
        E::MisplacedFlowCollectionEnd => {
            ("a closing bracket without its opening one", "remove it, or put the value in quotes")
        }
        E::UnclosedQuotedScalar | E::DocumentIndicatorInQuotedScalar => {
            ("a quote is never closed", "add the closing quote")
        }
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => {
            ("text follows after the closing quote", "put the whole value in quotes of the other kind")
        }
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidUnicodeEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate => {
            ("`\\` begins an escape that YAML does not know", "in single quotes a `\\` is only a `\\`")
        }
        E::MappingValueNotAllowed | E::InvalidColonPlacement | E::InvalidMappingValueWhitespace => (
            "a `:` has no place here",
            "put a value that holds `: ` in quotes; a map goes to lines of its own below its key",
        ),
        E::InvalidBlockScalarHeader | E::ZeroBlockScalarIndent | E::InvalidBlockScalarIndent => {
            ("not the head of a block of text", "`|` or `>` stands alone on its line, the text below it, indented")
        }
        E::SimpleKeyExpected | E::InvalidSimpleKey => {
            ("a key without its `:`", "write `key: value`, with a space after the colon")
        }
        E::InvalidIndentation
        | E::InvalidQuotedScalarIndent
        | E::InvalidFlowScalarIndent
        | E::ExpectedBlockMappingKey
        | E::ExpectedBlockSequenceEntry
        | E::BlockSequenceEntryNotAllowed => {
            ("this does not fit what stands above", "keys of one map start in one column; so do the `-` of one list")
        }
        E::CommentNotSeparated | E::CommentInterceptedScalar => (
            "a comment has no place here",
            "put a space before `#`; if `#` belongs to the value, put the value in quotes",
        ),
        E::UnexpectedCharacter { character } => {
            let shown = character.escape_debug();
            let hint =
                if character.is_control() { "remove this invisible character" } else { "put the value in quotes" };
            return (format!("`{shown}` cannot stand here"), hint);
        }
        E::BomInsideDocument => ("a byte order mark within the text", "remove the invisible character"),
        _ => ("this is not YAML", "see the examples in the manual; text with special characters needs quotes"),
    };
    (message.to_owned(), hint)
}
