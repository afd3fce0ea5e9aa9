//! A map of the YAML read by its table of keys.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diagnostic::{Code, Diagnostics, Span};

use super::key::{Key, Need, describe_keys};
use super::node::{Content, Node};
use super::scalar::Spanned;
use super::value::{Value, read_value, unique_keys, unknown_key};
use super::variables::{Secret, Text, Variables};

/// A map that was read by a table of keys: known keys only, each of its kind, defaults filled in.
///
/// The accessors name a key of that table and its kind; asking for another is a bug of the caller, and panics.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the map stands.
    pub span: Span,
    values: BTreeMap<&'static str, Spanned<Value>>,
}

impl Entry {
    /// Reads `node` by `keys`. Problems go to `diagnostics`; the entry is `None` if a required key is missing or a value is
    /// wrong, since what remains would only lead to false alarms.
    pub fn read(node: &Node, keys: &[Key], variables: &Variables, diagnostics: &mut Diagnostics) -> Option<Self> {
        if !matches!(node.content, Content::Map(_) | Content::Null) {
            report_no_map(node, keys, diagnostics);
            return None;
        }
        let (entry, wrong) = Self::salvage(node, keys, variables, diagnostics);
        wrong.is_empty().then_some(entry)
    }

    /// Reads what can be read of a map, with defaults in place of what is wrong, and the keys that are: misspelt, missing, or of a
    /// wrong value. For tables whose keys have little to do with each other.
    pub(crate) fn salvage(
        node: &Node,
        keys: &[Key],
        variables: &Variables,
        diagnostics: &mut Diagnostics,
    ) -> (Self, Vec<&'static str>) {
        let mut values = BTreeMap::new();
        let mut wrong = Vec::new();
        let pairs = match &node.content {
            Content::Map(pairs) => pairs.as_slice(),
            _ => &[],
        };
        for (name, value) in unique_keys(pairs, diagnostics) {
            let Some(key) = keys.iter().find(|key| key.name == name.value) else {
                // A key that is like none changes nothing of what the others mean.
                wrong.extend(unknown_key(name, Some(value), keys, diagnostics));
                continue;
            };
            match read_value(value, &key.kind, key.name, variables, diagnostics) {
                Some(read) => {
                    values.insert(key.name, Spanned::new(read, value.span));
                }
                None => wrong.push(key.name),
            }
        }
        for key in keys {
            if values.contains_key(key.name) {
                continue;
            }
            match key.need {
                Need::Optional => {}
                Need::Default(text) => {
                    let default = Node { content: Content::Scalar(text.to_owned()), span: node.span };
                    let read = read_value(&default, &key.kind, key.name, variables, diagnostics);
                    values.extend(read.map(|read| (key.name, Spanned::new(read, node.span))));
                }
                Need::Required if wrong.contains(&key.name) => {}
                Need::Required => {
                    diagnostics
                        .error(Code::MissingKey, node.span, format!("key `{}` is missing", key.name))
                        .hint(format!("add `{}:` with {} ({})", key.name, key.kind.describe(), key.doc));
                    wrong.push(key.name);
                }
            }
        }
        (Self { span: node.span, values }, wrong)
    }

    fn find(&self, key: &str) -> Option<&Spanned<Value>> {
        self.values.get(key)
    }

    /// Where a key's value stands; the whole map if it is a default.
    #[must_use]
    pub fn span_of(&self, key: &str) -> Span {
        self.find(key).map_or(self.span, |value| value.span)
    }

    /// Whether the key has a value, written or default.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// A required or defaulted text.
    #[must_use]
    pub fn text(&self, key: &str) -> Text {
        self.text_if(key).unwrap_or_else(|| absent(key))
    }

    /// An optional text.
    #[must_use]
    pub fn text_if(&self, key: &str) -> Option<Text> {
        self.find(key).map(|value| match &value.value {
            Value::Text(text) => text.clone(),
            _ => wrong_kind(key),
        })
    }

    /// An optional secret.
    #[must_use]
    pub fn secret_if(&self, key: &str) -> Option<Secret> {
        self.find(key).map(|value| match &value.value {
            Value::Secret(secret) => secret.clone(),
            _ => wrong_kind(key),
        })
    }

    /// A required or defaulted whole number.
    #[must_use]
    pub fn int(&self, key: &str) -> i64 {
        self.int_if(key).unwrap_or_else(|| absent(key))
    }

    /// An optional whole number.
    #[must_use]
    pub fn int_if(&self, key: &str) -> Option<i64> {
        self.find(key).map(|value| match value.value {
            Value::Int(int) => int,
            _ => wrong_kind(key),
        })
    }

    /// A required or defaulted flag.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.find(key).map_or_else(
            || absent(key),
            |value| match value.value {
                Value::Bool(flag) => flag,
                _ => wrong_kind(key),
            },
        )
    }

    /// A required or defaulted duration.
    #[must_use]
    pub fn duration(&self, key: &str) -> Duration {
        self.duration_if(key).unwrap_or_else(|| absent(key))
    }

    /// An optional duration.
    #[must_use]
    pub fn duration_if(&self, key: &str) -> Option<Duration> {
        self.find(key).map(|value| match value.value {
            Value::Duration(duration) => duration,
            _ => wrong_kind(key),
        })
    }

    /// An optional size, in bytes.
    #[must_use]
    pub fn size_if(&self, key: &str) -> Option<u64> {
        self.find(key).map(|value| match value.value {
            Value::Size(size) => size,
            _ => wrong_kind(key),
        })
    }

    /// A required or defaulted word: a choice, a column or an expression.
    #[must_use]
    pub fn word(&self, key: &str) -> Spanned<String> {
        self.word_if(key).unwrap_or_else(|| absent(key))
    }

    /// An optional word: a choice, a column or an expression.
    #[must_use]
    pub fn word_if(&self, key: &str) -> Option<Spanned<String>> {
        self.find(key).map(|value| match &value.value {
            Value::Word(word) => Spanned::new(word.clone(), value.span),
            _ => wrong_kind(key),
        })
    }

    /// The words of a list; none if the key is missing.
    #[must_use]
    pub fn words(&self, key: &str) -> Vec<Spanned<String>> {
        self.list(key)
            .iter()
            .map(|element| match &element.value {
                Value::Word(word) => Spanned::new(word.clone(), element.span),
                _ => wrong_kind(key),
            })
            .collect()
    }

    /// The texts of a list; none if the key is missing.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<Text> {
        self.list(key)
            .iter()
            .map(|element| match &element.value {
                Value::Text(text) => text.clone(),
                _ => wrong_kind(key),
            })
            .collect()
    }

    /// The texts of a list with their places; none if the key is missing.
    #[must_use]
    pub fn spanned_texts(&self, key: &str) -> Vec<Spanned<Text>> {
        self.list(key)
            .iter()
            .map(|element| match &element.value {
                Value::Text(text) => Spanned::new(text.clone(), element.span),
                _ => wrong_kind(key),
            })
            .collect()
    }

    fn list(&self, key: &str) -> &[Spanned<Value>] {
        self.find(key).map_or(&[], |value| match &value.value {
            Value::List(list) => list.as_slice(),
            _ => wrong_kind(key),
        })
    }

    /// The pairs of a map, in the order written; none if the key is missing.
    #[must_use]
    pub fn map(&self, key: &str) -> &[(Spanned<String>, Spanned<Value>)] {
        self.find(key).map_or(&[], |value| match &value.value {
            Value::Map(pairs) => pairs.as_slice(),
            _ => wrong_kind(key),
        })
    }

    /// A group of further keys, if it is there.
    #[must_use]
    pub fn group_if(&self, key: &str) -> Option<&Entry> {
        self.find(key).map(|value| match &value.value {
            Value::Group(entry) => entry,
            _ => wrong_kind(key),
        })
    }

    /// A node as it stands, if it is there.
    #[must_use]
    pub fn node_if(&self, key: &str) -> Option<&Node> {
        self.find(key).map(|value| match &value.value {
            Value::Node(node) => node,
            _ => wrong_kind(key),
        })
    }
}

fn report_no_map(node: &Node, keys: &[Key], diagnostics: &mut Diagnostics) {
    let message = format!("expected {}, found {}", describe_keys(keys), node.kind());
    let found = diagnostics.error(Code::WrongKind, node.span, message);
    let required: Vec<&str> = keys.iter().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    match (required.as_slice(), &node.content) {
        ([], _) => match keys.first() {
            Some(key) => found.hint(format!("write `{{ {}: … }}`, or leave it out", key.name)),
            None => found.hint("write `{}`"),
        },
        ([only], Content::Scalar(text)) => found.hint(format!("write `{{ {only}: {text} }}`")),
        (required, _) => {
            let pairs: Vec<String> = required.iter().map(|key| format!("{key}: …")).collect();
            found.hint(format!("write `{{ {} }}`", pairs.join(", ")))
        }
    };
}

fn wrong_kind(key: &str) -> ! {
    panic!("key `{key}` was asked for in a kind that its table does not give it")
}

fn absent<T>(key: &str) -> T {
    panic!("key `{key}` is neither required nor has it a default in its table")
}
