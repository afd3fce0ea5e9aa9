//! Maps with faults, read all the same: something stands in for what is wrong, so that the rest is checked too.

use crate::diagnostic::{Diagnostic, Diagnostics, Span, nearest};
use crate::schema::Sketch;
use crate::spec::{Content, Entry, Key, Kind, Need, Node, Spanned, Variables};

use super::Checker;

/// How many different values stand in for one that is wrong.
const FORMS: usize = 3;

/// A map as it was read by its table of keys.
pub(super) struct Reading {
    /// The entry; if something in the map is wrong, several forms of it, each with other values in place of that.
    pub(super) forms: Vec<Entry>,
    /// Whether nothing is wrong.
    pub(super) sound: bool,
    /// Where values stand that others stand in for.
    stand_ins: Vec<Span>,
}

impl Checker<'_> {
    /// Reads a map. What is wrong with its keys and values is reported; a misspelt key or word counts as the one that was meant.
    pub(super) fn read(&mut self, node: &Node, keys: &[Key]) -> Reading {
        if let Some(entry) = Entry::read(node, keys, self.variables, self.diagnostics) {
            return Reading { forms: vec![entry], sound: true, stand_ins: Vec::new() };
        }
        self.guess(node, keys)
    }

    /// What a map with faults may mean; nothing is reported.
    pub(super) fn guess(&self, node: &Node, keys: &[Key]) -> Reading {
        let mut forms = Vec::with_capacity(FORMS);
        let mut stand_ins = Vec::new();
        for form in 0..FORMS {
            let mut mender = Mender { variables: self.variables, form, stand_ins: Vec::new() };
            let mended = mender.map(node, keys);
            forms.extend(Entry::read(&mended, keys, self.variables, &mut Diagnostics::default()));
            stand_ins.extend(mender.stand_ins);
        }
        Reading { forms, sound: false, stand_ins }
    }
}

impl Reading {
    /// Runs a check over every form. Told is what is found in each of them, and not at a value that another stands in for: that is
    /// wrong whatever was meant. The result is that of the first form.
    pub(super) fn check<T>(
        &self,
        diagnostics: &mut Diagnostics,
        mut part: impl FnMut(&Entry, &mut Diagnostics) -> T,
    ) -> Option<T> {
        self.check_with(&[()], diagnostics, |entry, (), diagnostics| part(entry, diagnostics))
    }

    /// The same, where also something else may have one of several values.
    pub(super) fn check_with<T, V>(
        &self,
        values: &[V],
        diagnostics: &mut Diagnostics,
        mut part: impl FnMut(&Entry, &V, &mut Diagnostics) -> T,
    ) -> Option<T> {
        let mut runs = Vec::new();
        for (entry, value) in self.forms.iter().flat_map(|entry| values.iter().map(move |value| (entry, value))) {
            let mut found = Diagnostics::default();
            runs.push((part(entry, value, &mut found), found));
        }
        let mut runs = runs.into_iter();
        let (result, first) = runs.next()?;
        let others: Vec<Diagnostics> = runs.map(|(_, found)| found).collect();
        let agreed = |found: &Diagnostic| others.iter().all(|other| other.sorted().contains(&found));
        diagnostics.adopt(first, |found| {
            let told = !self.stand_ins.contains(&found.span) && agreed(&found);
            told.then_some(found)
        });
        Some(result)
    }
}

/// The pair of a key: the one of its name, or else one whose name is a slip of it.
pub(super) fn written<'n>(node: &'n Node, name: &str, keys: &[Key]) -> Option<&'n (Spanned<String>, Node)> {
    let Content::Map(pairs) = &node.content else { return None };
    let slip = |written: &str| {
        keys.iter().all(|key| key.name != written) && nearest(written, keys.iter().map(|key| key.name)) == Some(name)
    };
    let exact = pairs.iter().find(|(written, _)| written.value == name);
    exact.or_else(|| pairs.iter().find(|(written, _)| slip(&written.value)))
}

/// The word that a misspelt one was meant to be.
fn meant(node: &Node, kind: &Kind) -> Option<Node> {
    let (Kind::Choice(words), Content::Scalar(written)) = (kind, &node.content) else { return None };
    let near = nearest(written, words.iter().copied())?;
    Some(Node { content: Content::Scalar(near.to_owned()), span: node.span })
}

/// Brings maps and values into a form in which they can be read.
struct Mender<'a> {
    variables: &'a Variables,
    /// Which of several values to put in place of one that is wrong.
    form: usize,
    stand_ins: Vec<Span>,
}

impl Mender<'_> {
    fn map(&mut self, node: &Node, keys: &[Key]) -> Node {
        let mut pairs = Vec::with_capacity(keys.len());
        for key in keys {
            let name = |span| Spanned::new(key.name.to_owned(), span);
            match written(node, key.name, keys) {
                Some((written, value)) => {
                    let mended = self.value_of(key, value);
                    pairs.extend(mended.map(|value| (name(written.span), value)));
                }
                None if key.need == Need::Required => {
                    let end = Span { start: node.span.end, ..node.span };
                    pairs.push((name(end), self.stand_in(&key.kind, end, self.form)));
                }
                None => {}
            }
        }
        Node { content: Content::Map(pairs), span: node.span }
    }

    /// A key's value; none for one that is wrong and may as well be missing.
    fn value_of(&mut self, key: &Key, value: &Node) -> Option<Node> {
        let partly = matches!(
            (&key.kind, &value.content),
            (Kind::Group(_) | Kind::Map(_), Content::Map(_)) | (Kind::List(_), Content::List(_))
        );
        if key.need == Need::Required || partly || self.is_sound(value, &key.kind) {
            return Some(self.value(value, &key.kind));
        }
        self.stand_ins.push(value.span);
        let meant = meant(value, &key.kind);
        meant.or_else(|| self.form.checked_sub(1).map(|form| self.stand_in(&key.kind, value.span, form)))
    }

    fn value(&mut self, node: &Node, kind: &Kind) -> Node {
        if self.is_sound(node, kind) {
            return node.clone();
        }
        let content = match (kind, &node.content) {
            (Kind::Group(keys), Content::Map(_)) => return self.map(node, keys),
            (Kind::List(element), Content::List(nodes)) => {
                Content::List(nodes.iter().map(|node| self.value(node, element)).collect())
            }
            (Kind::Map(element), Content::Map(pairs)) => {
                let mended = pairs.iter().map(|(name, value)| (name.clone(), self.value(value, element)));
                Content::Map(mended.collect())
            }
            _ => match meant(node, kind) {
                Some(meant) => {
                    self.stand_ins.push(node.span);
                    return meant;
                }
                None => return self.stand_in(kind, node.span, self.form),
            },
        };
        Node { content, span: node.span }
    }

    /// Whether a value is of its kind.
    fn is_sound(&self, node: &Node, kind: &Kind) -> bool {
        let key = Key::required("value", *kind, "");
        let name = Spanned::new(key.name.to_owned(), node.span);
        let map = Node { content: Content::Map(vec![(name, node.clone())]), span: node.span };
        Entry::read(&map, &[key], self.variables, &mut Diagnostics::default()).is_some()
    }

    /// A value of a kind; another one for each form, where it is not a name that stands for any.
    fn stand_in(&mut self, kind: &Kind, span: Span, form: usize) -> Node {
        self.stand_ins.push(span);
        let first = form == 0;
        let text = match kind {
            Kind::Group(keys) => return self.map(&Node { content: Content::Map(Vec::new()), span }, keys),
            Kind::List(element) => {
                let element = self.stand_in(element, span, form);
                return Node { content: Content::List(vec![element]), span };
            }
            Kind::Map(element) => {
                let name = Spanned::new(Sketch::STAND_IN.to_owned(), span);
                let element = self.stand_in(element, span, form);
                return Node { content: Content::Map(vec![(name, element)]), span };
            }
            Kind::Any => return Node { content: Content::Null, span },
            Kind::Text | Kind::Secret if first => "stand_in".to_owned(),
            // Checks say nothing of a variable that is set only when the pipeline runs.
            Kind::Text | Kind::Secret => "${stand_in}".to_owned(),
            Kind::Int(low, high) => if first { low } else { high }.to_string(),
            Kind::Bool => first.to_string(),
            Kind::Duration => if first { "1s" } else { "1h" }.to_owned(),
            Kind::Size => if first { "1GiB" } else { "1TiB" }.to_owned(),
            Kind::Choice(words) => words[form % words.len()].to_owned(),
            Kind::Column | Kind::Name => Sketch::STAND_IN.to_owned(),
            Kind::Expression => format!("\"{}\"", Sketch::STAND_IN),
        };
        Node { content: Content::Scalar(text), span }
    }
}
