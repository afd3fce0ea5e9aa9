//! The sink `file`: its keys, its check, and its opening.

use std::path::{Component, Path, PathBuf};

use engine::connector::{
    CheckContext, Committed, ConnectContext, ConnectorError, Held, Mark, Member, MemberError, Sink, SinkInput,
    SinkKind, SinkMode, Writer,
};
use engine::diagnostic::Code;
use engine::schema::Schema;
use engine::spec::{Entry, Key, Kind, Text, Variables};

use super::held::read_rows;
use super::state::StateFile;
use super::writer::{FileWriter, RowFormat, check_stored};

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
        let path = entry.text("path");
        if let Some(problem) = path.resolve(context.variables).ok().and_then(|path| path_problem(&folder, &path)) {
            context.diagnostics.error(Code::BadValue, entry.span_of("path"), problem).hint(PATH_HINT);
            return None;
        }
        Some(Box::new(FileSink { folder, path, format, schema: input.schema.clone() }))
    }
}

/// What to do about a path that names no file.
const PATH_HINT: &str = "name a file, as `out/rows.jsonl`; it is made if it is missing";

/// Why rows cannot go to this path.
fn path_problem(folder: &Path, written: &str) -> Option<String> {
    if written.is_empty() {
        return Some("`path` is empty".to_owned());
    }
    (written.ends_with('/') || folder.join(written).is_dir()).then(|| format!("`path: {written}` is a folder"))
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

    fn read_back(
        &self,
        context: &ConnectContext,
        take: &mut dyn FnMut(Held) -> Result<(), ConnectorError>,
    ) -> Result<Option<Committed>, ConnectorError> {
        let path = self.folder.join(self.path.resolve(&context.variables)?);
        let Some(stored) = StateFile::new(&context.state_folder, &context.name, context.generation).load()? else {
            return Ok(Some(Committed::Epoch(Mark::default())));
        };
        let found = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        check_stored(&stored, &path, found, &context.fingerprint)?;
        if stored.length > 0 {
            read_rows(&path, stored.length, self.format, &self.schema, take)?;
        }
        Ok(Some(Committed::Epoch(Mark { epoch: stored.epoch, digest: stored.digest })))
    }

    fn open(&self, members: &[Member<'_>]) -> Result<Box<dyn Writer>, MemberError> {
        let context = members[0].context;
        let written = self.path.resolve(&context.variables)?;
        if let Some(problem) = path_problem(&self.folder, &written) {
            return Err(ConnectorError::unusable(problem, PATH_HINT).into());
        }
        let path = self.folder.join(written);
        Ok(Box::new(FileWriter::open(path, self.format, self.schema.clone(), context)?))
    }
}
