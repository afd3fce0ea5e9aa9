//! The events of the YAML parser put together to a tree, within bounds of depth and size.

use std::collections::BTreeSet;

use serde_yaml::granit_parser::{self, Event, Parser, ScalarStyle};

use crate::diagnostic::{Code, Diagnostics, FileId, Span};
use crate::spec::{Content, Node, Spanned};

use super::{problem, quoting};

/// Maps and lists inside each other: no pipeline comes near.
const DEPTH_MAX: usize = 64;
/// Words, lists and maps in one file: no pipeline comes near.
const NODES_MAX: usize = 100_000;
/// Forbidden features that are reported one by one; more of them say nothing new.
const FORBIDDEN_MAX: usize = 20;

/// Reads the one document of `text`. Whatever is wrong goes to `diagnostics`, and then there is no node; an empty text is
/// [`Content::Null`]. Takes time in proportion to the text, and never panics.
pub fn parse(text: &str, file: FileId, diagnostics: &mut Diagnostics) -> Option<Node> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        emit_comments: false,
    };
    let mut tree = Tree {
        text,
        file,
        diagnostics,
        open: Vec::new(),
        root: None,
        nodes: 0,
        forbidden: 0,
        aliased: BTreeSet::new(),
    };
    for next in Parser::new_from_str_with_options(text, options) {
        match next {
            Ok((event, place)) => {
                if !tree.take(event, place) {
                    return None;
                }
            }
            Err(error) => {
                let open = tree.open_bracket();
                problem::report(text, file, &error, open, tree.diagnostics);
                return None;
            }
        }
    }
    let empty = Node { content: Content::Null, span: Span { file, start: 0, end: 0 } };
    (tree.forbidden == 0).then_some(tree.root.unwrap_or(empty))
}

/// What has been read so far.
struct Tree<'a> {
    text: &'a str,
    file: FileId,
    diagnostics: &'a mut Diagnostics,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    forbidden: usize,
    /// Anchors of which an alias has been reported; further ones say nothing new.
    aliased: BTreeSet<usize>,
}

/// A list or map whose end has not come.
struct Open {
    start: usize,
    flow: bool,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { pairs: Vec<(Spanned<String>, Node)>, key: Option<Spanned<String>> },
}

impl Tree<'_> {
    /// Takes one event in; false if there is no sense in going on.
    fn take(&mut self, event: Event<'_>, place: granit_parser::Span) -> bool {
        if self.forbidden >= FORBIDDEN_MAX {
            return false;
        }
        let span = self.span(place);
        if event.tag().is_some() {
            let tag = place.tag_span().map_or(span, |tag| self.span(tag));
            self.forbid(
                tag,
                "tags",
                "write the value without it; if `!` belongs to the value, put the value in quotes",
            );
        }
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let marker = self.marker(span);
                self.forbid(
                    marker,
                    "several documents in one file",
                    "move it to a file of its own, and `include` that",
                );
                return false;
            }
            Event::Anchor(..) => self.forbid(span, "anchors", "write the value out where it is needed"),
            Event::Alias(anchor) if !self.aliased.insert(anchor) => {
                return self.add(Node { content: Content::Null, span });
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.forbid(
                    span,
                    "aliases",
                    "write the value out; if `*` belongs to the value, put the value in quotes",
                );
                return self.add(Node { content: Content::Null, span });
            }
            Event::Scalar(value, style, ..) => return self.scalar(&value, style, span),
            Event::SequenceStart(style, ..) => return self.start(style, span, OpenKind::List(Vec::new())),
            Event::MappingStart(style, ..) => {
                return self.start(style, span, OpenKind::Map { pairs: Vec::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => return self.end(span),
            _ => {}
        }
        true
    }

    fn span(&self, place: granit_parser::Span) -> Span {
        let range = place.byte_range().unwrap_or(0..0);
        let end = range.end.min(self.text.len());
        Span { file: self.file, start: range.start.min(end), end }
    }

    /// The innermost bracket that is still open.
    fn open_bracket(&self) -> Option<Span> {
        let open = self.open.iter().rev().find(|open| open.flow)?;
        Some(Span { file: self.file, start: open.start, end: open.start + 1 })
    }

    /// The `---` of a document that starts at `span`.
    fn marker(&self, span: Span) -> Span {
        let length = if self.text[span.start..].starts_with("---") { 3 } else { span.end - span.start };
        Span { file: span.file, start: span.start, end: span.start + length }
    }

    fn forbid(&mut self, span: Span, what: &str, hint: &str) {
        self.forbidden += 1;
        self.diagnostics.error(Code::YamlFeature, span, format!("{what} are not allowed here")).hint(hint);
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, span: Span) -> bool {
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if block && value.trim().is_empty() {
            problem::empty_block(self.text, span, self.diagnostics);
            return false;
        }
        let span = trimmed(self.text, span);
        if style == ScalarStyle::Plain && self.open.last().is_some_and(|open| open.flow) {
            self.forbidden += usize::from(quoting::report_cut(self.text, span, self.diagnostics));
        }
        let null = style == ScalarStyle::Plain && matches!(value, "" | "~" | "null" | "Null" | "NULL");
        if self.expects_key() {
            if style == ScalarStyle::Plain && value == "<<" {
                self.forbid(span, "merge keys", "write the keys out");
            }
            if span.start == span.end {
                self.forbidden += 1;
                self.diagnostics
                    .error(Code::Syntax, span, "there is no key before this `:`")
                    .hint("write `name: value`");
            }
            return self.key(Spanned::new(value.to_owned(), span));
        }
        let content = if null { Content::Null } else { Content::Scalar(value.to_owned()) };
        self.add(Node { content, span })
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { kind: OpenKind::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, name: Spanned<String>) -> bool {
        if let Some(Open { kind: OpenKind::Map { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(name);
        }
        self.count(self.open.last().map_or(0, |open| open.start))
    }

    fn start(&mut self, style: granit_parser::StructureStyle, span: Span, kind: OpenKind) -> bool {
        if self.expects_key() {
            let what = if matches!(kind, OpenKind::List(_)) { "lists as keys" } else { "maps as keys" };
            self.forbid(
                span,
                what,
                "a key is a single word; if `{` or `[` belongs to a value, put the value in quotes",
            );
            return false;
        }
        if self.open.len() == DEPTH_MAX {
            problem::too_deep(span, self.diagnostics);
            return false;
        }
        self.open.push(Open { start: span.start, flow: style == granit_parser::StructureStyle::Flow, kind });
        true
    }

    fn end(&mut self, span: Span) -> bool {
        let Some(open) = self.open.pop() else { return false };
        let (content, last) = match open.kind {
            OpenKind::List(nodes) => {
                let last = nodes.last().map(|node| node.span.end);
                (Content::List(nodes), last)
            }
            OpenKind::Map { pairs, .. } => {
                let last = pairs.last().map(|(name, node)| node.span.end.max(name.span.end));
                (Content::Map(pairs), last)
            }
        };
        let end = if open.flow { span.end } else { last.unwrap_or(span.end) };
        self.add(Node { content, span: Span { file: self.file, start: open.start, end: end.max(open.start) } })
    }

    /// Hands a complete node to the list or map that it stands in.
    fn add(&mut self, node: Node) -> bool {
        let at = node.span.start;
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { kind: OpenKind::List(nodes), .. }) => nodes.push(node),
            Some(Open { kind: OpenKind::Map { pairs, key }, .. }) => match key.take() {
                Some(name) => pairs.push((name, node)),
                None => *key = Some(Spanned::new(String::new(), node.span)),
            },
        }
        self.count(at)
    }

    fn count(&mut self, at: usize) -> bool {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let span = Span { file: self.file, start: at, end: at };
            self.diagnostics
                .error(Code::TooComplex, span, format!("the file holds more than {NODES_MAX} values"))
                .hint("split it into several files, and `include` them");
            return false;
        }
        true
    }
}

/// A span without the white space at its end: a block of text runs up to the next key.
fn trimmed(text: &str, span: Span) -> Span {
    let length = text.get(span.start..span.end).map_or(0, |slice| slice.trim_end().len());
    Span { end: span.start + length, ..span }
}
