//! Expression text to the SQL parser's tree: the dialect, the limits and the wording of syntax errors.

use std::cell::Cell;
use std::ops::Range;

use datafusion_sql::sqlparser::ast::Expr as SqlExpr;
use datafusion_sql::sqlparser::dialect::Dialect;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::diagnostic::{Code, Diagnostics, Files};
use crate::spec::Spanned;

use super::locate::{byte_of, bytes_of, locate};

/// The longest text of an expression, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The most tokens, elements of lists not counted: the tree is never deeper than this.
const TOKENS_MAX: usize = 1500;
/// How deep parentheses, calls and cases may nest.
pub(super) const DEPTH_MAX: usize = 64;
/// The most steps of the parser, which for wrong text tries alternatives at every level.
const STEPS_MAX: u32 = 20_000;

/// One thing that is wrong with an expression's text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) bytes: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    pub(super) fn new(code: Code, bytes: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, bytes, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Reports this at its place in the file.
    pub(super) fn report(self, text: &Spanned<String>, files: &Files, diagnostics: &mut Diagnostics) {
        diagnostics.error(self.code, locate(files, text, self.bytes), self.message).hint = self.hint;
    }
}

/// The SQL of expressions, and the steps that the parser has left.
#[derive(Debug)]
struct ExpressionDialect {
    steps: Cell<u32>,
}

impl Dialect for ExpressionDialect {
    fn is_identifier_start(&self, character: char) -> bool {
        character.is_alphabetic() || character == '_'
    }

    fn is_identifier_part(&self, character: char) -> bool {
        character.is_alphanumeric() || character == '_'
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        character == '"'
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn parse_prefix(&self, _parser: &mut Parser) -> Option<Result<SqlExpr, ParserError>> {
        let left = self.steps.get().saturating_sub(1);
        self.steps.set(left);
        (left == 0).then_some(Err(ParserError::RecursionLimitExceeded))
    }
}

/// Reads the whole of `text` with `read`.
pub(super) fn parse_sql<T>(text: &str, read: impl FnOnce(&mut Parser) -> Result<T, ParserError>) -> Result<T, Problem> {
    let whole = 0..text.len();
    if text.len() > TEXT_BYTES_MAX {
        return Err(Problem::new(Code::ExpressionSyntax, 0..1, "this expression is longer than 16 KiB"));
    }
    let dialect = ExpressionDialect { steps: Cell::new(STEPS_MAX) };
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| {
        let start = byte_of(text, error.location);
        let problem = Problem::new(Code::ExpressionSyntax, start..start + 1, plain(&error.message));
        if text[start..].starts_with('\'') {
            return problem.hint("close the text with `'`; a quote inside of it is written twice");
        }
        problem
    })?;
    if depth_bound(&tokens) > TOKENS_MAX {
        let message = "this expression is too long; split it over several `derive` columns";
        return Err(Problem::new(Code::ExpressionSyntax, whole, message));
    }
    let mut parser = Parser::new(&dialect).with_recursion_limit(2 * DEPTH_MAX).with_tokens_with_locations(tokens);
    let tree = read(&mut parser).map_err(|error| advised(text, syntax_problem(text, &error)))?;
    let next = parser.peek_token();
    if next.token == Token::EOF {
        return Ok(tree);
    }
    let message = format!("unexpected {}", shown(&next.token.to_string()));
    Err(advised(text, Problem::new(Code::ExpressionSyntax, bytes_of(text, next.span), message)))
}

/// Signs and words of other languages, and what SQL has instead.
const FOREIGN: &[(&str, &str)] = &[
    ("&&", "write `and`"),
    ("=>", "write `>=`"),
    ("=<", "write `<=`"),
    ("=~", "write `regexp_like(text, pattern)`"),
    ("!", "write `not`"),
    ("descending", "write `desc`"),
    ("ascending", "write `asc`"),
];

/// Says what would be right, where that is known.
fn advised(text: &str, problem: Problem) -> Problem {
    let first = &text[word_at(text, text.len() - text.trim_start().len())];
    if first.eq_ignore_ascii_case("select") {
        return problem.hint("write only the expression, as in `viewer_count > 1000`, not a whole `SELECT`");
    }
    let rest = text.get(problem.bytes.start..).unwrap_or_default();
    match FOREIGN.iter().find(|(foreign, _)| rest.starts_with(foreign)) {
        Some((foreign, hint)) => {
            let bytes = problem.bytes.start..problem.bytes.start + foreign.len();
            Problem::new(problem.code, bytes, format!("`{foreign}` is not SQL")).hint(*hint)
        }
        None if problem.bytes.start > 0 && rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
            problem.hint("an operator is missing before it, as `and`, `=` or `+`")
        }
        None => problem,
    }
}

/// How many tokens can each make the tree one level deeper: all but blanks, commas and the one-token elements of lists.
fn depth_bound(tokens: &[TokenWithSpan]) -> usize {
    let words: Vec<&Token> =
        tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let closes = |at: usize| matches!(words.get(at), Some(Token::Comma | Token::RParen));
    (0..words.len())
        .filter(|&at| {
            !(matches!(words[at], Token::Comma) || (at > 0 && *words[at - 1] == Token::Comma && closes(at + 1)))
        })
        .count()
}

fn syntax_problem(text: &str, error: &ParserError) -> Problem {
    let message = match error {
        ParserError::RecursionLimitExceeded => {
            return Problem::new(Code::ExpressionSyntax, 0..text.len(), "this expression is nested too deeply")
                .hint("split it over several `derive` columns");
        }
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let (message, location) = split_location(message);
    let bytes = match location {
        Some(location) => word_at(text, byte_of(text, location)),
        None if message.ends_with("EOF") => text.len()..text.len(),
        None => 0..text.len(),
    };
    Problem::new(Code::ExpressionSyntax, bytes, plain(message))
}

/// Cuts ` at Line: 1, Column: 5` off a message of the SQL parser.
fn split_location(message: &str) -> (&str, Option<Location>) {
    let parse = || {
        let (before, place) = message.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        Some((before, Location::new(line.parse().ok()?, column.parse().ok()?)))
    };
    parse().map_or((message, None), |(before, location)| (before, Some(location)))
}

/// The bytes of the word, or else the one character, that starts at a byte.
pub(super) fn word_at(text: &str, start: usize) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    start..start + word.max(rest.chars().next().map_or(0, char::len_utf8))
}

/// A message of the SQL parser in our words.
fn plain(message: &str) -> String {
    if let Some((expected, found)) = message.strip_prefix("Expected: ").and_then(|rest| rest.rsplit_once(", found: ")) {
        let sign = expected.chars().all(|c| c.is_ascii_punctuation());
        let expected = if sign { format!("`{expected}`") } else { expected.to_owned() };
        return format!("expected {expected}, found {}", shown(found));
    }
    let mut characters = message.trim_end_matches('.').chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn shown(token: &str) -> String {
    if token == "EOF" { "the end of the expression".into() } else { format!("`{token}`") }
}
