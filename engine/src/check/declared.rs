//! The `schema` of a source.

use crate::connector::{MetadataColumn, Source};
use crate::diagnostic::{Code, nearest};
use crate::schema::{Column, ColumnType, Sketch};
use crate::spec::{Content, Entry, Item, Node, Spanned};

use super::Checker;

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
    /// The columns that a source's records have.
    pub(super) fn declared_schema(
        &mut self,
        common: &Entry,
        source: Option<&dyn Source>,
        metadata: &[MetadataColumn],
        item: &Item,
    ) -> Sketch {
        let Some(node) = common.node_if("schema") else {
            if let Some(schema) = source.and_then(Source::schema) {
                return Sketch::of(schema);
            }
            if source.is_some() {
                self.diagnostics
                    .error(Code::MissingKey, item.name.span, format!("source `{}` has no `schema`", item.name.value))
                    .hint(format!("say which columns its records have: {SCHEMA_FORM}"));
            }
            return Sketch::anything();
        };
        if let Some(schema) = source.and_then(Source::schema) {
            let message = format!("source `{}` has a schema of its own, so none can be declared", item.name.value);
            self.diagnostics
                .error(Code::Conflict, node.span, message)
                .hint("remove `schema`; `select` and `derive` make other columns of those that come");
            return Sketch::of(schema);
        }
        let Content::Map(pairs) = &node.content else {
            let message = format!("`schema` must be a map of column names to types, found {}", node.kind());
            self.diagnostics.error(Code::WrongKind, node.span, message).hint(SCHEMA_FORM);
            return Sketch::anything();
        };
        if pairs.is_empty() {
            self.diagnostics.error(Code::BadValue, node.span, "`schema` has no column").hint(SCHEMA_FORM);
            return Sketch::anything();
        }
        let mut schema = Sketch::default();
        for (name, value) in pairs {
            let column = self.declared_column(name, value);
            if metadata.iter().any(|found| found.column.name == name.value) {
                let message = format!("column `{}` comes with every record of this source", name.value);
                self.diagnostics.error(Code::DuplicateColumn, name.span, message).hint("leave it out of the schema");
                continue;
            }
            let twice = schema.has(&name.value);
            if twice {
                let message = format!("column `{}` stands twice in the schema", name.value);
                self.diagnostics.error(Code::DuplicateKey, name.span, message).hint("remove one of them");
            }
            match column {
                Some(column) if !twice => schema.add(column),
                Some(column) if schema.known.column(&name.value) == Some(&column) => {}
                _ => schema.add_unknown(&name.value),
            }
        }
        schema
    }

    fn declared_column(&mut self, name: &Spanned<String>, value: &Node) -> Option<Column> {
        let mut sound = true;
        let usable = !name.value.is_empty() && name.value.len() <= 64 && !name.value.starts_with('$');
        if !usable || name.value.chars().any(|c| c.is_control() || c == '"') {
            self.diagnostics
                .error(Code::BadName, name.span, format!("`{}` is no name for a column", name.value))
                .hint("a name has 1 to 64 bytes, no quotes and control characters, and no `$` first");
            sound = false;
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
            Ok(column_type) => sound.then(|| Column { name: name.value.clone(), column_type, nullable }),
            Err(message) => {
                let found = self.diagnostics.error(Code::UnknownWord, value.span, message);
                found.hint = Some(type_hint(written));
                None
            }
        }
    }
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
