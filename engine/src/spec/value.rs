//! Nodes read as the kinds of values that keys ask for.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, nearest};

use super::entry::Entry;
use super::key::{Key, Kind};
use super::node::{Content, Node};
use super::scalar::{Spanned, parse_duration, parse_size};
use super::variables::{MissingVariable, Secret, Text, Variables};

/// A value in the kind that its key asks for.
#[derive(Clone, Debug)]
pub enum Value {
    /// [`Kind::Text`].
    Text(Text),
    /// [`Kind::Secret`].
    Secret(Secret),
    /// [`Kind::Int`].
    Int(i64),
    /// [`Kind::Bool`].
    Bool(bool),
    /// [`Kind::Duration`].
    Duration(Duration),
    /// [`Kind::Size`], in bytes.
    Size(u64),
    /// [`Kind::Choice`], [`Kind::Column`], [`Kind::Name`] and [`Kind::Expression`].
    Word(String),
    /// [`Kind::List`].
    List(Vec<Spanned<Value>>),
    /// [`Kind::Map`].
    Map(Vec<(Spanned<String>, Spanned<Value>)>),
    /// [`Kind::Group`].
    Group(Entry),
    /// [`Kind::Any`].
    Node(Node),
}

/// Reports a variable that has no value, where it stands in the text of the scalar at `span`.
pub(super) fn unset_variable(missing: &MissingVariable, text: &Text, span: Span, diagnostics: &mut Diagnostics) {
    let reference = format!("${{{}}}", missing.0);
    let place = text.to_string().find(&reference).map_or(span, |at| span.within(at, reference.len()));
    diagnostics
        .error(Code::UnsetVariable, place, missing.to_string())
        .hint(format!("set it, pass `--set {name}=…`, or give a default: `${{{name}:-…}}`", name = missing.0));
}

/// Reports a key that is not in the table, and the one that was probably meant.
///
/// Gives the latter: what is missing then is not missing.
pub(super) fn unknown_key(
    name: &Spanned<String>,
    value: Option<&Node>,
    keys: &[Key],
    diagnostics: &mut Diagnostics,
) -> Option<&'static str> {
    let message = format!("unknown key `{}`", name.value);
    let found = diagnostics.error(Code::UnknownKey, name.span, message);
    let names: Vec<&'static str> = keys.iter().map(|key| key.name).collect();
    let without_colon = name.value.split_once(' ').filter(|(key, _)| names.contains(key));
    if let Some((key, rest)) = without_colon {
        found.hint(format!("a colon is missing: `{key}: {rest}`"));
        return names.into_iter().find(|name| *name == key);
    }
    let near = nearest(&name.value, names.iter().copied());
    match near {
        Some(near) => found.did_you_mean(Some(near)),
        None if names.is_empty() => found.hint("no keys are known here"),
        None if value.is_some_and(|value| value.content == Content::Null) => found.hint(format!(
            "if it belongs to the value before it, put all of that in quotes or brackets; known here: {}",
            names.join(", ")
        )),
        None => found.hint(format!("known here: {}", names.join(", "))),
    };
    near.and_then(|near| names.into_iter().find(|name| *name == near))
}

/// The pairs of a map without those whose key has stood before; those are reported together.
pub(super) fn unique_keys<'a>(
    pairs: &'a [(Spanned<String>, Node)],
    diagnostics: &mut Diagnostics,
) -> Vec<(&'a Spanned<String>, &'a Node)> {
    let mut first: BTreeMap<&str, Span> = BTreeMap::new();
    let mut unique = Vec::with_capacity(pairs.len());
    let mut repeated: Vec<(&Spanned<String>, Span)> = Vec::new();
    for (name, value) in pairs {
        match first.get(name.value.as_str()) {
            Some(before) => repeated.push((name, *before)),
            None => {
                first.insert(&name.value, name.span);
                unique.push((name, value));
            }
        }
    }
    report_repeated(&repeated, diagnostics);
    unique
}

/// Several keys that stand twice in one map are one mistake: the head of what belongs to the second ones is missing.
fn report_repeated(repeated: &[(&Spanned<String>, Span)], diagnostics: &mut Diagnostics) {
    let Some((name, before)) = repeated.first() else { return };
    let mut names: Vec<String> = Vec::new();
    for (name, _) in repeated {
        let name = format!("`{}`", name.value);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let (message, hint) = match names.as_slice() {
        [only] => {
            let often = if repeated.len() == 1 { "twice".to_owned() } else { format!("{} times", repeated.len() + 1) };
            let message = format!("key {only} stands {often} in this map");
            (message, "remove one of them, or give it another name".to_owned())
        }
        _ => (
            format!("keys {} stand twice in this map", names.join(", ")),
            format!("is a line missing above this `{}:`, with a name of its own?", name.value),
        ),
    };
    let found = diagnostics.error(Code::DuplicateKey, name.span, message);
    found.hint(hint).label(*before, "first here");
    for (name, before) in &repeated[1..] {
        found.label(*before, "").label(name.span, "");
    }
}

/// Reads a node as the kind that `key` asks for; problems go to `diagnostics`.
pub(super) fn read_value(
    node: &Node,
    kind: &Kind,
    key: &str,
    variables: &Variables,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    match *kind {
        Kind::Any => Some(Value::Node(node.clone())),
        Kind::Group(keys) => Entry::read(node, keys, variables, diagnostics).map(Value::Group),
        Kind::List(element) => read_list(node, element, key, variables, diagnostics),
        Kind::Map(element) => read_map(node, element, key, variables, diagnostics),
        _ => read_scalar(node, kind, key, variables, diagnostics),
    }
}

fn read_list(
    node: &Node,
    element: &Kind,
    key: &str,
    variables: &Variables,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let single;
    let elements = match &node.content {
        Content::List(elements) => elements.as_slice(),
        Content::Scalar(_) => {
            single = [node.clone()];
            &single
        }
        _ => {
            wrong_content(node, &format!("{}, or a list of them", element.describe()), key, diagnostics);
            return None;
        }
    };
    let read: Vec<_> = elements
        .iter()
        .map(|item| read_value(item, element, key, variables, diagnostics).map(|value| Spanned::new(value, item.span)))
        .collect();
    read.into_iter().collect::<Option<Vec<_>>>().map(Value::List)
}

fn read_map(
    node: &Node,
    element: &'static Kind,
    key: &str,
    variables: &Variables,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let Content::Map(pairs) = &node.content else {
        let found = wrong_content(node, &Kind::Map(element).describe(), key, diagnostics);
        match (&node.content, element) {
            (Content::List(_), _) => found.hint("write each name on a line of its own, `NAME:` and no `-` before it"),
            (_, Kind::Expression) => found.hint("write each as `NAME: EXPRESSION`"),
            _ => found,
        };
        return None;
    };
    let read: Vec<_> = unique_keys(pairs, diagnostics)
        .into_iter()
        .map(|(name, value)| {
            read_value(value, element, &name.value, variables, diagnostics)
                .map(|read| (name.clone(), Spanned::new(read, value.span)))
        })
        .collect();
    read.into_iter().collect::<Option<Vec<_>>>().map(Value::Map)
}

fn wrong_content<'d>(node: &Node, expected: &str, key: &str, diagnostics: &'d mut Diagnostics) -> &'d mut Diagnostic {
    diagnostics.error(Code::WrongKind, node.span, format!("`{key}` must be {expected}, found {}", node.kind()))
}

fn read_scalar(
    node: &Node,
    kind: &Kind,
    key: &str,
    variables: &Variables,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let Content::Scalar(written) = &node.content else {
        let found = wrong_content(node, &kind.describe(), key, diagnostics);
        if matches!(node.content, Content::List(_)) {
            found.hint("write the one value, without `[` and `]`, or without its `-`");
        }
        return None;
    };
    let text = match Text::parse(written) {
        Ok(text) => text,
        Err((offset, length, message)) => {
            diagnostics
                .error(Code::BadValue, node.span.within(offset, length), message)
                .hint("write `${NAME}` or `${NAME:-default}`; a dollar sign itself is `$$`");
            return None;
        }
    };
    match kind {
        Kind::Text => return Some(Value::Text(text)),
        Kind::Secret => return Some(Value::Secret(Secret::new(text))),
        _ => {}
    }
    let resolved = match text.resolve(variables) {
        Ok(resolved) => resolved,
        Err(missing) => {
            unset_variable(&missing, &text, node.span, diagnostics);
            return None;
        }
    };
    typed_scalar(&resolved, kind).map_or_else(
        |(code, message, hint)| {
            let found = diagnostics.error(code, node.span, format!("`{key}`: {message}"));
            found.hint = hint;
            None
        },
        Some,
    )
}

fn typed_scalar(text: &str, kind: &Kind) -> Result<Value, (Code, String, Option<String>)> {
    let expected = || (Code::BadValue, format!("expected {}, found `{text}`", kind.describe()), None);
    match kind {
        Kind::Int(low, high) => {
            let number: i64 = text.replace('_', "").parse().map_err(|_| expected())?;
            if (*low..=*high).contains(&number) { Ok(Value::Int(number)) } else { Err(expected()) }
        }
        Kind::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(expected()),
        },
        Kind::Duration => parse_duration(text).map(Value::Duration).map_err(|message| (Code::BadValue, message, None)),
        Kind::Size => parse_size(text).map(Value::Size).map_err(|message| (Code::BadValue, message, None)),
        Kind::Choice(words) if words.contains(&text) => Ok(Value::Word(text.to_owned())),
        Kind::Choice(words) => {
            let near = nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
            Err((Code::UnknownWord, format!("expected {}, found `{text}`", kind.describe()), near))
        }
        Kind::Column | Kind::Name | Kind::Expression if text.trim().is_empty() => Err(expected()),
        Kind::Column | Kind::Name | Kind::Expression => Ok(Value::Word(text.to_owned())),
        Kind::Text | Kind::Secret | Kind::List(_) | Kind::Map(_) | Kind::Group(_) | Kind::Any => {
            unreachable!("only scalar kinds that resolve at once come here")
        }
    }
}
