//! The sink `file`: its keys, its check, and its opening.

use std::path::{Component, PathBuf};

use engine::connector::{CheckContext, ConnectContext, ConnectorError, Sink, SinkInput, SinkKind, SinkMode, Writer};
use engine::diagnostic::Code;
use engine::schema::Schema;
use engine::spec::{Entry, Key, Kind, Text, Variables};

use super::writer::{FileWriter, RowFormat};

const KEYS: &[Key] = &[
    Key::required("path", Kind::Text, "the file that rows are appended to, relative to this YAML's folder"),
    Key::default("format", Kind::Choice(&["json", "csv"]), "json", "a JSON object a line, or CSV below a header line"),
];

/// The sink `file`.
#[derive(Clone, Copy, Debug)]
pub struct FileSinkKind;

impl SinkKind for FileSinkKind {
    fn name(&self) -> &'static str {
        "file"
    }

    fn about(&self) -> &'static str {
        "appends rows to a file as JSON lines or CSV, each exactly once"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn check(&self, entry: &Entry, input: &SinkInput, context: &mut CheckContext<'_>) -> Option<Box<dyn Sink>> {
        if input.mode == SinkMode::Changes {
            let message = format!("a file can only be appended to, but `{}` gets rows that are taken back", input.name);
            context
                .diagnostics
                .error(Code::SinkCannotTake, entry.span, message)
                .hint("write rows from before the aggregation or `latest`, or use a sink that can replace rows");
            return None;
        }
        let format = match entry.word("format").value.as_str() {
            "csv" => RowFormat::Csv,
            _ => RowFormat::Json,
        };
        let folder = context.folder.to_owned();
        Some(Box::new(FileSink { folder, path: entry.text("path"), format, schema: input.schema.clone() }))
    }
}

#[derive(Debug)]
struct FileSink {
    folder: PathBuf,
    path: Text,
    format: RowFormat,
    schema: Schema,
}

impl Sink for FileSink {
    fn describe(&self) -> String {
        format!("file {}", self.path)
    }

    fn target(&self, variables: &Variables) -> Option<String> {
        let path = self.folder.join(self.path.resolve(variables).ok()?);
        let direct: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        Some(format!("file {}", direct.display()))
    }

    fn open(&self, context: &ConnectContext) -> Result<Box<dyn Writer>, ConnectorError> {
        let path = self.folder.join(self.path.resolve(&context.variables)?);
        Ok(Box::new(FileWriter::open(path, self.format, self.schema.clone(), context)?))
    }
}
