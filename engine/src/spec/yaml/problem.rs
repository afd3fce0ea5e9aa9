//! What the YAML parser stumbled over, said in the words of someone who writes a pipeline.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use crate::diagnostic::{Code, Diagnostics, FileId, Span};

/// Reports an error of the parser at the word that it is about.
pub(super) fn report(text: &str, file: FileId, error: &ScanError, diagnostics: &mut Diagnostics) {
    let at = floor(text, error.marker().byte_offset().unwrap_or(text.len()));
    let line = Line::around(text, at);
    if let Some(tab) = line.tab_indent() {
        let span = Span { file, start: tab, end: tab + 1 };
        diagnostics.error(Code::Tab, span, "a tab is used to indent").hint("YAML indents with spaces only: replace it");
        return;
    }
    let span = word(text, file, at);
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(span, diagnostics),
        ErrorKind::DirectiveDisallowed => {
            diagnostics
                .error(Code::YamlFeature, span, "directives are not allowed here")
                .hint("leave the line out; if `%` belongs to a value, put the value in quotes");
        }
        kind => {
            let (message, hint) = describe(kind);
            let (span, hint) = match line.unquoted_value() {
                Some((start, end, quoted)) if asks_for_quotes(kind) => (Span { file, start, end }, quoted),
                _ => (span, hint.to_owned()),
            };
            diagnostics.error(Code::Syntax, span, message).hint(hint);
        }
    }
}

/// Reports nesting beyond all use.
pub(super) fn too_deep(span: Span, diagnostics: &mut Diagnostics) {
    diagnostics
        .error(Code::TooComplex, span, "maps and lists are nested too deeply here")
        .hint("a pipeline needs fewer than ten levels: are brackets missing?");
}

/// Reports `>5` and the like, which YAML takes for the head of a block of text.
pub(super) fn empty_block(text: &str, span: Span, diagnostics: &mut Diagnostics) {
    let end = text[span.start..].find('\n').map_or(text.len(), |length| span.start + length);
    let head = text[span.start..end].trim_end();
    diagnostics
        .error(Code::Syntax, Span { end: span.start + head.len(), ..span }, "a block of text without any text")
        .hint(format!(
            "`{}` at the start of a value begins a block of text; put the value in quotes: `\"{head}\"`",
            &head[..1]
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
fn word(text: &str, file: FileId, at: usize) -> Span {
    let rest = &text[at..];
    let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let first = rest.chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    Span { file, start: at, end: at + length.max(first) }
}

/// A line of the text.
struct Line<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Line<'a> {
    fn around(text: &'a str, at: usize) -> Self {
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
        Self { text: &text[start..end], start }
    }

    /// Where a tab stands among the white space at its start.
    fn tab_indent(&self) -> Option<usize> {
        let indent = self.text.len() - self.text.trim_start_matches([' ', '\t']).len();
        self.text[..indent].find('\t').map(|at| self.start + at)
    }

    /// The value after the line's first `key:`, if it is of a form that needs quotes: where it starts and ends, and what to do.
    fn unquoted_value(&self) -> Option<(usize, usize, String)> {
        let colon = self.text.find(": ")?;
        let rest = &self.text[colon + 2..];
        let value = rest.trim();
        let start = self.start + colon + 2 + (rest.len() - rest.trim_start().len());
        let first = value.chars().next()?;
        let hint = match first {
            '"' => format!("put the whole value in single quotes: `'{value}'`"),
            '\'' => format!("put the whole value in double quotes: `\"{value}\"`"),
            '>' | '|' => {
                format!(
                    "`{first}` at the start of a value begins a block of text; put the value in quotes: `\"{value}\"`"
                )
            }
            '%' | '@' | '`' | '*' | '&' | '!' | '?' | '-' | '{' | '[' | '}' | ']' | ',' => {
                format!("a value that starts with `{first}` needs quotes: `{}`", quoted(value))
            }
            _ if value.contains(": ") || value.ends_with(':') => {
                format!("a value that holds `:` before a space needs quotes: `{}`", quoted(value))
            }
            _ => return None,
        };
        Some((start, start + value.len(), hint))
    }
}

fn quoted(value: &str) -> String {
    if value.contains('"') { format!("'{}'", value.replace('\'', "''")) } else { format!("\"{value}\"") }
}

/// Whether an error of this kind goes away when the value on its line is quoted.
fn asks_for_quotes(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedCharacter { .. }
            | ErrorKind::MissingAnchorOrAliasName
            | ErrorKind::InvalidBlockScalarHeader
            | ErrorKind::ZeroBlockScalarIndent
            | ErrorKind::InvalidTrailingSingleQuotedScalar
            | ErrorKind::InvalidTrailingDoubleQuotedScalar
            | ErrorKind::MappingValueNotAllowed
            | ErrorKind::InvalidMappingValueWhitespace
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::BlockSequenceEntryNotAllowed
            | ErrorKind::PlainScalarStartsWithDashFlowIndicator
            | ErrorKind::MappingKeyNotAllowed
            | ErrorKind::UndeclaredTagHandle
            | ErrorKind::MissingTagUri
            | ErrorKind::InvalidTagTerminator
            | ErrorKind::ExpectedNodeContent
            | ErrorKind::SimpleKeyExpected
    )
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
        E::MappingValueNotAllowed | E::InvalidColonPlacement | E::InvalidMappingValueWhitespace => {
            ("a `:` has no place here", "put a value that holds `: ` in quotes; a map inside goes to lines of its own")
        }
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
            return (format!("`{shown}` cannot stand here"), "put the value in quotes");
        }
        E::BomInsideDocument => ("a byte order mark within the text", "remove the invisible character"),
        _ => ("this is not YAML", "see the examples in the manual; text with special characters needs quotes"),
    };
    (message.to_owned(), hint)
}
