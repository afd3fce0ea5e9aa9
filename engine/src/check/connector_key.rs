//! The key of an entry that names its connector, and which of the other keys belong below it.

use crate::connector::{SinkKind, SourceKind};
use crate::diagnostic::{Code, Span, nearest};
use crate::spec::{Content, Item, Key, Node, Spanned};

use super::Checker;

/// A pair of a map.
type Pair = (Spanned<String>, Node);

/// What a source or a sink is connected by.
pub(super) trait Connects {
    fn name(&self) -> &'static str;
    fn keys(&self) -> &'static [Key];
}

impl Connects for &'static dyn SourceKind {
    fn name(&self) -> &'static str {
        SourceKind::name(*self)
    }

    fn keys(&self) -> &'static [Key] {
        SourceKind::keys(*self)
    }
}

impl Connects for &'static dyn SinkKind {
    fn name(&self) -> &'static str {
        SinkKind::name(*self)
    }

    fn keys(&self) -> &'static [Key] {
        SinkKind::keys(*self)
    }
}

/// The connectors that an entry may name, and the keys that it may have beside.
pub(super) struct Connectors<K: 'static> {
    /// `source` or `sink`.
    pub(super) what: &'static str,
    pub(super) kinds: &'static [K],
    pub(super) common: &'static [Key],
}

/// An entry taken apart: its connector, what belongs to that, and the rest.
pub(super) struct Connected<K> {
    pub(super) kind: K,
    pub(super) own: Node,
    pub(super) rest: Node,
}

impl Checker<'_> {
    /// The one connector of an entry.
    pub(super) fn connector_of<K: Connects + Copy>(
        &mut self,
        item: &Item,
        connectors: &Connectors<K>,
    ) -> Option<Connected<K>> {
        let what = connectors.what;
        let Content::Map(pairs) = &item.node.content else {
            let message = format!("{what} `{}` must be a map, found {}", item.name.value, item.node.kind());
            let hint = format!("write its connector and the rest below its name, as in {}", example(what));
            self.diagnostics.error(Code::WrongKind, item.node.span, message).hint(hint);
            return None;
        };
        let find = |name: &str| connectors.kinds.iter().copied().find(|kind| kind.name() == name);
        let named: Vec<_> = pairs.iter().filter_map(|pair| Some((find(&pair.0.value)?, pair))).collect();
        match named.as_slice() {
            [] => {
                self.report_no_connector(item, pairs, connectors);
                None
            }
            [(kind, pair)] => Some(self.split(*kind, pair, pairs, item.node.span, connectors.common)),
            [(_, (first, _)), (_, (second, _)), ..] => {
                self.diagnostics
                    .error(Code::Conflict, second.span, format!("{what} `{}` has two connectors", item.name.value))
                    .hint(format!("make two {what}s of it"))
                    .label(first.span, "the first");
                None
            }
        }
    }

    fn report_no_connector<K: Connects>(&mut self, item: &Item, pairs: &[Pair], connectors: &Connectors<K>) {
        let what = connectors.what;
        let known: Vec<&str> = connectors.kinds.iter().map(Connects::name).collect();
        let strangers = pairs.iter().filter(|(name, _)| connectors.common.iter().all(|key| key.name != name.value));
        let strangers: Vec<&Spanned<String>> = strangers.map(|(name, _)| name).collect();
        let near = strangers.iter().find_map(|name| Some((*name, nearest(&name.value, known.iter().copied())?)));
        if let Some((name, near)) = near {
            let message = format!("no connector of a {what} is called `{}`", name.value);
            self.diagnostics.error(Code::UnknownKey, name.span, message).did_you_mean(Some(near));
            return;
        }
        let owner = |name: &&&Spanned<String>| {
            connectors.kinds.iter().find(|kind| kind.keys().iter().any(|key| key.name == name.value))
        };
        if let Some(part) = strangers.iter().find(|name| owner(name).is_some())
            && let Some(kind) = owner(&part)
        {
            let message = format!("{what} `{}` names no connector", item.name.value);
            let hint = format!("put `{}` below one, for instance `{}:`", part.value, kind.name());
            self.diagnostics.error(Code::MissingKey, part.span, message).hint(hint);
            return;
        }
        let hint = format!("known: {}", known.join(", "));
        match strangers.first() {
            Some(name) => {
                let message = format!("no connector of a {what} is called `{}`", name.value);
                self.diagnostics.error(Code::UnknownKey, name.span, message).hint(hint);
            }
            None => {
                let message = format!("{what} `{}` names no connector", item.name.value);
                let hint = format!("add one, as in {}; {hint}", example(what));
                self.diagnostics.error(Code::MissingKey, item.name.span, message).hint(hint);
            }
        }
    }

    /// Takes an entry apart. A key that stands on the wrong level is reported, and counts where it belongs.
    fn split<K: Connects>(
        &mut self,
        kind: K,
        (name, node): &Pair,
        pairs: &[Pair],
        span: Span,
        common: &[Key],
    ) -> Connected<K> {
        let mut rest: Vec<Pair> = pairs.iter().filter(|(other, _)| other.span != name.span).cloned().collect();
        let mut own = match &node.content {
            Content::Map(own) => own.clone(),
            Content::Null => Vec::new(),
            _ => return Connected { kind, own: node.clone(), rest: Node { content: Content::Map(rest), span } },
        };
        let outside = take_misplaced(&mut rest, &own, common, kind.keys());
        let inside = take_misplaced(&mut own, &rest, kind.keys(), common);
        self.report_misplaced(&outside, name, "below", "beside");
        self.report_misplaced(&inside, name, "beside", "below");
        own.extend(outside);
        rest.extend(inside);
        Connected {
            kind,
            own: Node { content: Content::Map(own), span: node.span },
            rest: Node { content: Content::Map(rest), span },
        }
    }

    fn report_misplaced(&mut self, pairs: &[Pair], connector: &Spanned<String>, right: &str, wrong: &str) {
        let [(first, _), others @ ..] = pairs else { return };
        let names: Vec<String> = pairs.iter().map(|(key, _)| format!("`{}`", key.value)).collect();
        let (verb, them) = if others.is_empty() { ("belongs", "it") } else { ("belong", "them") };
        let message = format!("{} {verb} {right} `{}`, not {wrong} it", names.join(", "), connector.value);
        let indent = if right == "below" { "further than" } else { "as far as" };
        let found = self.diagnostics.error(Code::UnknownKey, first.span, message);
        found.hint(format!("indent {them} {indent} `{}:`", connector.value));
        found.label(connector.span, "the connector");
        for (key, _) in others {
            found.label(key.span, "");
        }
    }
}

/// Takes the pairs out of a map that are unknown `here` but known `there`, and not yet among those.
fn take_misplaced(pairs: &mut Vec<Pair>, others: &[Pair], here: &[Key], there: &[Key]) -> Vec<Pair> {
    let known = |keys: &[Key], name: &str| keys.iter().any(|key| key.name == name);
    let misplaced = |(name, _): &mut Pair| {
        !known(here, &name.value)
            && known(there, &name.value)
            && others.iter().all(|(other, _)| other.value != name.value)
    };
    pairs.extract_if(.., misplaced).collect()
}

fn example(what: &str) -> &'static str {
    match what {
        "source" => "`kafka: { topics: [my_topic] }`",
        _ => "`console: {}`",
    }
}
