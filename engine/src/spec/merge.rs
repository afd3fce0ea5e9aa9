//! The entries of several files merged to one pipeline: each key read on its own, so that one mistake hides no other.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Diagnostics, Span};

use super::pipeline::is_name;
use super::value::{unknown_key, unset_variable};
use super::{
    Content, Entry, FEED_KEYS, Feed, Item, Key, Kind, Mode, Need, Node, PipelineSpec, REPORT_KEYS, Report, Spanned,
    Text, Value, Variables,
};

/// The pipeline as far as it has been read.
pub(super) struct Merge<'a> {
    variables: &'a Variables,
    name: Option<Spanned<String>>,
    named: bool,
    complete: bool,
    empty: Vec<Spanned<String>>,
    strays: Vec<String>,
    mode: Mode,
    epoch: Option<Spanned<std::time::Duration>>,
    checkpoint: Option<std::time::Duration>,
    memory: Option<Spanned<u64>>,
    feed: Option<Feed>,
    sources: Vec<Item>,
    operators: Vec<Item>,
    sinks: Vec<Item>,
    reports: Vec<Report>,
}

/// One key at the top of a file, and its value.
pub(super) struct Part {
    key: &'static str,
    entry: Entry,
}

impl<'a> Merge<'a> {
    pub(super) fn new(variables: &'a Variables) -> Self {
        Self {
            variables,
            name: None,
            named: false,
            complete: true,
            empty: Vec::new(),
            strays: Vec::new(),
            mode: Mode::default(),
            epoch: None,
            checkpoint: None,
            memory: None,
            feed: None,
            sources: Vec::new(),
            operators: Vec::new(),
            sinks: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Reads one key at the top of a file; none if it is wrong, or if nothing stands after it.
    pub(super) fn read(
        &mut self,
        name: &Spanned<String>,
        value: &Node,
        keys: &'static [Key],
        diagnostics: &mut Diagnostics,
    ) -> Option<Part> {
        self.named |= name.value == "name";
        let Some(at) = keys.iter().position(|key| key.name == name.value) else {
            let meant = unknown_key(name, None, keys, diagnostics);
            self.named |= meant == Some("name");
            self.complete &= matches!(value.content, Content::Scalar(_)) && meant != Some("include");
            match (&value.content, meant) {
                (Content::Map(pairs), Some(_)) => self.strays.extend(pairs.iter().map(|(name, _)| name.value.clone())),
                _ => self.strays.push(name.value.clone()),
            }
            return None;
        };
        if matches!(&value.content, Content::Map(pairs) if pairs.is_empty()) || value.content == Content::Null {
            self.empty.push(name.clone());
        }
        if value.content == Content::Null && keys[at].need == Need::Optional {
            return None;
        }
        let pair = Node { content: Content::Map(vec![(name.clone(), value.clone())]), span: value.span };
        let entry = Entry::read(&pair, &keys[at..=at], self.variables, diagnostics);
        self.complete &= entry.is_some() || !matches!(keys[at].kind, Kind::Map(_) | Kind::List(_));
        Some(Part { key: keys[at].name, entry: entry? })
    }

    /// The files that a part includes.
    pub(super) fn includes(&self, part: &Part, diagnostics: &mut Diagnostics) -> Vec<(PathBuf, Span)> {
        if part.key != "include" {
            return Vec::new();
        }
        let texts = part.entry.spanned_texts("include");
        texts.iter().filter_map(|text| Some((self.resolve(text, diagnostics)?.into(), text.span))).collect()
    }

    /// Takes a part of a file in this folder.
    pub(super) fn take(&mut self, part: &Part, folder: &Path, diagnostics: &mut Diagnostics) {
        let entry = &part.entry;
        match part.key {
            "name" => {
                let text = Spanned::new(entry.text("name"), entry.span_of("name"));
                if let Some(name) = self.resolve(&text, diagnostics) {
                    let name = Spanned::new(name, text.span);
                    check_name(&name, true, diagnostics);
                    self.name = Some(name);
                }
            }
            "mode" if entry.word("mode").value == "batch" => self.mode = Mode::Batch,
            "epoch" => self.epoch = entry.duration_if("epoch").map(|epoch| Spanned::new(epoch, entry.span_of("epoch"))),
            "checkpoint" => self.checkpoint = entry.duration_if("checkpoint"),
            "memory" => self.memory = entry.size_if("memory").map(|size| Spanned::new(size, entry.span_of("memory"))),
            "feed" => self.feed = entry.node_if("feed").and_then(|node| self.read_feed(node, folder, diagnostics)),
            "sources" | "operators" | "sinks" => self.take_items(part, folder, diagnostics),
            "reports" => self.take_reports(entry, diagnostics),
            _ => {}
        }
    }

    fn take_items(&mut self, part: &Part, folder: &Path, diagnostics: &mut Diagnostics) {
        for (name, value) in part.entry.map(part.key) {
            let Value::Node(node) = &value.value else { continue };
            check_name(name, false, diagnostics);
            let item = Item { name: name.clone(), node: node.clone(), folder: folder.to_owned() };
            let before = match part.key {
                "sinks" => find(&self.sinks, &name.value),
                _ => find(&self.sources, &name.value).or_else(|| find(&self.operators, &name.value)),
            };
            match (before, part.key) {
                (Some(before), _) => report_twice(name, before, diagnostics),
                (None, "sources") => self.sources.push(item),
                (None, "operators") => self.operators.push(item),
                (None, _) => self.sinks.push(item),
            }
        }
    }

    fn take_reports(&mut self, entry: &Entry, diagnostics: &mut Diagnostics) {
        for (name, value) in entry.map("reports") {
            let Value::Node(node) = &value.value else { continue };
            check_name(name, false, diagnostics);
            if let Some(before) = self.reports.iter().find(|report| report.name.value == name.value) {
                report_twice(name, before.name.span, diagnostics);
                continue;
            }
            if !matches!(node.content, Content::Map(_)) {
                Entry::read(node, REPORT_KEYS, self.variables, diagnostics);
                continue;
            }
            let (entry, _) = Entry::salvage(node, REPORT_KEYS, self.variables, diagnostics);
            let Some(sink) = entry.text_if("sink") else { continue };
            let sink = Spanned::new(sink, entry.span_of("sink"));
            let Some(target) = self.resolve(&sink, diagnostics) else { continue };
            self.reports.push(Report {
                name: name.clone(),
                sink: Spanned::new(target, sink.span),
                sql: entry.text_if("sql").map(|sql| Spanned::new(sql, entry.span_of("sql"))),
                title: entry.text_if("title"),
            });
        }
    }

    fn read_feed(&self, node: &Node, folder: &Path, diagnostics: &mut Diagnostics) -> Option<Feed> {
        let short;
        let node = match node.content {
            Content::Scalar(_) => {
                let run = Spanned::new("run".to_owned(), node.span);
                short = Node { content: Content::Map(vec![(run, node.clone())]), span: node.span };
                &short
            }
            _ => node,
        };
        let entry = Entry::read(node, FEED_KEYS, self.variables, diagnostics)?;
        let span = entry.span_of("run");
        let file = self.resolve(&Spanned::new(entry.text("run"), span), diagnostics)?;
        let set = entry.map("set").iter().filter_map(|(name, value)| match &value.value {
            Value::Text(text) => Some((name.clone(), text.clone())),
            _ => None,
        });
        Some(Feed { file: Spanned::new(folder.join(file), span), set: set.collect() })
    }

    fn resolve(&self, text: &Spanned<Text>, diagnostics: &mut Diagnostics) -> Option<String> {
        match text.value.resolve(self.variables) {
            Ok(resolved) => Some(resolved),
            Err(missing) => {
                unset_variable(&missing, &text.value, text.span, diagnostics);
                None
            }
        }
    }

    /// The pipeline, whose file at `path` has its map at `root`.
    pub(super) fn finish(mut self, root: Span, path: &Path, diagnostics: &mut Diagnostics) -> PipelineSpec {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let top = Span { end: root.start, ..root };
        if !self.named {
            self.complete = false;
            let fitting = if is_name(&stem, true) { &stem } else { "my-pipeline" };
            let include = "leave it as it is and check the pipeline that includes it";
            if self.sinks.is_empty() {
                let message = "this file can be included, but not run alone: it has neither `name` nor `sinks`";
                diagnostics
                    .error(Code::MissingKey, top, message)
                    .hint(format!("{include}, or add `name: {fitting}` and `sinks:`"));
            } else {
                diagnostics
                    .error(Code::MissingKey, top, "key `name` is missing")
                    .hint(format!("add `name: {fitting}` at the top; or, if others include this file, {include}"));
            }
        }
        PipelineSpec {
            name: self.name.unwrap_or(Spanned::new(stem, root)),
            mode: self.mode,
            epoch: self.epoch,
            checkpoint: self.checkpoint,
            memory: self.memory,
            feed: self.feed,
            complete: self.complete,
            top,
            empty: self.empty,
            strays: self.strays,
            sources: self.sources,
            operators: self.operators,
            sinks: self.sinks,
            reports: self.reports,
        }
    }
}

fn find(items: &[Item], name: &str) -> Option<Span> {
    items.iter().find(|item| item.name.value == name).map(|item| item.name.span)
}

fn report_twice(name: &Spanned<String>, before: Span, diagnostics: &mut Diagnostics) {
    diagnostics
        .error(Code::DuplicateName, name.span, format!("name `{}` is taken", name.value))
        .label(before, "first here")
        .hint("give one of them another name");
}

/// Reports a name that is none. Its entry is kept all the same, so that what uses it finds it.
fn check_name(name: &Spanned<String>, dashes: bool, diagnostics: &mut Diagnostics) {
    if is_name(&name.value, dashes) {
        return;
    }
    let fitting: String =
        name.value.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(63).collect();
    let also = if dashes { ", `_` and `-`" } else { " and `_`" };
    let hint =
        format!("names are made of letters, digits{also}, begin with a letter or `_`, and have at most 63 of them");
    let hint = if is_name(&fitting, dashes) { format!("{hint}: `{fitting}`") } else { hint };
    diagnostics.error(Code::BadName, name.span, format!("`{}` is not a name", name.value)).hint(hint);
}
