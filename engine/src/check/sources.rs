//! The entries of `sources:`.

use std::sync::Arc;

use crate::connector::{CheckContext, Format, FormatKind, MetadataColumn, Source, SourceKind};
use crate::diagnostic::{Code, Diagnostics, nearest};
use crate::operator::find_column;
use crate::plan::{At, EventTime, MaxErrors, OnError, RootColumn, fingerprint};
use crate::schema::{Beyond, Column, ColumnType, Schema, Sketch};
use crate::spec::{Content, Entry, Item, Key, Kind, Node};

use super::Checker;
use super::connector_key::{Connected, Connectors};
use super::draft::{
    Draft, Host, LATE_COLUMN, LettersDraft, Output, Place, RegionDraft, Shape, SourceDraft, TIME_COLUMNS,
};
use super::letters::{DEAD_LETTERS, MAX_ERRORS};
use super::misplaced::Section;
use super::reading::written;

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
    Key::optional(
        DEAD_LETTERS,
        Kind::Any,
        "the sink of dead letters, as any sink without `from`; by default a table in the pipeline's state folder",
    ),
    Key::optional(
        MAX_ERRORS,
        Kind::Text,
        "how many records of a run may fail before it stops: a number as `100`, or a part of those read as `5%`",
    ),
];

impl Checker<'_> {
    pub(super) fn sources(&mut self, draft: &mut Draft) {
        for item in self.entries(&self.spec.sources, Section::Sources, draft) {
            let output = self.source(item, draft);
            draft.outputs.insert(item.name.value.clone(), output);
        }
    }

    /// What a source gives. All of its parts are checked, whatever is wrong with the others.
    fn source(&mut self, item: &Item, draft: &mut Draft) -> Output {
        let connectors = Connectors { what: "source", kinds: self.registry.sources, common: SOURCE_KEYS };
        let Some(Connected { kind, own, rest }) = self.connector_of(item, &connectors) else {
            return Output::unknown();
        };
        let reading = self.read(&rest, SOURCE_KEYS);
        let Some(common) = reading.forms.first() else { return Output::unknown() };
        let source = kind.and_then(|kind| self.checked_source(kind, &own, item));
        let typical = match (&source, kind) {
            (None, Some(kind)) => self.typical_source(kind, item),
            _ => None,
        };
        let known = source.as_ref().or(typical.as_ref());
        let metadata = known.map(|source| source.metadata()).unwrap_or_default();
        let mut declared = self.declared_schema(common, known.map(AsRef::as_ref), &metadata, item);
        let format = self.format_kind(common).filter(|kind| self.fits(*kind, source.as_deref(), common, item));
        let format = format.and_then(|kind| self.format(kind, common, &declared, item));
        let implicit: Vec<Column> = metadata.iter().map(|found| found.column.clone()).collect();
        if known.is_none() {
            declared.extend(Beyond::Metadata);
        }
        let event_time =
            common.group_if("event_time").map(|entry| self.event_time(entry, &declared, &metadata).ok_or(()));
        let letters = common.node_if(DEAD_LETTERS).map(|node| self.letters(node, item, draft).ok_or(()));
        let max_errors = self.max_errors(common);
        let output = Output {
            shape: Shape::Rows,
            places: Vec::new(),
            columns: declared,
            implicit,
            appends: Some(true),
            timed: written(&rest, "event_time", SOURCE_KEYS).is_some(),
            sources: Vec::new(),
            order: Vec::new(),
            fingerprints: Vec::new(),
        };
        match (source, format, event_time.transpose(), letters.transpose()) {
            (Some(source), Some(format), Ok(event_time), Ok(letters))
                if reading.sound && output.columns.is_complete() =>
            {
                let understood = Understood { source, format, event_time, metadata, letters, max_errors };
                draft.add_source(item, common, understood, output)
            }
            _ => output,
        }
    }

    fn checked_source(&mut self, kind: &dyn SourceKind, own: &Node, item: &Item) -> Option<Arc<dyn Source>> {
        let reading = self.read(own, kind.keys());
        let (folder, variables) = (&item.folder, self.variables);
        let source = reading.check(self.diagnostics, |entry, diagnostics| {
            kind.check(entry, &mut CheckContext { folder, variables, diagnostics })
        });
        source.flatten().map(Arc::from)
    }

    /// Some source of a kind, for the columns that come with its records.
    fn typical_source(&self, kind: &dyn SourceKind, item: &Item) -> Option<Arc<dyn Source>> {
        let nothing = Node { content: Content::Null, span: item.node.span };
        let (folder, variables) = (&item.folder, self.variables);
        let mut unheard = Diagnostics::default();
        let mut context = CheckContext { folder, variables, diagnostics: &mut unheard };
        self.guess(&nothing, kind.keys()).forms.iter().find_map(|entry| kind.check(entry, &mut context)).map(Arc::from)
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

    /// Whether records of the source can be written in a format.
    fn fits(&mut self, kind: &dyn FormatKind, source: Option<&dyn Source>, common: &Entry, item: &Item) -> bool {
        let Some((message, hint)) = source.and_then(|source| source.refuses_format(kind.name())) else { return true };
        let span = if has_key(&item.node, "format") { common.span_of("format") } else { item.name.span };
        self.diagnostics.error(Code::Conflict, span, message).hint(hint);
        false
    }

    fn format(
        &mut self,
        kind: &dyn FormatKind,
        common: &Entry,
        declared: &Sketch,
        item: &Item,
    ) -> Option<Arc<dyn Format>> {
        if declared.beyond() == Beyond::Anything {
            return None;
        }
        // Every format has text, so a column of an unknown type counts as that.
        let declared = declared.guessed(|name| Column::new(name, ColumnType::String));
        match kind.check(&declared) {
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

    fn event_time(&mut self, entry: &Entry, declared: &Sketch, metadata: &[MetadataColumn]) -> Option<EventTime> {
        let name = entry.word("column");
        let implicit: Vec<Column> = metadata.iter().map(|found| found.column.clone()).collect();
        let all = declared.with(&implicit);
        let at = all.judge(self.diagnostics, |known, diagnostics| find_column(&name, known, diagnostics))?;
        let definition = &all.known.columns[at];
        let column = match at.checked_sub(declared.known.columns.len()) {
            None => RootColumn::Declared(at),
            Some(at) => RootColumn::Metadata(at),
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

/// The parts of a source in which nothing is wrong.
struct Understood {
    source: Arc<dyn Source>,
    format: Arc<dyn Format>,
    event_time: Option<EventTime>,
    metadata: Vec<MetadataColumn>,
    letters: Option<LettersDraft>,
    max_errors: Option<MaxErrors>,
}

impl Draft {
    fn add_source(&mut self, item: &Item, common: &Entry, understood: Understood, output: Output) -> Output {
        let Understood { source, format, event_time, metadata, letters, max_errors } = understood;
        let on_error = match common.word("on_error").value.as_str() {
            "fail" => OnError::Fail,
            "skip" => OnError::Skip,
            _ => OnError::DeadLetter,
        };
        let format_name = common.word("format").value;
        let time_name = common.group_if("event_time").map(|entry| entry.word("column").value).unwrap_or_default();
        let declared = output.columns.known.clone();
        let visible = declared.columns.iter().chain(&output.implicit).cloned().collect();
        let fingerprint = source_fingerprint(&item.name.value, &*source, &format_name, &declared, &time_name);
        let at = self.sources.len();
        self.sources.push(SourceDraft {
            name: item.name.value.clone(),
            source,
            format,
            declared,
            metadata,
            event_time,
            on_error,
            max_errors,
            letters,
            region: RegionDraft { root: Schema::new(with_time(visible)), ..RegionDraft::default() },
            fingerprint: fingerprint.clone(),
        });
        let place = Place { host: Host::Source(at), at: At::Root };
        Output { places: vec![place], sources: vec![at], fingerprints: vec![fingerprint], ..output }
    }
}

/// Whether a map has a key, of whatever kind its value is.
fn has_key(node: &Node, key: &str) -> bool {
    matches!(&node.content, Content::Map(pairs) if pairs.iter().any(|(name, _)| name.value == key))
}

/// Everything that decides what a source's rows are, and its name: under that the journal knows how far it was read.
fn source_fingerprint(name: &str, source: &dyn Source, format: &str, declared: &Schema, time: &str) -> String {
    let columns = declared
        .columns
        .iter()
        .map(|column| format!("{}: {}{}", column.name, column.column_type, if column.nullable { "?" } else { "" }));
    let columns = columns.collect::<Vec<_>>().join(", ");
    fingerprint(&format!("source {name}: {}; {format}; {columns}; {time}", source.meaning()), &[])
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
