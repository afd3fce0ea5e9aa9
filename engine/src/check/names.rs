//! What a `from:` names: the rows of a source, of an operator or of an arm, of several together, or nothing.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, nearest};
use crate::operator::FROM;
use crate::spec::{Content, Node, Spanned, Text};

use super::Checker;
use super::draft::{Draft, Output, Shape};
use super::reading::written;
use super::union::unite;

/// The most names that a hint lists.
const LISTED_NAMES_MAX: usize = 12;

impl Checker<'_> {
    /// The rows of a name; if there are none, that is reported.
    pub(super) fn take(&mut self, name: &Spanned<String>, draft: &mut Draft) -> Output {
        match draft.outputs.get(&name.value) {
            Some(output) if output.shape == Shape::Arms => {
                let arms = arms_of(&name.value, draft).join(", ");
                self.diagnostics
                    .error(Code::UnknownName, name.span, format!("`{}` has arms; say which", name.value))
                    .hint(format!("write one of: {arms}"));
                Output { shape: Shape::Rows, ..output.clone() }
            }
            Some(output) => output.clone(),
            None => {
                self.unknown_name(name, draft);
                Output::unknown()
            }
        }
    }

    /// The rows of all names that an entry takes, together.
    pub(super) fn take_all(&mut self, taken: &Taken, draft: &mut Draft) -> Output {
        let inputs: Vec<Output> = taken.names.iter().map(|name| self.take(name, draft)).collect();
        if taken.complete { unite(&taken.names, inputs, self.diagnostics) } else { Output::unknown() }
    }

    /// The names in the `from:` of an entry, whatever else is wrong with it.
    pub(super) fn taken(&self, node: &Node) -> Taken {
        let mut taken = Taken { names: Vec::new(), repeated: Vec::new(), complete: false };
        let Some((_, from)) = written(node, FROM.name, &[FROM]) else { return taken };
        let elements = match &from.content {
            Content::List(elements) => elements.as_slice(),
            _ => std::slice::from_ref(from),
        };
        for element in elements {
            let name = match &element.content {
                Content::Scalar(name) => Text::parse(name).ok().and_then(|name| name.resolve(self.variables).ok()),
                _ => None,
            };
            let Some(name) = name.map(|name| Spanned::new(name, element.span)) else { continue };
            let repeats = taken.names.iter().any(|before| before.value == name.value);
            if repeats { &mut taken.repeated } else { &mut taken.names }.push(name);
        }
        taken.complete = taken.names.len() + taken.repeated.len() == elements.len() && !elements.is_empty();
        taken
    }

    /// Reports names that stand twice in one `from:`.
    pub(super) fn repeated(&mut self, taken: &Taken) {
        for name in &taken.repeated {
            self.diagnostics
                .error(Code::BadValue, name.span, format!("`{}` stands twice in `from`", name.value))
                .hint("name it once: each of its rows would count twice");
        }
    }

    fn unknown_name(&mut self, name: &Spanned<String>, draft: &mut Draft) {
        let base = base_of(&name.value);
        // What was not understood, or is in a circle, has been reported; its arms are not known.
        let unknown = draft.outputs.get(base).is_some_and(|output| output.shape == Shape::Unknown);
        if unknown || draft.open.contains(base) {
            return;
        }
        draft.loose = true;
        let entries = self.spec.sources.iter().chain(&self.spec.operators).map(|item| item.name.value.as_str());
        let entries = entries.filter(|name| is_word(name) && !draft.open.contains(*name));
        let routed = |base: &str| draft.outputs.get(base).is_some_and(|output| output.shape == Shape::Arms);
        let arms = draft.outputs.keys().map(String::as_str);
        let arms = arms.filter(|name| name.split_once('.').is_some_and(|(base, arm)| routed(base) && is_word(arm)));
        let candidates: Vec<&str> = entries.chain(arms).collect();
        let near = nearest(&name.value, candidates.iter().copied());
        let elsewhere = !self.spec.complete || draft.misplaced;
        if elsewhere && near.is_none() {
            return;
        }
        let message = format!("nothing is called `{}`", name.value);
        let found = self.diagnostics.error(Code::UnknownName, name.span, message);
        let arms = arms_of(base, draft);
        let is_sink = self.spec.sinks.iter().any(|sink| sink.name.value == name.value);
        match near {
            Some(near) => found.did_you_mean(Some(near)),
            None if !arms.is_empty() => found.hint(format!("arms of `{base}`: {}", arms.join(", "))),
            None if draft.outputs.contains_key(base) => found.hint(format!("write `{base}`: only a `route` has arms")),
            None if is_sink => found.hint("this is a sink, and rows come from sources and operators only"),
            None if (1..=LISTED_NAMES_MAX).contains(&candidates.len()) => {
                found.hint(format!("rows come from: {}", candidates.join(", ")))
            }
            None => found.hint("rows come from a source, an operator, or an arm of a `route` as `operator.arm`"),
        };
    }

    /// Warns of everything that nothing takes rows from, unless what should take them may be among what is wrong.
    pub(super) fn unused(&mut self, draft: &Draft) {
        if draft.loose || draft.misplaced || !self.spec.complete || self.spec.sinks.is_empty() {
            return;
        }
        let mut taken = BTreeSet::new();
        for taker in self.spec.operators.iter().chain(&self.spec.sinks) {
            let found = self.taken(&taker.node);
            if !found.complete {
                return;
            }
            let names = found.names.into_iter().map(|name| name.value);
            taken.extend(names.flat_map(|name| [base_of(&name).to_owned(), name]));
        }
        let own = self.spec.name.span.file;
        for item in self.spec.sources.iter().chain(&self.spec.operators) {
            let name = &item.name.value;
            let understood = draft.outputs.get(name).is_some_and(|output| output.shape != Shape::Unknown);
            // What an included file defines is for whoever wants it.
            if understood && !taken.contains(name) && item.name.span.file == own {
                self.diagnostics
                    .warning(Code::Unused, item.name.span, format!("nothing takes rows from `{name}`"))
                    .hint("remove it, or name it in a `from:`");
            }
        }
    }
}

/// The names that an entry takes rows from, each once.
pub(super) struct Taken {
    pub(super) names: Vec<Spanned<String>>,
    /// Where names stand again.
    repeated: Vec<Spanned<String>>,
    /// Whether there are names and all are understood.
    pub(super) complete: bool,
}

/// The operator that a name is of: all before the dot of an arm.
pub(super) fn base_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(base, _)| base)
}

fn arms_of(base: &str, draft: &Draft) -> Vec<String> {
    let arm = |name: &&String| name.strip_prefix(base).is_some_and(|rest| rest.starts_with('.'));
    draft.outputs.keys().filter(arm).cloned().collect()
}

/// Whether a name has the form of names; one that has not has been reported, and is not offered.
fn is_word(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit())
}
