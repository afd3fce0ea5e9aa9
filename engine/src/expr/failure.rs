//! Why a row gives no value.

use std::fmt;

use arrow::error::ArrowError;
use datafusion_common::DataFusionError;

/// A row for which an expression cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The row within its batch.
    pub row: u32,
    /// One of the codes `expr.overflow`, `expr.division_by_zero`, `expr.cast`, `expr.not_finite`, `expr.failed`.
    pub code: &'static str,
    /// What went wrong: lower-case, no full stop.
    pub message: String,
}

/// An integer, a decimal or a time leaves its range.
pub(super) const OVERFLOW: &str = "expr.overflow";
/// A division or a remainder by zero.
pub(super) const DIVISION_BY_ZERO: &str = "expr.division_by_zero";
/// A value is not of the form that its new type needs.
pub(super) const CAST: &str = "expr.cast";
/// A float is infinite or not a number.
pub(super) const NOT_FINITE: &str = "expr.not_finite";
/// A function does not accept a value.
pub(super) const FAILED: &str = "expr.failed";

/// The error that travels through DataFusion to the row that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// As DataFusion passes it on.
    pub(super) fn raise(self) -> DataFusionError {
        DataFusionError::External(Box::new(self))
    }

    /// The fault that is already inside an error.
    pub(super) fn inside(error: &DataFusionError) -> Option<&Self> {
        match error.find_root() {
            DataFusionError::External(inner) => inner.downcast_ref(),
            _ => None,
        }
    }

    /// What an error of `what`, a function or an operation, means.
    pub(super) fn of(error: &DataFusionError, what: &str) -> Self {
        if let Some(fault) = Self::inside(error) {
            return fault.clone();
        }
        let text = match error.find_root() {
            DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
                ArrowError::DivideByZero => return Self::new(DIVISION_BY_ZERO, "division by zero"),
                ArrowError::ArithmeticOverflow(_) => {
                    return Self::new(OVERFLOW, format!("{what} leaves the range of its type"));
                }
                other => other.to_string(),
            },
            other => other.message().into_owned(),
        };
        if text.to_lowercase().contains("overflow") {
            return Self::new(OVERFLOW, format!("{what} leaves the range of its type"));
        }
        if text.contains("regex parse error") || text.contains("did not compile") {
            let detail =
                text.lines().find_map(|line| line.trim().strip_prefix("error: ")).unwrap_or("it does not parse");
            return Self::new(FAILED, format!("this is no regular expression: {detail}"));
        }
        Self::new(FAILED, format!("{what} fails: {}", first_line(&text)))
    }
}

/// The first line of a library's message, without the kinds of error that it starts with and without a full stop.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.rsplit_once(" error: ").map_or(line, |(_, rest)| rest).trim().trim_end_matches('.');
    let mut characters = line.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}
