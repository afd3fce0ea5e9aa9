//! The entries of `sources:`.

use std::sync::Arc;

use crate::connector::{CheckContext, Format, MetadataColumn, Source, SourceKind};
use crate::diagnostic::{Code, Span, nearest};
use crate::plan::{At, EventTime, OnError, RootColumn, fingerprint};
use crate::schema::{Column, ColumnType, Schema};
use crate::spec::{Content, Entry, Item, Key, Kind, Node, Spanned};

use super::Checker;
use super::draft::{Draft, Host, Output, Place, RegionDraft, SourceDraft, TIME_COLUMNS};

const EVENT_TIME: &[Key] = &[
    Key::required("column", Kind::Column, "a column of type timestamp, declared or one that comes with every record"),
    Key::default(
        "lateness",
        Kind::Duration,
        "0s",
        "how far a row may be behind its partition before it counts as late",
    ),
];

/// The keys that every source has.
pub(crate) const SOURCE_KEYS: &[Key] = &[
    Key::optional("schema", Kind::Any, "the columns: name to type; `type?` may be null"),
    Key::default("format", Kind::Column, "json", "how records are written"),
    Key::optional("event_time", Kind::Group(EVENT_TIME), "when rows happened"),
    Key::default(
        "on_error",
        Kind::Choice(&["dead_letter", "skip", "fail"]),
        "dead_letter",
        "what becomes of records that fail",
    ),
];

impl Checker<'_> {
    pub(super) fn sources(&mut self, draft: &mut Draft) {
        for item in &self.spec.sources {
            let output = self.source(item, draft);
            draft.names.insert(item.name.value.clone(), (item.name.span, false));
            draft.outputs.insert(item.name.value.clone(), output);
        }
    }

    fn source(&mut self, item: &Item, draft: &mut Draft) -> Option<Output> {
        let (kind, own, rest) = self.connector_of(item, "source", |registry, name| {
            registry.sources.iter().copied().find(|kind| kind.name() == name)
        })?;
        let common = Entry::read(&rest, SOURCE_KEYS, self.variables, self.diagnostics);
        let source = self.checked_source(kind, own, item);
        let (common, source) = (common?, source?);
        let metadata = source.metadata();
        let declared = self.declared_schema(&common, &*source, &metadata, item)?;
        let format_name = common.word("format").value;
        let format = self.format(&common, &declared);
        let event_time = match common.group_if("event_time") {
            Some(entry) => Some(self.event_time(entry, &declared, &metadata)?),
            None => None,
        };
        let time_name = common.group_if("event_time").map(|entry| entry.word("column").value).unwrap_or_default();
        let on_error = match common.word("on_error").value.as_str() {
            "fail" => OnError::Fail,
            "skip" => OnError::Skip,
            _ => OnError::DeadLetter,
        };
        let format = format?;
        let visible: Vec<Column> =
            declared.columns.iter().cloned().chain(metadata.iter().map(|found| found.column.clone())).collect();
        let digest = source_fingerprint(&*source, &format_name, &declared, &time_name);
        let place = Place { host: Host::Source(draft.sources.len()), at: At::Root };
        let output = Output {
            places: vec![place],
            schema: declared.clone(),
            implicit: metadata.iter().map(|found| found.column.clone()).collect(),
            appends: true,
            timed: event_time.is_some(),
            sources: vec![draft.sources.len()],
            order: Vec::new(),
            fingerprints: vec![digest.clone()],
        };
        draft.sources.push(SourceDraft {
            name: item.name.value.clone(),
            source,
            format,
            declared,
            metadata,
            event_time,
            on_error,
            region: RegionDraft { root: Schema::new(with_time(visible)), ..RegionDraft::default() },
            fingerprint: digest,
        });
        Some(output)
    }

    fn checked_source(&mut self, kind: &dyn SourceKind, own: &Node, item: &Item) -> Option<Arc<dyn Source>> {
        let entry = Entry::read(own, kind.keys(), self.variables, self.diagnostics)?;
        let mut context =
            CheckContext { folder: &item.folder, variables: self.variables, diagnostics: self.diagnostics };
        kind.check(&entry, &mut context).map(Arc::from)
    }

    fn declared_schema(
        &mut self,
        common: &Entry,
        source: &dyn Source,
        metadata: &[MetadataColumn],
        item: &Item,
    ) -> Option<Schema> {
        let Some(node) = common.node_if("schema") else {
            if let Some(schema) = source.schema() {
                return Some(schema);
            }
            self.diagnostics
                .error(Code::MissingKey, item.name.span, format!("source `{}` has no `schema`", item.name.value))
                .hint("say which columns its records have, as in `schema: { user_name: string, viewer_count: int }`");
            return None;
        };
        let Content::Map(pairs) = &node.content else {
            let message = format!("`schema` must be a map of column names to types, found {}", node.kind());
            self.diagnostics.error(Code::WrongKind, node.span, message);
            return None;
        };
        let mut schema = Schema::default();
        let mut sound = !pairs.is_empty();
        if pairs.is_empty() {
            self.diagnostics.error(Code::BadValue, node.span, "`schema` has no column");
        }
        for (name, value) in pairs {
            match self.declared_column(name, value) {
                _ if schema.index_of(&name.value).is_some() => {
                    let message = format!("column `{}` stands twice in the schema", name.value);
                    self.diagnostics.error(Code::DuplicateKey, name.span, message);
                    sound = false;
                }
                _ if metadata.iter().any(|found| found.column.name == name.value) => {
                    let message = format!("column `{}` comes with every record of this source", name.value);
                    self.diagnostics
                        .error(Code::DuplicateColumn, name.span, message)
                        .hint("leave it out of the schema");
                    sound = false;
                }
                Some(column) => schema.columns.push(column),
                None => sound = false,
            }
        }
        sound.then_some(schema)
    }

    fn declared_column(&mut self, name: &Spanned<String>, value: &Node) -> Option<Column> {
        let usable = !name.value.is_empty() && name.value.len() <= 64 && !name.value.starts_with('$');
        if !usable || name.value.chars().any(|c| c.is_control() || c == '"') {
            self.diagnostics
                .error(Code::BadName, name.span, format!("`{}` is no name for a column", name.value))
                .hint("a name has 1 to 64 bytes, no quotes and control characters, and no `$` first");
            return None;
        }
        let Content::Scalar(text) = &value.content else {
            let message = format!("column `{}` needs a type, found {}", name.value, value.kind());
            self.diagnostics
                .error(Code::WrongKind, value.span, message)
                .hint("write a type, as in `viewer_count: int`");
            return None;
        };
        let (written, nullable) = match text.strip_suffix('?') {
            Some(written) => (written, true),
            None => (text.as_str(), false),
        };
        match ColumnType::parse(written) {
            Ok(column_type) => Some(Column { name: name.value.clone(), column_type, nullable }),
            Err(message) => {
                let near = nearest(written, ColumnType::NAMES.iter().copied());
                let found = self.diagnostics.error(Code::UnknownWord, value.span, message);
                match near {
                    Some(near) => found.did_you_mean(Some(near)),
                    None => found.hint(format!("types: {}", ColumnType::NAMES.join(", "))),
                };
                None
            }
        }
    }

    fn format(&mut self, common: &Entry, declared: &Schema) -> Option<Arc<dyn Format>> {
        let name = common.word("format");
        let Some(kind) = self.registry.formats.iter().find(|kind| kind.name() == name.value) else {
            let names: Vec<&str> = self.registry.formats.iter().map(|kind| kind.name()).collect();
            let message = format!("no format is called `{}`", name.value);
            let found = self.diagnostics.error(Code::UnknownWord, name.span, message);
            match nearest(&name.value, names.iter().copied()) {
                Some(near) => found.did_you_mean(Some(near)),
                None => found.hint(format!("formats: {}", names.join(", "))),
            };
            return None;
        };
        match kind.check(declared) {
            Ok(format) => Some(Arc::from(format)),
            Err((column, message)) => {
                let column = declared.columns.get(column).map_or("", |column| column.name.as_str());
                self.diagnostics.error(
                    Code::BadValue,
                    common.span_of("schema"),
                    format!("format `{}` cannot carry column `{column}`: {message}", name.value),
                );
                None
            }
        }
    }

    fn event_time(&mut self, entry: &Entry, declared: &Schema, metadata: &[MetadataColumn]) -> Option<EventTime> {
        let name = entry.word("column");
        let found =
            declared.index_of(&name.value).map(|at| (RootColumn::Declared(at), &declared.columns[at])).or_else(|| {
                let at = metadata.iter().position(|found| found.column.name == name.value)?;
                Some((RootColumn::Metadata(at), &metadata[at].column))
            });
        let Some((column, definition)) = found else {
            let names = declared.names().chain(metadata.iter().map(|found| found.column.name.as_str()));
            let near = nearest(&name.value, names);
            let message = format!("no column is called `{}`", name.value);
            self.diagnostics.error(Code::UnknownColumn, name.span, message).did_you_mean(near);
            return None;
        };
        if definition.column_type != ColumnType::Timestamp || definition.nullable {
            let optional = if definition.nullable { "?" } else { "" };
            let message = format!(
                "event time needs a `timestamp`, but `{}` is `{}{optional}`",
                name.value, definition.column_type
            );
            self.diagnostics.error(Code::TypeMismatch, name.span, message);
            return None;
        }
        Some(EventTime { column, lateness: entry.duration("lateness") })
    }

    /// The one connector of an entry: its kind, its own keys, and the entry without them.
    pub(super) fn connector_of<'k, K: ?Sized>(
        &mut self,
        item: &'k Item,
        what: &str,
        find: impl Fn(&crate::connector::Registry, &str) -> Option<&'static K>,
    ) -> Option<(&'static K, &'k Node, Node)> {
        let Content::Map(pairs) = &item.node.content else {
            let message = format!("{what} `{}` must be a map, found {}", item.name.value, item.node.kind());
            self.diagnostics.error(Code::WrongKind, item.node.span, message);
            return None;
        };
        let named: Vec<_> =
            pairs.iter().filter_map(|(name, node)| Some((find(self.registry, &name.value)?, name, node))).collect();
        let known: Vec<&str> = match what {
            "source" => self.registry.sources.iter().map(|kind| kind.name()).collect(),
            _ => self.registry.sinks.iter().map(|kind| kind.name()).collect(),
        };
        if let [_, (_, second, _), ..] = named.as_slice() {
            let message = format!("{what} `{}` has two connectors", item.name.value);
            let first: Span = named[0].1.span;
            self.diagnostics
                .error(Code::Conflict, second.span, message)
                .hint(format!("make two {what}s of it"))
                .label(first, "the first");
            return None;
        }
        let Some((kind, name, node)) = named.into_iter().next() else {
            let near =
                pairs.iter().find_map(|(name, _)| Some((name.span, nearest(&name.value, known.iter().copied())?)));
            let message = format!("{what} `{}` names no connector", item.name.value);
            match near {
                Some((span, near)) => self.diagnostics.error(Code::UnknownKey, span, message).did_you_mean(Some(near)),
                None => self
                    .diagnostics
                    .error(Code::MissingKey, item.name.span, message)
                    .hint(format!("add one of: {}", known.join(", "))),
            };
            return None;
        };
        let rest = pairs.iter().filter(|(other, _)| other.span != name.span).cloned().collect();
        Some((kind, node, Node { content: Content::Map(rest), span: item.node.span }))
    }
}

/// Everything that decides what a source's rows are.
fn source_fingerprint(source: &dyn Source, format: &str, declared: &Schema, time: &str) -> String {
    let columns = declared
        .columns
        .iter()
        .map(|column| format!("{}: {}{}", column.name, column.column_type, if column.nullable { "?" } else { "" }));
    let columns = columns.collect::<Vec<_>>().join(", ");
    fingerprint(&format!("source {}; {format}; {columns}; {time}", source.meaning()), &[])
}

/// The columns that a source's region can start with: those that users see, and those that tell when a row happened.
fn with_time(mut columns: Vec<Column>) -> Vec<Column> {
    let [time, partition, offset] = TIME_COLUMNS;
    columns.push(Column::new(time, ColumnType::Timestamp));
    columns.push(Column::new(partition, ColumnType::Int));
    columns.push(Column::new(offset, ColumnType::Int));
    columns
}
