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

impl<K: Connects + Copy> Connectors<K> {
    fn find(&self, name: &str) -> Option<K> {
        self.kinds.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether a name is that of a key beside the connector, or a slip of one.
    fn is_common(&self, name: &str) -> bool {
        nearest(name, self.common.iter().map(|key| key.name)).is_some()
    }
}

impl<K> Connected<K> {
    fn unknown(rest: Vec<Pair>, span: Span) -> Self {
        let own = Node { content: Content::Null, span };
        Self { kind: None, own, rest: Node { content: Content::Map(rest), span } }
    }
}

/// An entry taken apart: its connector, what belongs to that, and the rest.
pub(super) struct Connected<K> {
    /// None if nobody knows it; what belongs to it is then left out.
    pub(super) kind: Option<K>,
    pub(super) own: Node,
    pub(super) rest: Node,
}

impl Checker<'_> {
    /// The one connector of an entry; a misspelt one counts as the one that was meant. None if the entry is no map.
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
        let mut pairs = pairs.clone();
        self.remove_repeated(&mut pairs, connectors);
        let named: Vec<(K, &Pair)> =
            pairs.iter().filter_map(|pair| Some((connectors.find(&pair.0.value)?, pair))).collect();
        match named.as_slice() {
            [] => Some(self.without_connector(item, pairs, connectors)),
            [(kind, pair)] => Some(self.split(*kind, pair, &pairs, item.node.span, connectors.common)),
            [(_, (first, _)), (_, (second, _)), ..] => {
                self.diagnostics
                    .error(Code::Conflict, second.span, format!("{what} `{}` has two connectors", item.name.value))
                    .hint(format!("make two {what}s of it"))
                    .label(first.span, "the first");
                pairs.retain(|(name, _)| connectors.find(&name.value).is_none());
                Some(Connected::unknown(pairs, item.node.span))
            }
        }
    }

    /// Takes out connectors whose very name has stood before.
    fn remove_repeated<K: Connects + Copy>(&mut self, pairs: &mut Vec<Pair>, connectors: &Connectors<K>) {
        let mut first: Vec<Spanned<String>> = Vec::new();
        pairs.retain(|(name, _)| {
            let before = first.iter().find(|before| before.value == name.value);
            if let (Some(before), Some(_)) = (before, connectors.find(&name.value)) {
                self.diagnostics
                    .error(Code::DuplicateKey, name.span, format!("key `{}` stands twice in this map", name.value))
                    .hint("remove one of them")
                    .label(before.span, "first here");
                return false;
            }
            first.push(name.clone());
            true
        });
    }

    /// Reports that an entry names no connector that is known, and finds what was meant.
    fn without_connector<K: Connects + Copy>(
        &mut self,
        item: &Item,
        mut pairs: Vec<Pair>,
        connectors: &Connectors<K>,
    ) -> Connected<K> {
        let what = connectors.what;
        let span = item.node.span;
        let known: Vec<&str> = connectors.kinds.iter().map(Connects::name).collect();
        let strangers: Vec<Pair> =
            pairs.iter().filter(|(name, _)| !connectors.is_common(&name.value)).cloned().collect();
        let near = strangers.iter().find_map(|pair| Some((pair, nearest(&pair.0.value, known.iter().copied())?)));
        if let Some((pair, near)) = near {
            let message = format!("no connector of a {what} is called `{}`", pair.0.value);
            self.diagnostics.error(Code::UnknownKey, pair.0.span, message).did_you_mean(Some(near));
            return match connectors.find(near) {
                Some(kind) => self.split(kind, pair, &pairs, span, connectors.common),
                None => Connected::unknown(pairs, span),
            };
        }
        let owner = |name: &str| connectors.kinds.iter().find(|kind| kind.keys().iter().any(|key| key.name == name));
        let part = strangers.iter().find_map(|(name, _)| Some((name, owner(&name.value)?)));
        let hint = format!("known: {}", known.join(", "));
        let stranger = match (part, strangers.first()) {
            (Some((part, kind)), _) => {
                let message = format!("{what} `{}` names no connector", item.name.value);
                let hint = format!("put `{}` below one, for instance `{}:`", part.value, kind.name());
                self.diagnostics.error(Code::MissingKey, part.span, message).hint(hint);
                None
            }
            (None, Some((name, _))) => {
                let message = format!("no connector of a {what} is called `{}`", name.value);
                self.diagnostics.error(Code::UnknownKey, name.span, message).hint(hint);
                Some(name.span)
            }
            (None, None) => {
                let message = format!("{what} `{}` names no connector", item.name.value);
                let hint = format!("add one, as in {}; {hint}", example(what));
                self.diagnostics.error(Code::MissingKey, item.name.span, message).hint(hint);
                None
            }
        };
        pairs.retain(|(name, _)| {
            Some(name.span) != stranger && (connectors.is_common(&name.value) || owner(&name.value).is_none())
        });
        Connected::unknown(pairs, span)
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
            _ => {
                return Connected {
                    kind: Some(kind),
                    own: node.clone(),
                    rest: Node { content: Content::Map(rest), span },
                };
            }
        };
        let outside = take_misplaced(&mut rest, &own, common, kind.keys());
        let inside = take_misplaced(&mut own, &rest, kind.keys(), common);
        self.report_misplaced(&outside, name, "below", "beside");
        self.report_misplaced(&inside, name, "beside", "below");
        own.extend(outside);
        rest.extend(inside);
        Connected {
            kind: Some(kind),
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
