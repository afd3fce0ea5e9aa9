//! Errors of the SQL parser in our words, with what would be right where that is known.

use super::syntax::{Problem, word_at};

/// Signs of other languages, and what SQL has instead; the longest first.
const SIGNS: &[(&str, &str)] = &[
    ("===", "write `=`"),
    ("!==", "write `<>`"),
    ("&&", "write `and`"),
    ("=>", "write `>=`"),
    ("=<", "write `<=`"),
    ("=~", "write `regexp_like(text, pattern)`"),
    ("!", "write `not`"),
    ("‘", "write the plain quote `'`"),
    ("’", "write the plain quote `'`"),
    ("“", "text stands in the plain quote `'`"),
    ("”", "text stands in the plain quote `'`"),
    ("´", "write the plain quote `'`"),
];

/// Words of other languages, and what SQL has instead.
const WORDS: &[(&str, &str)] = &[
    ("descending", "write `desc`"),
    ("ascending", "write `asc`"),
    ("contains", "write `contains(text, part)`"),
    ("startswith", "write `starts_with(text, part)`"),
    ("endswith", "write `ends_with(text, part)`"),
    ("matches", "write `regexp_like(text, pattern)`"),
    ("mod", "write `%`"),
    ("div", "write `/`"),
    ("xor", "write `a <> b`"),
];

/// Words that end an operand and cannot have lost an operator before them.
const CLOSING: &[&str] = &["when", "then", "else", "end", "not", "as", "where", "from", "order", "limit"];

/// Says what would be right, where that is known.
pub(super) fn advised(text: &str, problem: Problem) -> Problem {
    let first = &text[word_at(text, text.len() - text.trim_start().len())];
    if first.eq_ignore_ascii_case("select") {
        return problem.hint("write only the expression, as in `viewer_count > 1000`, not a whole `SELECT`");
    }
    let start = problem.bytes.start.min(text.len());
    if let Some((at, sign, hint)) = foreign_sign(text, start) {
        return Problem { bytes: at..at + sign.len(), message: format!("`{sign}` is not SQL"), ..problem }.hint(hint);
    }
    let (rest, before) = (text.get(start..).unwrap_or_default(), text.get(..start).unwrap_or_default());
    let word = text.get(word_at(text, start)).unwrap_or_default().to_lowercase();
    if let Some((_, hint)) = WORDS.iter().find(|(foreign, _)| *foreign == word) {
        return Problem { message: format!("`{word}` is not SQL"), ..problem }.hint(*hint);
    }
    if problem.hint.is_some() {
        return problem;
    }
    let lacks_value = problem.message.starts_with("expected an expression");
    if lacks_value && problem.message.ends_with("the end of the expression") {
        return problem.hint("a value is missing behind its last word");
    }
    let after_operand = before.trim_end().ends_with(|c: char| c.is_alphanumeric() || "_)'\"]".contains(c));
    let answered = problem.message.starts_with("after `is`") || CLOSING.contains(&word.as_str());
    match rest.chars().next() {
        Some(c) if c.is_alphabetic() && lacks_value => problem.hint("a value is missing before it"),
        Some(c) if c.is_control() => problem.hint("remove this invisible character"),
        Some(';') => problem.hint("an expression has no `;` at its end"),
        Some(',') if before.ends_with(digit) && rest[1..].starts_with(digit) => {
            problem.hint("numbers have no thousands separators: write `25000`, or `25_000`")
        }
        Some(c) if c.is_alphabetic() && before.ends_with(digit) => {
            problem.hint("a number has no unit: write all of its digits, as in `5000`")
        }
        Some(c) if (c.is_alphanumeric() || c == '_') && after_operand && !answered => {
            problem.hint("an operator is missing before it, as `and`, `=` or `+`")
        }
        _ => problem,
    }
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// A sign of another language that covers a byte, and where it begins.
fn foreign_sign(text: &str, at: usize) -> Option<(usize, &'static str, &'static str)> {
    SIGNS.iter().find_map(|(sign, hint)| {
        let begins = (at.saturating_sub(sign.len() - 1)..=at)
            .find(|start| text.get(*start..).is_some_and(|rest| rest.starts_with(sign)));
        begins.map(|start| (start, *sign, *hint))
    })
}

/// A message of the SQL parser in our words.
pub(super) fn plain(message: &str) -> String {
    if message.contains("after IS") {
        return "after `is` stands `null`, `true`, `false`, `distinct from` or `not`; to compare, write `=`".into();
    }
    if message.contains("close delimiter '\"'") {
        return "a name in double quotes is never closed".into();
    }
    if let Some((expected, found)) = message.strip_prefix("Expected: ").and_then(|rest| rest.rsplit_once(", found: ")) {
        let sign = expected.chars().all(|c| c.is_ascii_punctuation());
        let keyword = expected.chars().all(|c| c.is_ascii_uppercase());
        let expected = if sign || keyword { format!("`{}`", expected.to_lowercase()) } else { expected.to_owned() };
        return format!("expected {expected}, found {}", shown(found));
    }
    if message.starts_with("No infix parser") {
        return "this operator is not known here".into();
    }
    let mut characters = message.trim_end_matches('.').chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// A token as messages quote it.
pub(super) fn shown(token: &str) -> String {
    if token == "EOF" {
        return "the end of the expression".into();
    }
    let visible: String =
        token.chars().map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() }).collect();
    format!("`{visible}`")
}
