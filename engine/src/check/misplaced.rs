//! What stands on the wrong level or in the wrong section: reported once, at its first word, and then left out, so that one line too far to
//! the left or right makes one error.

use crate::diagnostic::Code;
use crate::operator::{FROM, OPERATORS};
use crate::spec::{Content, Item, Node, Spanned};

use super::Checker;
use super::draft::{Draft, Output};
use super::sinks::SINK_KEYS;
use super::sources::SOURCE_KEYS;

/// A part of a pipeline's file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Sources,
    Operators,
    Sinks,
}

const SECTION_KEYS: [&str; 4] = ["sources", "operators", "sinks", "reports"];

impl Section {
    fn key(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::Operators => "operators",
            Self::Sinks => "sinks",
        }
    }

    fn of_one(self) -> &'static str {
        match self {
            Self::Sources => "source",
            Self::Operators => "operator",
            Self::Sinks => "sink",
        }
    }
}

impl Checker<'_> {
    /// The entries of a section that stand where they belong. Names of the others count as not understood.
    pub(super) fn entries<'i>(&mut self, items: &'i [Item], section: Section, draft: &mut Draft) -> Vec<&'i Item> {
        let mut entries: Vec<&'i Item> = Vec::with_capacity(items.len());
        let mut rest = items;
        while let [item, behind @ ..] = rest {
            let same_file = |other: &Item| other.name.span.file == item.name.span.file;
            let owner = entries.last().copied().filter(|owner| same_file(owner));
            let run = |wrong: &dyn Fn(&Item) -> bool| {
                1 + behind.iter().take_while(|next| same_file(next) && wrong(next)).count()
            };
            let length = if is_section(item) {
                self.report_section(item, section);
                match &item.node.content {
                    Content::Map(pairs) => {
                        draft.outputs.extend(pairs.iter().map(|(name, _)| (name.value.clone(), Output::unknown())));
                        1
                    }
                    _ => run(&|_| true),
                }
            } else if let Some(other) = self.foreign(&item.node, section) {
                let length = run(&|next| self.foreign(&next.node, section) == Some(other));
                self.report_foreign(item, length, section, other);
                length
            } else if self.is_inside(item, section) {
                let length = run(&|next| self.is_inside(next, section));
                self.report_lost(&rest[..length], owner, section);
                if let Some(owner) = owner {
                    entries.pop();
                    draft.outputs.insert(owner.name.value.clone(), Output::unknown());
                }
                length
            } else {
                entries.push(item);
                rest = behind;
                continue;
            };
            draft.misplaced = true;
            draft.outputs.extend(rest[..length].iter().map(|item| (item.name.value.clone(), Output::unknown())));
            rest = &rest[length..];
        }
        entries
    }

    /// An operator's map without entries that stand in it, instead of beside it.
    pub(super) fn without_entries(&mut self, item: &Item, draft: &mut Draft) -> Node {
        let mut node = item.node.clone();
        let Content::Map(pairs) = &mut node.content else { return node };
        let from = |(name, _): &(Spanned<String>, Node)| name.value == FROM.name;
        while let Some(at) = pairs.iter().enumerate().position(|(at, (name, value))| {
            let known = name.value == FROM.name
                || OPERATORS.iter().any(|kind| kind.keys.iter().any(|key| key.name == name.value));
            !known
                && match &value.content {
                    Content::Null => pairs[at + 1..].iter().any(from),
                    Content::Map(inner) => inner.iter().any(from),
                    _ => false,
                }
        }) {
            let message = format!("`{}` stands within `{}`", pairs[at].0.value, item.name.value);
            self.diagnostics
                .error(Code::UnknownKey, pairs[at].0.span, message)
                .hint(format!("indent it as far as `{}:`, if it is an operator of its own", item.name.value));
            draft.misplaced = true;
            draft.outputs.insert(pairs[at].0.value.clone(), Output::unknown());
            if pairs[at].1.content == Content::Null {
                pairs.truncate(at);
            } else {
                pairs.remove(at);
            }
        }
        node
    }

    /// The section that an entry reads like, if it is another.
    fn foreign(&self, node: &Node, section: Section) -> Option<Section> {
        let Content::Map(pairs) = &node.content else { return None };
        let has = |is: &dyn Fn(&str) -> bool| pairs.iter().any(|(name, _)| is(&name.value));
        let from = has(&|name| name == FROM.name);
        let operator = has(&|name| OPERATORS.iter().any(|kind| kind.name == name));
        let source = has(&|name| self.registry.sources.iter().any(|kind| kind.name() == name));
        let sink = has(&|name| self.registry.sinks.iter().any(|kind| kind.name() == name));
        // `file` and `kafka` are sources as well as sinks; what says how records are written is a source.
        let described = has(&|name| SOURCE_KEYS.iter().any(|key| key.name == name));
        match section {
            Section::Sources if from && operator && !source => Some(Section::Operators),
            Section::Sources if from && sink && !described => Some(Section::Sinks),
            Section::Operators if from && sink && !operator => Some(Section::Sinks),
            Section::Operators if !from && source && !operator => Some(Section::Sources),
            Section::Sinks if from && operator && !sink => Some(Section::Operators),
            _ => None,
        }
    }

    /// Whether a name is one of those that stand inside entries of a section, and what it names is none.
    fn is_inside(&self, item: &Item, section: Section) -> bool {
        let name = item.name.value.as_str();
        let source = |name: &str| self.registry.sources.iter().any(|kind| kind.name() == name);
        let sink = |name: &str| self.registry.sinks.iter().any(|kind| kind.name() == name);
        let operator = |name: &str| OPERATORS.iter().any(|kind| kind.name == name);
        let key = |name: &str| OPERATORS.iter().any(|kind| kind.keys.iter().any(|key| key.name == name));
        let inside = match section {
            Section::Sources => source(name) || SOURCE_KEYS.iter().any(|key| key.name == name),
            Section::Operators => name == FROM.name || key(name),
            Section::Sinks => sink(name) || SINK_KEYS.iter().any(|key| key.name == name),
        };
        let entry = match (&item.node.content, section) {
            (Content::Map(pairs), Section::Sources) => pairs.iter().any(|(name, _)| source(&name.value)),
            (Content::Map(pairs), Section::Operators) => {
                pairs.iter().any(|(name, _)| name.value == FROM.name || operator(&name.value))
            }
            (Content::Map(pairs), Section::Sinks) => {
                pairs.iter().any(|(name, _)| name.value == FROM.name || sink(&name.value))
            }
            _ => false,
        };
        inside && !entry
    }

    fn report_section(&mut self, item: &Item, section: Section) {
        let message = format!("`{}` stands within `{}`", item.name.value, section.key());
        self.diagnostics
            .error(Code::WrongKind, item.name.span, message)
            .hint(format!("indent it as far as `{}:`", section.key()));
    }

    fn report_foreign(&mut self, item: &Item, length: usize, section: Section, other: Section) {
        let name = &item.name.value;
        let message = match length {
            1 => format!("`{name}` reads like a {}, but stands in `{}`", other.of_one(), section.key()),
            _ => {
                format!("`{name}` and {} more read like {}, but stand in `{}`", length - 1, other.key(), section.key())
            }
        };
        let message = message.replace("a operator", "an operator");
        self.diagnostics
            .error(Code::WrongKind, item.name.span, message)
            .hint(format!("is `{}:` missing above `{name}:`?", other.key()));
    }

    fn report_lost(&mut self, lost: &[Item], owner: Option<&Item>, section: Section) {
        let names: Vec<String> = lost.iter().map(|item| format!("`{}`", item.name.value)).collect();
        let names = names.join(", ");
        let (verb, them) = if lost.len() == 1 { ("belongs", "it") } else { ("belong", "them") };
        let (message, hint) = match owner {
            Some(owner) => {
                let owner = &owner.name.value;
                (
                    format!("{names} {verb} below `{owner}`, not beside it"),
                    format!("indent {them} further than `{owner}:`"),
                )
            }
            None => (
                format!("{names} {verb} below the name of a {}", section.of_one()).replace("a operator", "an operator"),
                format!("write a name of its own above, and indent {them} further than that"),
            ),
        };
        let found = self.diagnostics.error(Code::WrongKind, lost[0].name.span, message);
        found.hint(hint);
        for item in &lost[1..] {
            found.label(item.name.span, "");
        }
    }
}

/// Whether an entry is called like a section, and is empty or holds entries.
fn is_section(item: &Item) -> bool {
    let holds = match &item.node.content {
        Content::Null => true,
        Content::Map(pairs) => pairs
            .iter()
            .all(|(name, node)| name.value != FROM.name && matches!(node.content, Content::Map(_) | Content::Null)),
        _ => false,
    };
    holds && SECTION_KEYS.contains(&item.name.value.as_str())
}
