//! Values that needed quotes: where they stand, and how they would be right.

use serde_yaml::granit_parser::ErrorKind;

use crate::diagnostic::{Code, Diagnostics, Span};

/// How many characters of a line are searched for the end of a call.
const CALL_MAX: usize = 400;

/// What to say about an error, and where: bytes from and to.
pub(super) struct Advice {
    pub(super) place: (usize, usize),
    pub(super) message: String,
    pub(super) hint: String,
}

/// A line of the text.
pub(super) struct Line<'a> {
    whole: &'a str,
    text: &'a str,
    start: usize,
}

impl<'a> Line<'a> {
    pub(super) fn around(whole: &'a str, at: usize) -> Self {
        let start = whole[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = whole[at..].find('\n').map_or(whole.len(), |length| at + length);
        Self { whole, text: &whole[start..end], start }
    }

    /// Where a tab stands among the white space at its start.
    pub(super) fn tab_indent(&self) -> Option<usize> {
        self.text[..self.indent()].find('\t').map(|at| self.start + at)
    }

    fn indent(&self) -> usize {
        self.text.len() - self.text.trim_start_matches([' ', '\t']).len()
    }

    /// The nearest line above that holds more than white space and comments.
    fn above(&self) -> Option<Self> {
        let mut end = self.start;
        while end > 0 {
            let line = Self::around(self.whole, end - 1);
            if !matches!(line.text.trim_start().chars().next(), None | Some('#')) {
                return Some(line);
            }
            end = line.start;
        }
        None
    }

    /// The nearest line below that holds more than white space.
    pub(super) fn below(&self) -> Option<Self> {
        let mut line = Self::around(self.whole, self.start);
        loop {
            let next = line.start + line.text.len() + 1;
            line = Self::around(self.whole, Some(next).filter(|next| *next < self.whole.len())?);
            if !line.text.trim().is_empty() {
                return Some(line);
            }
        }
    }

    /// The value that stands at byte `at`: up to the end of the line, or within brackets up to the next separator.
    fn value_at(&self, at: usize) -> Option<(usize, &'a str)> {
        let at = at - self.start;
        let before = &self.text[..at];
        let inside = before.matches(['{', '[']).count() > before.matches(['}', ']']).count();
        let begin = if inside {
            [": ", ", ", "{ ", "[ ", "{", "["].iter().filter_map(|mark| Some(before.rfind(mark)? + mark.len())).max()?
        } else {
            self.text.find(": ").map(|colon| colon + 2).or_else(|| self.text.find("- ").map(|dash| dash + 2))?
        };
        let rest = &self.text[begin..];
        let start = begin + (rest.len() - rest.trim_start().len());
        let rest = rest.trim_start();
        let end = if inside { rest.find([',', '}', ']']).unwrap_or(rest.len()) } else { rest.len() };
        let value = rest[..end].trim_end();
        (!value.is_empty()).then_some((self.start + start, value))
    }
}

/// What to say if quotes, or the `: ` of the line above, would mend an error of this kind at byte `at`.
pub(super) fn advise(line: &Line<'_>, at: usize, kind: &ErrorKind) -> Option<Advice> {
    if !goes_away(kind) {
        return None;
    }
    if let Some((start, value)) = line.value_at(at)
        && let Some((message, hint)) = unquoted(value)
    {
        // Behind closed brackets, only what follows is too much.
        let from = start + closed(value).map_or(0, |end| end + value[end..].len() - value[end..].trim_start().len());
        return Some(Advice { place: (from, start + value.len()), message, hint });
    }
    let above = line.above()?;
    let text = above.text.trim();
    let start = above.start + (above.text.len() - above.text.trim_start().len());
    let colonless = !text.contains(": ") && !text.ends_with(':') && !text.contains(['{', '[', '"', '\'']);
    if matches!(kind, ErrorKind::MappingValueNotAllowed) && colonless {
        let hint = match text.split_once(':') {
            Some((key, value)) => format!("put a space after the colon: `{key}: {value}`"),
            None => format!("write `{text}:`, or `{text}: value`"),
        };
        return Some(Advice { place: (start, start + text.len()), message: "a key without its `: `".into(), hint });
    }
    None
}

/// What to say about a `${NAME}` without quotes within braces, which ends at byte `at` or just before.
pub(super) fn variable(line: &Line<'_>, at: usize) -> Option<Advice> {
    let dollar = line.text.get(..at - line.start + 1)?.rfind("${")?;
    let (start, value) = line.value_at(line.start + dollar)?;
    let end = line.start + dollar + line.text[dollar..].find('}')? + 1;
    let whole = &line.whole[start..end.max(start + value.len())];
    Some(Advice {
        place: (start, start + whole.len()),
        message: "`{` and `}` mean something to YAML here".into(),
        hint: format!("put the value in quotes: `{}`", quoted(whole)),
    })
}

/// Reports a call such as `round(x, 2)` that stands in brackets without quotes, where YAML ends the value at the comma.
/// Whether it was one.
pub(super) fn report_cut(text: &str, value: Span, diagnostics: &mut Diagnostics) -> bool {
    let depth = |text: &str| text.matches('(').count() as i64 - text.matches(')').count() as i64;
    if !text[value.end..].starts_with(',') || depth(&text[value.start..value.end]) <= 0 {
        return false;
    }
    let reach = text[value.start..].char_indices().nth(CALL_MAX).map_or(text.len(), |(at, _)| value.start + at);
    let line = text[value.start..reach].lines().next().unwrap_or_default();
    let closing = line.match_indices(')').map(|(at, _)| at + 1).find(|end| depth(&line[..*end]) == 0);
    let Some(length) = closing else { return false };
    let whole = &line[..length];
    diagnostics
        .error(Code::Syntax, Span { end: value.start + length, ..value }, "a `,` ends the value here, within brackets")
        .hint(format!("put the value in quotes: `{}`, or write the map on lines of its own", quoted(whole)));
    true
}

/// What to say about a `#` within braces that makes a comment of the rest of a line, and so of a closing bracket.
pub(super) fn comment(text: &str, open: Option<Span>, at: usize) -> Option<Advice> {
    let start = open?.start;
    let mut line = Line::around(text, start);
    while line.start < at {
        let hash = line.text.match_indices('#').map(|(place, _)| place).find(|place| {
            let before = &line.text[..*place];
            let quoted = |quote| before.matches(quote).count() % 2 == 1;
            line.start + place > start && before.ends_with([' ', '\t']) && !quoted('"') && !quoted('\'')
        });
        if let Some(hash) = hash.filter(|hash| line.text[*hash..].contains(['}', ']'])) {
            let place = line.start + hash;
            let value = line.value_at(place).map(|(_, value)| format!(": `{}`", quoted(value))).unwrap_or_default();
            return Some(Advice {
                place: (place, line.start + line.text.trim_end().len()),
                message: "`#` after a blank begins a comment, so that the bracket behind it closes nothing".into(),
                hint: format!("if `#` belongs to the value, put the value in quotes{value}"),
            });
        }
        line = line.below()?;
    }
    None
}

/// Where brackets at the start of a value have their end, if more follows.
fn closed(value: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in value.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(at + c.len_utf8()).filter(|end| *end > c.len_utf8() && *end < value.len());
        }
    }
    None
}

/// What is wrong with a plain value, and how it would be right.
fn unquoted(value: &str) -> Option<(String, String)> {
    let first = value.chars().next()?;
    let starts = || format!("a value cannot start with `{first}`");
    match first {
        '"' | '\'' => Some(("text follows after the closing quote".into(), whole(first, value))),
        '>' | '|' => Some((
            starts(),
            format!(
                "`{first}` begins a block of text on the lines below; put the value in quotes: `{}`",
                quoted(value)
            ),
        )),
        '{' | '[' if closed(value).is_some() => Some((
            "text follows after the closing bracket".into(),
            format!("remove it, or separate it by `,` within the brackets; if all is one value: `{}`", quoted(value)),
        )),
        '{' | '[' if value.ends_with(['}', ']']) => None,
        '%' | '@' | '`' | '*' | '&' | '!' | '?' | '-' | '{' | '[' | '}' | ']' | ',' => {
            Some((starts(), format!("put the value in quotes: `{}`", quoted(value))))
        }
        _ if value.contains(": ") => Some((
            "a `: ` has no place within a value".into(),
            format!("put the value in quotes: `{}`; a map goes to lines of its own below its key", quoted(value)),
        )),
        _ => None,
    }
}

/// A value with quotes around it that end too early: because it was not quoted as a whole, or because quotes inside were not doubled.
fn whole(quote: char, value: &str) -> String {
    let second = value[1..].find(quote).map_or(value.len(), |at| at + 2);
    let cut = value[second.min(value.len())..].starts_with(char::is_alphanumeric);
    match value[1..].strip_suffix(quote).filter(|_| cut) {
        Some(inner) => format!("quotes of the same kind inside end it; write `{}`", quoted(inner)),
        None if quote == '"' && value.contains('\'') => {
            format!("put the whole value in single quotes, those inside doubled: `{}`", quoted(value))
        }
        None => format!("put the whole value in quotes of the other kind: `{}`", quoted(value)),
    }
}

fn quoted(value: &str) -> String {
    if value.contains(['"', '\\']) { format!("'{}'", value.replace('\'', "''")) } else { format!("\"{value}\"") }
}

/// Whether an error of this kind may go away when a value is quoted or a colon set.
fn goes_away(kind: &ErrorKind) -> bool {
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
            | ErrorKind::BlockSequenceEntryNotAllowed
            | ErrorKind::PlainScalarStartsWithDashFlowIndicator
            | ErrorKind::MappingKeyNotAllowed
            | ErrorKind::UndeclaredTagHandle
            | ErrorKind::MissingTagUri
            | ErrorKind::InvalidTagTerminator
            | ErrorKind::ExpectedNodeContent
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::SimpleKeyExpected
            | ErrorKind::BlockEntryInFlowCollection
    )
}
