//! Expression text to the SQL parser's tree: the dialect, the limits and the wording of syntax errors.

use std::cell::Cell;
use std::ops::Range;

use datafusion_sql::sqlparser::ast::Expr as SqlExpr;
use datafusion_sql::sqlparser::dialect::Dialect;
use datafusion_sql::sqlparser::keywords::{Keyword, RESERVED_FOR_IDENTIFIER};
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::diagnostic::{Code, Diagnostics, Files, Severity};
use crate::spec::Spanned;

use super::locate::{byte_of, bytes_of, locate};
use super::wording::{advised, plain, shown};

/// The longest text of an expression, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The most tokens, elements of lists not counted: the tree is never deeper than this.
const TOKENS_MAX: usize = 1500;
/// How deep parentheses, calls and cases may nest.
pub(super) const DEPTH_MAX: usize = 64;
/// The most steps of the parser, which for wrong text tries alternatives at every level.
const STEPS_MAX: u32 = 20_000;

/// Words that stand between operands and never are one, unless in double quotes.
const BETWEEN_OPERANDS: &[Keyword] = &[
    Keyword::AND,
    Keyword::OR,
    Keyword::IS,
    Keyword::LIKE,
    Keyword::ILIKE,
    Keyword::BETWEEN,
    Keyword::WHEN,
    Keyword::THEN,
];

/// One thing that is wrong with an expression's text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) bytes: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    pub(super) fn new(code: Code, bytes: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, bytes, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes it one with which the expression can be used.
    pub(super) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Reports this at its place in the file.
    pub(super) fn report(self, text: &Spanned<String>, files: &Files, diagnostics: &mut Diagnostics) {
        let span = locate(files, text, self.bytes);
        let found = match self.severity {
            Severity::Error => diagnostics.error(self.code, span, self.message),
            Severity::Warning => diagnostics.warning(self.code, span, self.message),
        };
        found.hint = self.hint;
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

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        matches!(keyword, Keyword::CASE | Keyword::NOT) || RESERVED_FOR_IDENTIFIER.contains(&keyword)
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<SqlExpr, ParserError>> {
        let left = self.steps.get().saturating_sub(1);
        self.steps.set(left);
        if left == 0 {
            return Some(Err(ParserError::RecursionLimitExceeded));
        }
        let next = parser.peek_token();
        match &next.token {
            Token::Word(word) if word.quote_style.is_none() && BETWEEN_OPERANDS.contains(&word.keyword) => {
                Some(parser.expected("an expression", next))
            }
            _ => None,
        }
    }
}

/// Reads the whole of `text` with `read`.
pub(super) fn parse_sql<T>(text: &str, read: impl FnOnce(&mut Parser) -> Result<T, ParserError>) -> Result<T, Problem> {
    let whole = 0..text.len();
    if text.len() > TEXT_BYTES_MAX {
        let problem = Problem::new(Code::ExpressionSyntax, 0..1, "this expression is longer than 16 KiB");
        return Err(problem.hint("split it over several `derive` columns"));
    }
    let dialect = ExpressionDialect { steps: Cell::new(STEPS_MAX) };
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| {
        let start = byte_of(text, error.location);
        let problem = Problem::new(Code::ExpressionSyntax, start..start + 1, plain(&error.message));
        match text[start..].chars().next() {
            Some('\'') => problem.hint("close the text with `'`; a quote inside of it is written twice"),
            Some('"') => problem.hint("close the name with `\"`; text stands in single quotes, as in `'abc'`"),
            _ => problem,
        }
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
    let problem = Problem::new(Code::ExpressionSyntax, bytes, plain(message));
    if message.starts_with("Expected: END") { problem.hint("`case` ends with `end`") } else { problem }
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
