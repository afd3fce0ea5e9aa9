//! The source `file`: its keys, and its opening.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::connector::{
    Bound, CheckContext, ConnectorError, MetadataColumn, MetadataOrigin, OpenSource, Partition, PartitionIndex, Reader,
    Replay, Source, SourceKind,
};
use engine::diagnostic::Code;
use engine::schema::{Column, ColumnType};
use engine::spec::{Entry, Key, Kind, Text};

use super::cut::Separation;
use super::part::Part;
use super::pattern::{FilePattern, Found};
use super::reader::{FileReader, partition, separation_of};

const KEYS: &[Key] = &[
    Key::required("path", Kind::Text, "a file or a pattern of files, as `logs/*.json`, relative to this YAML's folder"),
    Key::default(
        "follow",
        Kind::Bool,
        "false",
        "whether to go on with new lines and new files as they come; in mode batch, files are read to where they end at the start",
    ),
    Key::optional(
        "records",
        Kind::Choice(&["lines", "csv"]),
        "how records are separated: by lines, or as CSV below a header; by default CSV for files named `*.csv`. Empty lines are no records, and are not counted",
    ),
];

/// The source `file`.
#[derive(Clone, Copy, Debug)]
pub struct FileSourceKind;

impl SourceKind for FileSourceKind {
    fn name(&self) -> &'static str {
        "file"
    }

    fn about(&self) -> &'static str {
        "reads files of lines or CSV, each a partition; can follow them as they grow"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn check(&self, entry: &Entry, context: &mut CheckContext<'_>) -> Option<Box<dyn Source>> {
        let separation = entry.word_if("records").map(|word| match word.value.as_str() {
            "csv" => Separation::Csv,
            _ => Separation::Lines,
        });
        let folder = context.folder.to_owned();
        let path = entry.text("path");
        if let Ok(written) = path.resolve(context.variables)
            && let Err(error) = FilePattern::new(&folder, written)
        {
            context.diagnostics.error(Code::BadValue, entry.span_of("path"), error.to_string()).hint(error.hint());
            return None;
        }
        Some(Box::new(FileSource { folder, path, follow: entry.flag("follow"), separation }))
    }
}

#[derive(Debug)]
struct FileSource {
    folder: PathBuf,
    path: Text,
    follow: bool,
    separation: Option<Separation>,
}

impl Source for FileSource {
    fn describe(&self) -> String {
        format!("file {}{}", self.path, if self.follow { ", followed" } else { "" })
    }

    fn metadata(&self) -> Vec<MetadataColumn> {
        let column =
            |name: &str, column_type, origin| MetadataColumn { column: Column::new(name, column_type), origin };
        vec![
            column("_file", ColumnType::String, MetadataOrigin::Partition(0)),
            column("_offset", ColumnType::Int, MetadataOrigin::Offset),
        ]
    }

    fn replay(&self) -> Replay {
        Replay::Seek
    }

    /// CSV takes the first record of a file for its header; to JSON it would be lost.
    fn refuses_format(&self, format: &str) -> Option<(String, String)> {
        let by_name = self.separation.is_none() && self.path.to_string().to_ascii_lowercase().ends_with(".csv");
        if format != "json" || !(self.separation == Some(Separation::Csv) || by_name) {
            return None;
        }
        let why = if by_name { format!("`path: {}` names CSV", self.path) } else { "`records` is `csv`".to_owned() };
        let message = format!("{why}, whose first record is a header, but `format` is `json`");
        Some((message, "write `format: csv`, or `records: lines` if each line is a JSON object".to_owned()))
    }

    fn open(&self, request: &OpenSource<'_>) -> Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError> {
        let pattern = FilePattern::new(&self.folder, self.path.resolve(&request.context.variables)?)?;
        let found = pattern.find()?;
        if found.is_empty() && !self.follow {
            let what = format!("no file matches {}", pattern.describe());
            return Err(ConnectorError::refused(what, "check the pattern, or set `follow: true` to wait for files"));
        }
        refuse_missing(&found, request.resume)?;
        if self.follow && request.bound == Bound::Now {
            let name = &request.context.name;
            tracing::info!("source `{name}`: mode batch follows nothing; files are read to where they end now");
        }
        let followed = self.follow && request.bound == Bound::Unbounded;
        let mut parts = Vec::with_capacity(found.len());
        for (index, found) in found.into_iter().enumerate() {
            let separation = self.separation.unwrap_or_else(|| separation_of(&found));
            let position = request.resume.get(&found.id).copied().unwrap_or(0);
            let anchor = request.anchors.get(&found.id).copied();
            let mut part = Part::open(found, PartitionIndex(index as u32), separation, position, followed)?;
            anchor.map_or(Ok(()), |anchor| part.require(anchor))?;
            parts.push(part);
        }
        let partitions = parts.iter().map(partition).collect();
        let reader = FileReader::new(parts, followed.then_some(pattern), self.separation, request.context.stop.clone());
        Ok((partitions, Box::new(reader)))
    }
}

/// Files that have been read before must still be there.
fn refuse_missing(found: &[Found], resume: &BTreeMap<String, u64>) -> Result<(), ConnectorError> {
    for (id, offset) in resume {
        if *offset > 0 && found.binary_search_by(|found| found.id.as_str().cmp(id)).is_err() {
            let what = format!("file {id}, read to byte {offset} before, is gone");
            return Err(ConnectorError::diverged(what, "restore the file, or start from a fresh state directory"));
        }
    }
    Ok(())
}
