//! Entries as YAML would make them, and the rows that flow into sinks.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use engine::connector::{Changes, CheckContext, Source, SourceKind};
use engine::diagnostic::{Code, Diagnostics, FileId, Span};
use engine::schema::{Column, ColumnType, Schema};
use engine::spec::{Content, Entry, Key, Node, Spanned, Variables};

use crate::place::Row;

pub(crate) const NOWHERE: Span = Span { file: FileId(0), start: 0, end: 0 };

pub(crate) fn scalar(text: &str) -> Node {
    Node { content: Content::Scalar(text.to_owned()), span: NOWHERE }
}

pub(crate) fn list(nodes: impl IntoIterator<Item = Node>) -> Node {
    Node { content: Content::List(nodes.into_iter().collect()), span: NOWHERE }
}

pub(crate) fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
    let pairs = pairs.into_iter().map(|(key, value)| (Spanned::new(key.to_owned(), NOWHERE), value)).collect();
    Node { content: Content::Map(pairs), span: NOWHERE }
}

pub(crate) fn checked(kind: &dyn SourceKind, node: &Node) -> Result<Box<dyn Source>, Vec<Code>> {
    check(kind, node).map_err(|diagnostics| diagnostics.sorted().iter().map(|found| found.code).collect())
}

/// A source, or what the check says against it.
pub(crate) fn check(kind: &dyn SourceKind, node: &Node) -> Result<Box<dyn Source>, Diagnostics> {
    let keys: &'static [Key] = kind.keys();
    let (variables, mut diagnostics) = (Variables::default(), Diagnostics::default());
    let entry = Entry::read(node, keys, &variables, &mut diagnostics);
    let folder = Path::new(".");
    let source = entry.and_then(|entry| {
        kind.check(&entry, &mut CheckContext { folder, variables: &variables, diagnostics: &mut diagnostics })
    });
    source.ok_or(diagnostics)
}

pub(crate) fn schema() -> Schema {
    Schema::new(vec![Column::new("name", ColumnType::String), Column::nullable("n", ColumnType::Int)])
}

pub(crate) fn changes(rows: &[(&str, i64, i64)]) -> Changes {
    let names: ArrayRef = Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| row.0)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)));
    let rows_batch = RecordBatch::try_new(schema().arrow(), vec![names, numbers]).expect("fits");
    Changes { rows: rows_batch, diffs: rows.iter().map(|row| row.2).collect() }
}

pub(crate) fn values(rows: &[Row]) -> Vec<String> {
    let mut values: Vec<String> = rows.iter().filter_map(|row| row.value.clone()).collect();
    values.sort();
    values
}

/// The names in rows of [`schema`].
pub(crate) fn names(rows: &[Row]) -> Vec<String> {
    let name = |row: &String| row[9..].split('"').next().expect("a name").to_owned();
    values(rows).iter().map(name).collect()
}
