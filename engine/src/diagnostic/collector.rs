//! One problem, and the list of all of them.

use super::{Code, Span};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The pipeline runs, but probably not as meant.
    Warning,
    /// The pipeline cannot run.
    Error,
}

/// A second place that belongs to a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there, in a few words.
    pub text: String,
}

/// One problem: where, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of problem; stable across releases.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// The exact word.
    pub span: Span,
    /// What is wrong: lower-case, no full stop.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
    /// Other places that explain it.
    pub labels: Vec<Label>,
}

impl Diagnostic {
    /// Adds what would be right.
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean", when a name is near enough.
    pub fn did_you_mean(&mut self, nearest: Option<&str>) -> &mut Self {
        if let Some(name) = nearest {
            self.hint = Some(format!("did you mean `{name}`?"));
        }
        self
    }

    /// Adds a second place.
    pub fn label(&mut self, span: Span, text: impl Into<String>) -> &mut Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }
}

/// Every problem found so far.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Records an error; the result takes a hint or labels.
    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(code, Severity::Error, span, message.into())
    }

    /// Records a warning; the result takes a hint or labels.
    pub fn warning(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.push(code, Severity::Warning, span, message.into())
    }

    fn push(&mut self, code: Code, severity: Severity, span: Span, message: String) -> &mut Diagnostic {
        let at = self.found.len();
        self.found.push(Diagnostic { code, severity, span, message, hint: None, labels: Vec::new() });
        &mut self.found[at]
    }

    /// Takes over those of another list, each as `change` makes it; none leaves it out.
    pub fn adopt(&mut self, others: Self, change: impl FnMut(Diagnostic) -> Option<Diagnostic>) {
        self.found.extend(others.found.into_iter().filter_map(change));
    }

    /// Every problem, to be worded otherwise.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Diagnostic> {
        self.found.iter_mut()
    }

    /// Whether anything forbids a run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|found| found.severity == Severity::Error)
    }

    /// Everything, in the order of files and lines.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.found.iter().collect();
        all.sort_by_key(|found| (found.span, std::cmp::Reverse(found.severity)));
        all.dedup();
        all
    }
}
