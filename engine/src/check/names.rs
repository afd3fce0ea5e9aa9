//! What a `from:` names: the rows of a source, of an operator or of an arm, of several together, or nothing.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, nearest};
use crate::spec::{Content, Node, Spanned};

use super::Checker;
use super::draft::{Draft, Output};

/// The most names that a hint lists.
const LISTED_NAMES_MAX: usize = 12;

impl Checker<'_> {
    /// The rows of a name, or a diagnostic.
    pub(super) fn take(&mut self, name: &Spanned<String>, draft: &mut Draft) -> Option<Output> {
        match draft.outputs.get(&name.value) {
            Some(Some(output)) if output.places.is_empty() => {
                let arms = arms_of(&name.value, draft).join(", ");
                self.diagnostics
                    .error(Code::UnknownName, name.span, format!("`{}` has arms; say which", name.value))
                    .hint(format!("write one of: {arms}"));
                None
            }
            Some(output) => output.clone(),
            None => {
                self.unknown_name(name, draft);
                None
            }
        }
    }

    fn unknown_name(&mut self, name: &Spanned<String>, draft: &mut Draft) {
        let base = base_of(&name.value);
        // An operator that was not understood, or that is in a circle, has been reported; its arms are not known.
        if matches!(draft.outputs.get(base), Some(None)) || draft.open.contains(base) {
            return;
        }
        draft.loose = true;
        let entries = self.spec.sources.iter().chain(&self.spec.operators).map(|item| item.name.value.as_str());
        let arms = draft.outputs.keys().map(String::as_str).filter(|name| name.contains('.'));
        let candidates: Vec<&str> = entries.chain(arms).filter(|name| !draft.open.contains(*name)).collect();
        let near = nearest(&name.value, candidates.iter().copied());
        let elsewhere = !self.spec.complete || self.spec.sources.is_empty() || draft.misplaced;
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
            None if candidates.len() <= LISTED_NAMES_MAX => {
                found.hint(format!("rows come from: {}", candidates.join(", ")))
            }
            None => found.hint("rows come from a source, an operator, or an arm of a `route` as `operator.arm`"),
        };
    }

    /// Several inputs as one.
    pub(super) fn union(&mut self, names: &[Spanned<String>], inputs: Vec<Output>) -> Option<Output> {
        let several = inputs.len() > 1;
        let mut inputs = inputs.into_iter();
        let mut all = inputs.next()?;
        let mut sound = true;
        for (input, name) in inputs.zip(&names[1..]) {
            for column in &all.schema.columns {
                let problem = match input.schema.column(&column.name) {
                    None => format!("`{}` lacks the column `{}` of `{}`", name.value, column.name, names[0].value),
                    Some(other) if other.column_type != column.column_type => format!(
                        "column `{}` is `{}` in `{}` but `{}` in `{}`",
                        column.name, other.column_type, name.value, column.column_type, names[0].value
                    ),
                    Some(_) => continue,
                };
                self.diagnostics
                    .error(Code::SchemaMismatch, name.span, problem)
                    .hint("bring the inputs to the same columns with `select`");
                sound = false;
            }
            if let Some(extra) = input.schema.columns.iter().find(|column| all.schema.index_of(&column.name).is_none())
            {
                let message = format!("`{}` has a column `{}` that `{}` lacks", name.value, extra.name, names[0].value);
                self.diagnostics
                    .error(Code::SchemaMismatch, name.span, message)
                    .hint("bring the inputs to the same columns with `select`");
                sound = false;
            }
            if sound {
                for column in &mut all.schema.columns {
                    column.nullable |= input.schema.column(&column.name).is_some_and(|other| other.nullable);
                }
            }
            all.implicit.retain(|column| input.implicit.contains(column));
            all.places.extend(input.places);
            all.appends &= input.appends;
            all.timed &= input.timed;
            all.sources.extend(input.sources);
            all.fingerprints.extend(input.fingerprints);
        }
        all.sources.sort_unstable();
        all.sources.dedup();
        if several {
            all.order.clear();
        }
        sound.then_some(all)
    }

    /// Warns of everything that nothing takes rows from, unless what should take them may be among what is wrong.
    pub(super) fn unused(&mut self, draft: &Draft) {
        if draft.loose || draft.misplaced || !self.spec.complete || self.spec.sinks.is_empty() {
            return;
        }
        let mut taken = BTreeSet::new();
        for taker in self.spec.operators.iter().chain(&self.spec.sinks) {
            let names = taken_names(&taker.node);
            if names.is_empty() {
                return;
            }
            taken.extend(names.iter().map(|name| base_of(&name.value).to_owned()));
        }
        let own = self.spec.name.span.file;
        for item in self.spec.sources.iter().chain(&self.spec.operators) {
            let name = &item.name.value;
            let understood = matches!(draft.outputs.get(name), Some(Some(_)));
            // What an included file defines is for whoever wants it.
            if understood && !taken.contains(name) && item.name.span.file == own {
                self.diagnostics
                    .warning(Code::Unused, item.name.span, format!("nothing takes rows from `{name}`"))
                    .hint("remove it, or name it in a `from:`");
            }
        }
    }
}

/// The operator that a name is of: all before the dot of an arm.
pub(super) fn base_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(base, _)| base)
}

fn arms_of(base: &str, draft: &Draft) -> Vec<String> {
    let arm = |name: &&String| name.strip_prefix(base).is_some_and(|rest| rest.starts_with('.'));
    draft.outputs.keys().filter(arm).cloned().collect()
}

/// The names in the `from:` of an entry, whatever else is wrong with it.
pub(super) fn taken_names(node: &Node) -> Vec<Spanned<String>> {
    let Content::Map(pairs) = &node.content else { return Vec::new() };
    let Some((_, from)) = pairs.iter().find(|(name, _)| name.value == "from") else { return Vec::new() };
    let elements = match &from.content {
        Content::List(elements) => elements.as_slice(),
        _ => std::slice::from_ref(from),
    };
    elements
        .iter()
        .filter_map(|element| match &element.content {
            Content::Scalar(name) => Some(Spanned::new(name.clone(), element.span)),
            _ => None,
        })
        .collect()
}
