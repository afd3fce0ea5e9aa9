//! Where the dead letters of a source go, and how many records may fail.

use std::sync::Arc;

use crate::connector::{CheckContext, SinkInput, SinkKind, SinkMode};
use crate::dead_letter::letter_schema;
use crate::diagnostic::{Code, Diagnostics, Span};
use crate::plan::{Late, MaxErrors, OnError};
use crate::spec::{Content, Entry, Item, Node, Spanned};

use super::Checker;
use super::connector_key::{Connected, Connectors};
use super::draft::{Draft, LettersDraft, OpDraft, SourceDraft};

/// The key of a source below which the sink of its dead letters stands.
pub(super) const DEAD_LETTERS: &str = "dead_letters";
/// The key of a source that says how many records may fail.
pub(super) const MAX_ERRORS: &str = "max_errors";
/// Stands for the source's name in the default entry.
const SOURCE: &str = "{source}";

impl Checker<'_> {
    /// Checks the sink of a source's dead letters as any other.
    pub(super) fn letters(&mut self, node: &Node, source: &Item, draft: &mut Draft) -> Option<LettersDraft> {
        let name = Spanned::new(DEAD_LETTERS.to_owned(), node.span);
        let item = Item { name, node: node.clone(), folder: source.folder.clone() };
        let connectors = Connectors { what: "sink", kinds: self.registry.sinks, common: &[] };
        let Connected { kind, own, rest } = self.connector_of(&item, &connectors)?;
        let sound = self.read(&rest, &[]).sound;
        let kind = kind?;
        let reading = self.read(&own, kind.keys());
        let (folder, variables) = (&source.folder, self.variables);
        let checked = reading.check(self.diagnostics, |entry, diagnostics| {
            let input = letters_input(&source.name.value, kind, entry);
            let sink = kind.check(entry, &input, &mut CheckContext { folder, variables, diagnostics })?;
            Some((input, sink))
        });
        let (input, sink) = checked.flatten()?;
        let letters = LettersDraft { input, sink: Arc::from(sink), span: Some(node.span) };
        if let Some(target) = letters.sink.target(self.variables) {
            self.keep_apart(&letters.input.name, node.span, target, draft);
        }
        (sound && reading.sound).then_some(letters)
    }

    /// The default, where a source has dead letters and does not say where they go; and no sink where it can have none.
    pub(super) fn settle_letters(&mut self, draft: &mut Draft) {
        for at in 0..draft.sources.len() {
            let source = &draft.sources[at];
            let has_letters = source.on_error == OnError::DeadLetter || diverts(source);
            match (&source.letters, has_letters) {
                (None, true) => draft.sources[at].letters = self.default_letters(at, draft),
                (Some(LettersDraft { span: Some(span), .. }), false) => {
                    self.useless(*span, source.on_error);
                    draft.sources[at].letters = None;
                }
                _ => {}
            }
        }
    }

    fn useless(&mut self, span: Span, on_error: OnError) {
        let word = if on_error == OnError::Fail { "fail" } else { "skip" };
        self.diagnostics
            .warning(Code::Unused, span, format!("with `on_error: {word}` there are no dead letters"))
            .hint("remove `dead_letters`, or set `on_error: dead_letter`");
    }

    fn default_letters(&mut self, at: usize, draft: &mut Draft) -> Option<LettersDraft> {
        let source = draft.sources[at].name.clone();
        let default = self.registry.dead_letters;
        let kind = self.registry.sinks.iter().find(|kind| kind.name() == default.kind)?;
        let item = self.spec.sources.iter().find(|item| item.name.value == source)?;
        let span = item.name.span;
        let pairs = default.keys.iter().map(|(key, value)| {
            let value = Content::Scalar(value.replace(SOURCE, &source));
            (Spanned::new((*key).to_owned(), span), Node { content: value, span })
        });
        let node = Node { content: Content::Map(pairs.collect()), span };
        let mut unheard = Diagnostics::default();
        let entry = Entry::read(&node, kind.keys(), self.variables, &mut unheard)?;
        let input = letters_input(&source, *kind, &entry);
        let (folder, variables) = (&item.folder, self.variables);
        let sink = kind.check(&entry, &input, &mut CheckContext { folder, variables, diagnostics: &mut unheard })?;
        Some(LettersDraft { input, sink: Arc::from(sink), span: None })
    }

    /// How many records of a source may fail.
    pub(super) fn max_errors(&mut self, common: &Entry) -> Option<MaxErrors> {
        let written = common.text_if(MAX_ERRORS)?;
        let span = common.span_of(MAX_ERRORS);
        let text = match written.resolve(self.variables) {
            Ok(text) => text,
            Err(missing) => {
                let hint = format!("set it, pass `--set {0}=…`, or give a default: `${{{0}:-…}}`", missing.0);
                self.diagnostics.error(Code::UnsetVariable, span, missing.to_string()).hint(hint);
                return None;
            }
        };
        let parsed = parse_max_errors(&text);
        match parsed {
            None => {
                let message = format!("`{}` is neither a whole number nor a percentage", text.escape_debug());
                let hint = "write how many records may fail, as `100`, or which part of those that are read, as `5%`";
                self.diagnostics.error(Code::BadValue, span, message).hint(hint);
            }
            Some(_) if common.word("on_error").value == "fail" => {
                self.diagnostics
                    .warning(Code::Unused, span, "with `on_error: fail` the first record that fails stops the run")
                    .hint("remove `max_errors`, or set `on_error: dead_letter`");
            }
            Some(_) => {}
        }
        parsed
    }
}

/// What flows into the sink of a source's dead letters.
fn letters_input(source: &str, kind: &dyn SinkKind, entry: &Entry) -> SinkInput {
    let mode = if kind.takes_back(entry) { SinkMode::Changes } else { SinkMode::Appends };
    SinkInput { name: format!("{DEAD_LETTERS}.{source}"), schema: letter_schema(mode), mode, order: Vec::new() }
}

fn diverts(source: &SourceDraft) -> bool {
    source.region.steps.iter().any(|step| matches!(step.op, OpDraft::OnTime(Late::Divert)))
}

fn parse_max_errors(text: &str) -> Option<MaxErrors> {
    let text = text.trim();
    let Some(percent) = text.strip_suffix('%') else { return text.parse().ok().map(MaxErrors::Count) };
    let percent: f64 = percent.trim_end().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(MaxErrors::Percent(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_percentages_are_told_apart() {
        assert_eq!(parse_max_errors("100"), Some(MaxErrors::Count(100)));
        assert_eq!(parse_max_errors(" 2.5 % "), Some(MaxErrors::Percent(2.5)));
        for wrong in ["", "%", "-1", "101%", "5 percent", "NaN%", "-1%"] {
            assert_eq!(parse_max_errors(wrong), None, "{wrong}");
        }
    }
}
