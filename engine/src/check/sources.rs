//! The entries of `sources:`.

use std::sync::Arc;

use crate::connector::{CheckContext, Format, FormatKind, MetadataColumn, Source, SourceKind};
use crate::diagnostic::{Code, nearest};
use crate::plan::{At, EventTime, OnError, RootColumn, fingerprint};
use crate::schema::{Column, ColumnType, Schema};
use crate::spec::{Content, Entry, Item, Key, Kind, Node, Spanned};

use super::Checker;
use super::connector_key::{Connected, Connectors};
use super::draft::{Draft, Host, LATE_COLUMN, Output, Place, RegionDraft, SourceDraft, TIME_COLUMNS};
use super::misplaced::Section;

const EVENT_TIME: &[Key] = &[
    Key::required("column", Kind::Column, "a column of type timestamp, declared or one that comes with every record"),
    Key::default(
        "lateness",
        Kind::Duration,
        "0s",
        "how far a row may be behind its partition before it counts as late",
    ),
    Key::optional(
        "idle",
        Kind::Duration,
        "how long a partition may be silent before time goes on without it; never by default",
    ),
];

/// The keys that every source has.
pub(crate) const SOURCE_KEYS: &[Key] = &[
    Key::optional("schema", Kind::Any, "the columns: name to type; `type?` may be null"),
    Key::default("format", Kind::Name, "json", "how records are written"),
    Key::optional("event_time", Kind::Group(EVENT_TIME), "when rows happened"),
    Key::default(
        "on_error",
        Kind::Choice(&["dead_letter", "skip", "fail"]),
        "dead_letter",
        "what becomes of records that fail",
    ),
];

/// What a schema looks like.
const SCHEMA_FORM: &str = "write names and types, as in `schema: { user_name: string, viewer_count: int }`";

/// Names that types have elsewhere.
const FOREIGN_TYPES: &[(&str, &str)] = &[
    ("text", "string"),
    ("str", "string"),
    ("varchar", "string"),
    ("integer", "int"),
    ("int32", "int"),
    ("int64", "int"),
    ("bigint", "int"),
    ("long", "int"),
    ("double", "float"),
    ("float64", "float"),
    ("real", "float"),
    ("numeric", "decimal(38,10)"),
    ("number", "decimal(38,10)"),
    ("boolean", "bool"),
    ("datetime", "timestamp"),
    ("time", "timestamp"),
    ("array", "list(string)"),
    ("object", "json"),
    ("map", "json"),
    ("struct", "json"),
];

impl Checker<'_> {
    pub(super) fn sources(&mut self, draft: &mut Draft) {
        for item in self.entries(&self.spec.sources, Section::Sources, draft) {
            let output = self.source(item, draft);
            draft.outputs.insert(item.name.value.clone(), output);
        }
    }

    fn source(&mut self, item: &Item, draft: &mut Draft) -> Option<Output> {
        let connectors = Connectors { what: "source", kinds: self.registry.sources, common: SOURCE_KEYS };
        let Connected { kind, own, rest } = self.connector_of(item, &connectors)?;
        let (common, wrong) = Entry::salvage(&rest, SOURCE_KEYS, self.variables, self.diagnostics);
        let source = self.checked_source(kind, &own, item);
        let metadata = source.as_ref().map(|source| source.metadata()).unwrap_or_default();
        let declared = if wrong.contains(&"schema") {
            None
        } else {
            self.declared_schema(&common, source.as_deref(), &metadata, item)
        };
        let format = self.format_kind(&common);
        let (source, declared) = (source?, declared?);
        let format_name = common.word("format").value;
        if let Some((message, hint)) = source.refuses_format(&format_name) {
            let span = if has_key(&item.node, "format") { common.span_of("format") } else { item.name.span };
            self.diagnostics.error(Code::Conflict, span, message).hint(hint);
            return None;
        }
        let format = format.and_then(|kind| self.format(kind, &common, &declared, item));
        let event_time = match common.group_if("event_time") {
            Some(entry) => Some(self.event_time(entry, &declared, &metadata)?),
            None if wrong.contains(&"event_time") => return None,
            None => None,
        };
        let time_name = common.group_if("event_time").map(|entry| entry.word("column").value).unwrap_or_default();
        let on_error = match common.word("on_error").value.as_str() {
            "fail" => OnError::Fail,
            "skip" => OnError::Skip,
            _ => OnError::DeadLetter,
        };
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
        source: Option<&dyn Source>,
        metadata: &[MetadataColumn],
        item: &Item,
    ) -> Option<Schema> {
        let Some(node) = common.node_if("schema") else {
            if let Some(schema) = source?.schema() {
                return Some(schema);
            }
            self.diagnostics
                .error(Code::MissingKey, item.name.span, format!("source `{}` has no `schema`", item.name.value))
                .hint(format!("say which columns its records have: {SCHEMA_FORM}"));
            return None;
        };
        if source.and_then(Source::schema).is_some() {
            let message = format!("source `{}` has a schema of its own, so none can be declared", item.name.value);
            self.diagnostics
                .error(Code::Conflict, node.span, message)
                .hint("remove `schema`; `select` and `derive` make other columns of those that come");
            return None;
        }
        let Content::Map(pairs) = &node.content else {
            let message = format!("`schema` must be a map of column names to types, found {}", node.kind());
            self.diagnostics.error(Code::WrongKind, node.span, message).hint(SCHEMA_FORM);
            return None;
        };
        let mut schema = Schema::default();
        let mut sound = !pairs.is_empty();
        if pairs.is_empty() {
            self.diagnostics.error(Code::BadValue, node.span, "`schema` has no column").hint(SCHEMA_FORM);
        }
        for (name, value) in pairs {
            match self.declared_column(name, value) {
                _ if schema.index_of(&name.value).is_some() => {
                    let message = format!("column `{}` stands twice in the schema", name.value);
                    self.diagnostics.error(Code::DuplicateKey, name.span, message).hint("remove one of them");
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
                let found = self.diagnostics.error(Code::UnknownWord, value.span, message);
                found.hint = Some(type_hint(written));
                None
            }
        }
    }

    fn format_kind(&mut self, common: &Entry) -> Option<&'static dyn FormatKind> {
        let name = common.word("format");
        let found = self.registry.formats.iter().copied().find(|kind| kind.name() == name.value);
        if found.is_none() {
            let names: Vec<&str> = self.registry.formats.iter().map(|kind| kind.name()).collect();
            let message = format!("no format is called `{}`", name.value);
            let found = self.diagnostics.error(Code::UnknownWord, name.span, message);
            match nearest(&name.value, names.iter().copied()) {
                Some(near) => found.did_you_mean(Some(near)),
                None => found.hint(format!("formats: {}", names.join(", "))),
            };
        }
        found
    }

    fn format(
        &mut self,
        kind: &dyn FormatKind,
        common: &Entry,
        declared: &Schema,
        item: &Item,
    ) -> Option<Arc<dyn Format>> {
        match kind.check(declared) {
            Ok(format) => Some(Arc::from(format)),
            Err((column, message)) => {
                let column = declared.columns.get(column).map_or("", |column| column.name.as_str());
                let span = match common.node_if("schema").map(|node| &node.content) {
                    Some(Content::Map(pairs)) => {
                        pairs.iter().find(|(name, _)| name.value == column).map(|(_, declared)| declared.span)
                    }
                    _ if has_key(&item.node, "format") => Some(common.span_of("format")),
                    _ => None,
                };
                let message = format!("column `{column}` does not fit: {message}");
                self.diagnostics.error(Code::BadValue, span.unwrap_or(item.name.span), message);
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
            let names: Vec<&str> = names.collect();
            let found =
                self.diagnostics.error(Code::UnknownColumn, name.span, format!("unknown column `{}`", name.value));
            match nearest(&name.value, names.iter().copied()) {
                Some(near) => found.did_you_mean(Some(near)),
                None => found.hint(format!("columns here: {}", names.join(", "))),
            };
            return None;
        };
        if definition.column_type != ColumnType::Timestamp || definition.nullable {
            let optional = if definition.nullable { "?" } else { "" };
            let message = format!(
                "event time needs a `timestamp`, but `{}` is `{}{optional}`",
                name.value, definition.column_type
            );
            let hint = match definition.column_type {
                ColumnType::Timestamp => format!("declare it without `?`: `{}: timestamp`", name.value),
                _ => "name a column of type `timestamp`, or one that comes with every record".to_owned(),
            };
            self.diagnostics.error(Code::TypeMismatch, name.span, message).hint(hint);
            return None;
        }
        Some(EventTime { column, lateness: entry.duration("lateness") })
    }
}

/// Whether a map has a key, of whatever kind its value is.
fn has_key(node: &Node, key: &str) -> bool {
    matches!(&node.content, Content::Map(pairs) if pairs.iter().any(|(name, _)| name.value == key))
}

/// What to write in place of a type that is none.
fn type_hint(written: &str) -> String {
    let lower = written.trim().to_lowercase();
    let word = lower.split('(').next().unwrap_or_default();
    if word == "decimal" {
        return "write how many digits there are, and how many of them behind the point: `decimal(10,2)`".into();
    }
    if word == "list" {
        return "write the type of the elements: `list(string)`".into();
    }
    let foreign = FOREIGN_TYPES.iter().find(|(name, _)| *name == word).map(|(_, ours)| *ours);
    match foreign.or_else(|| nearest(word, ColumnType::NAMES.iter().copied())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("types: {}", ColumnType::NAMES.join(", ")),
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
    columns.push(Column::new(LATE_COLUMN, ColumnType::Bool));
    columns
}
