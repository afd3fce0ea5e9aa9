//! The entries of `operators:`, each after those that it takes rows from.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Span, nearest};
use crate::operator::{FROM, InputView, OPERATORS, OperatorCheck, OperatorKind};
use crate::spec::{Content, Item, Key, Node, Spanned};

use super::Checker;
use super::draft::{Draft, Output};
use super::listing::listing;
use super::misplaced::Section;
use super::names::{Taken, base_of};
use super::reading::written;

impl<'s> Checker<'s> {
    pub(super) fn operators(&mut self, draft: &mut Draft) {
        let entries = self.entries(&self.spec.operators, Section::Operators, draft);
        let items: BTreeMap<&str, &'s Item> = entries.iter().map(|item| (item.name.value.as_str(), *item)).collect();
        for item in entries {
            self.visit(item, &items, &mut Vec::new(), draft);
        }
    }

    /// Checks an operator after everything that it takes rows from.
    fn visit(&mut self, item: &'s Item, items: &BTreeMap<&str, &'s Item>, path: &mut Vec<&'s Item>, draft: &mut Draft) {
        let name = &item.name.value;
        if draft.outputs.contains_key(name) {
            return;
        }
        if !draft.open.insert(name.clone()) {
            draft.loose = true;
            return self.cycle(item, path);
        }
        path.push(item);
        for taken in self.taken(&item.node).names {
            if let Some(above) = items.get(base_of(&taken.value)) {
                self.visit(above, items, path, draft);
            }
        }
        path.pop();
        let output = self.operator(item, draft);
        draft.outputs.insert(name.clone(), output);
        draft.open.remove(name);
    }

    fn cycle(&mut self, item: &Item, path: &[&Item]) {
        let start = path.iter().position(|above| above.name.value == item.name.value).unwrap_or(0);
        let mut names: Vec<String> = path[start..].iter().map(|above| above.name.value.clone()).collect();
        names.push(item.name.value.clone());
        let message = format!("operators feed each other in a circle: {}", listing(&names, " ← "));
        self.diagnostics
            .error(Code::Cycle, item.name.span, message)
            .hint("let one of them take its rows from somewhere else");
    }

    /// What an operator gives. All of its parts are checked, whatever is wrong with the others and with what it takes rows from.
    fn operator(&mut self, item: &Item, draft: &mut Draft) -> Output {
        let mut node = self.without_entries(item, draft);
        let taken = self.taken(&node);
        self.repeated(&taken);
        let Some(kind) = self.operator_kind(item, &mut node) else {
            self.take_all(&taken, draft);
            return Output::unknown();
        };
        let mut keys: Vec<Key> = vec![FROM];
        keys.extend_from_slice(kind.keys);
        let reading = self.read(&node, &keys);
        let input = self.operator_input(kind, &taken, &node, draft);
        let Some(from) =
            taken.names.first().cloned().or_else(|| reading.forms.first()?.words(FROM.name).first().cloned())
        else {
            return Output::unknown();
        };
        let all = input.all();
        let (files, variables) = (self.files, self.variables);
        let checked = reading.check(self.diagnostics, |entry, diagnostics| {
            let input = InputView {
                columns: &input.columns,
                all: &all,
                appends: input.appends,
                timed: input.timed,
                from: &from,
            };
            (kind.check)(entry, &mut OperatorCheck { input, files, diagnostics })
        });
        let Some(checked) = checked else { return Output::unknown() };
        draft.add_operator(&item.name, input, checked, &item.node.canonical(variables))
    }

    /// The rows that an operator takes.
    fn operator_input(&mut self, kind: &OperatorKind, taken: &Taken, node: &Node, draft: &mut Draft) -> Output {
        let from = written(node, FROM.name, &[FROM]).map(|(_, from)| from);
        if let Some(from) = from
            && from.content == Content::List(Vec::new())
        {
            self.diagnostics
                .error(Code::BadValue, from.span, "`from` names no input")
                .hint("name a source or an operator");
        }
        let several = taken.names.len() > 1 && kind.name != "union";
        if let Some(from) = from.filter(|_| several) {
            self.diagnostics
                .error(Code::BadValue, from.span, format!("`{}` takes rows from one input", kind.name))
                .hint("put `union: {}` before it");
        }
        self.take_all(taken, draft)
    }

    /// The one thing that an operator does; a misspelt name counts as the one that was meant, and gives way to it.
    fn operator_kind(&mut self, item: &Item, node: &mut Node) -> Option<&'static OperatorKind> {
        let kind = node.kind();
        let Content::Map(pairs) = &mut node.content else {
            let message = format!("operator `{}` must be a map, found {kind}", item.name.value);
            self.diagnostics.error(Code::WrongKind, item.node.span, message).hint(format!(
                "write what it does and where it takes its rows, as `{}: {{ from: …, filter: … }}`",
                item.name.value
            ));
            return None;
        };
        let mut named: Vec<(&'static OperatorKind, Span)> = pairs
            .iter()
            .filter_map(|(name, _)| Some((OPERATORS.iter().find(|kind| kind.name == name.value)?, name.span)))
            .collect();
        // One that stands twice is a key that stands twice.
        named.dedup_by_key(|(kind, _)| kind.name);
        match named.as_slice() {
            [(kind, _)] => Some(kind),
            [(first, at), (second, span), ..] => {
                let message =
                    format!("operator `{}` does two things: `{}` and `{}`", item.name.value, first.name, second.name);
                self.diagnostics
                    .error(Code::Conflict, *span, message)
                    .hint("make two operators of it, one behind the other")
                    .label(*at, "the first");
                None
            }
            [] => self.missing_operator(item, pairs),
        }
    }

    fn missing_operator(
        &mut self,
        item: &Item,
        pairs: &mut [(Spanned<String>, Node)],
    ) -> Option<&'static OperatorKind> {
        let known: Vec<&str> = OPERATORS.iter().map(|kind| kind.name).collect();
        let near = pairs.iter_mut().find_map(|(name, _)| {
            let near = nearest(&name.value, known.iter().copied())?;
            Some((name, OPERATORS.iter().find(|kind| kind.name == near)?))
        });
        if let Some((name, kind)) = near {
            self.diagnostics
                .error(Code::UnknownKey, name.span, format!("no operator is called `{}`", name.value))
                .did_you_mean(Some(kind.name));
            kind.name.clone_into(&mut name.value);
            return Some(kind);
        }
        let owned = pairs.iter().filter(|(name, _)| name.value != FROM.name).find_map(|(name, _)| {
            let kind = OPERATORS.iter().find(|kind| kind.keys.iter().any(|key| key.name == name.value))?;
            Some((name, kind.keys.iter().find(|key| key.name == kind.name)?))
        });
        if let Some((name, lacking)) = owned {
            let message = format!("`{}` is a part of `{}`, which is missing", name.value, lacking.name);
            self.diagnostics.error(Code::MissingKey, name.span, message).hint(format!(
                "add `{}:` with {} ({})",
                lacking.name,
                lacking.kind.describe(),
                lacking.doc
            ));
            return None;
        }
        let (span, message) = match pairs.iter().find(|(name, _)| name.value != FROM.name) {
            Some((name, _)) => (name.span, format!("no operator is called `{}`", name.value)),
            None => (item.name.span, format!("operator `{}` names nothing that it does", item.name.value)),
        };
        self.diagnostics.error(Code::UnknownKey, span, message).hint(format!("operators: {}", known.join(", ")));
        None
    }
}
