//! The sink kind `mysql`: its keys and what can be wrong with them before anything is connected.

use engine::connector::{CheckContext, Sink, SinkInput, SinkKind, SinkMode};
use engine::diagnostic::{Code, nearest};
use engine::schema::ColumnType;
use engine::spec::{Entry, Key, Kind, Secret, Spanned};

use super::migration;
use super::sink::{TableSink, URL_FORMS};
use super::target::Target;

/// The longest name of a table or column (MySQL's limit).
const NAME_MAX: usize = 64;
/// Tables that flowctl keeps for itself.
const OWN_TABLES: [&str; 2] = ["flowctl_sinks", "flowctl_migrations"];

const KEYS: &[Key] = &[
    Key::default(
        "url",
        Kind::Text,
        "embedded",
        "the database: `mysql://user:password@host:3306/database`, `sqlite:PATH`, `embedded` for SQLite in the state directory, or `state:NAME` for SQLite in the pipeline's own folder there",
    ),
    Key::required("table", Kind::Text, "the table to write to"),
    Key::default(
        "mode",
        Kind::Choice(&["append", "upsert"]),
        "append",
        "`append` adds every row; `upsert` keeps one row a key, and deletes it when it is taken back",
    ),
    Key::optional("key", Kind::List(&Kind::Column), "for `upsert`: the columns that tell rows apart"),
    Key::default("create", Kind::Bool, "false", "whether a missing table is made from the rows' columns"),
    Key::optional(
        "migrations",
        Kind::Text,
        "a folder of SQL files `V1__name.sql`, `V2__…`: each is run once, in order, before the table is looked at",
    ),
];

/// Tables in MySQL, MariaDB or SQLite.
#[derive(Clone, Copy, Debug)]
pub struct MySql;

impl SinkKind for MySql {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn about(&self) -> &'static str {
        "rows into a MySQL or MariaDB table, or its embedded stand-in, SQLite: each epoch in one transaction, exactly once"
    }

    fn keys(&self) -> &'static [Key] {
        KEYS
    }

    fn takes_back(&self, entry: &Entry) -> bool {
        entry.word("mode").value == "upsert"
    }

    fn check(&self, entry: &Entry, input: &SinkInput, context: &mut CheckContext<'_>) -> Option<Box<dyn Sink>> {
        let place = check_url(entry, context);
        let table = check_table(entry, context);
        check_columns(entry, input, context);
        let key = check_key(entry, input, context);
        let migrations = entry.text_if("migrations");
        let known = migrations.as_ref().and_then(|folder| folder.resolve(context.variables).ok());
        if let Some(error) = known.and_then(|folder| migration::load(&context.folder.join(folder)).err()) {
            let span = entry.span_of("migrations");
            context.diagnostics.error(Code::MissingFile, span, error.to_string()).hint(error.hint());
            return None;
        }
        Some(Box::new(TableSink {
            url: Secret::new(entry.text("url")),
            place: place?,
            folder: context.folder.to_owned(),
            table: table?,
            key: key?,
            create: entry.flag("create"),
            migrations,
            schema: input.schema.clone(),
            input: input.mode,
        }))
    }
}

/// What may be shown of the database, if its variables are known by now.
fn check_url(entry: &Entry, context: &mut CheckContext<'_>) -> Option<Option<String>> {
    let Ok(url) = entry.text("url").resolve(context.variables) else { return Some(None) };
    match Target::parse(&url, context.folder) {
        Ok(target) => Some(Some(target.to_string())),
        Err(problem) => {
            let message = format!("`url` cannot be used: {problem}");
            context.diagnostics.error(Code::BadValue, entry.span_of("url"), message).hint(URL_FORMS);
            None
        }
    }
}

fn check_table(entry: &Entry, context: &mut CheckContext<'_>) -> Option<String> {
    let span = entry.span_of("table");
    let table = match entry.text("table").resolve(context.variables) {
        Ok(table) => table,
        Err(missing) => {
            let hint = format!("set it, pass `--set {0}=…`, or give a default: `${{{0}:-…}}`", missing.0);
            context.diagnostics.error(Code::UnsetVariable, span, missing.to_string()).hint(hint);
            return None;
        }
    };
    let problem = match name_problem(&table) {
        Some(problem) => problem,
        None if OWN_TABLES.iter().any(|own| own.eq_ignore_ascii_case(&table)) => "flowctl keeps its own notes there",
        None => return Some(table),
    };
    let message = format!("`{}` cannot be a table's name: {problem}", table.escape_debug());
    context.diagnostics.error(Code::BadName, span, message);
    None
}

fn name_problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        name if name.contains('\0') => Some("it has a NUL character"),
        name if name.chars().count() > NAME_MAX => Some("it is longer than 64 characters"),
        name if name.ends_with(' ') => Some("it ends with a space"),
        name if name.chars().any(|c| u32::from(c) > 0xffff) => Some("it has characters beyond U+FFFF"),
        _ => None,
    }
}

/// Columns that no table can have.
fn check_columns(entry: &Entry, input: &SinkInput, context: &mut CheckContext<'_>) {
    let span = entry.span_of("table");
    for (index, column) in input.schema.columns.iter().enumerate() {
        if let Some(problem) = name_problem(&column.name) {
            let message = format!("column `{}` cannot be a table's column: {problem}", column.name.escape_debug());
            context
                .diagnostics
                .error(Code::SinkCannotTake, span, message)
                .hint("rename it with `select` before this sink");
        }
        let lower = column.name.to_lowercase();
        if let Some(other) = input.schema.columns[..index].iter().find(|other| other.name.to_lowercase() == lower) {
            let message = format!("columns `{}` and `{}` are one and the same in a table", other.name, column.name);
            context
                .diagnostics
                .error(Code::SinkCannotTake, span, message)
                .hint("databases ignore case in names of columns; rename one with `select` before this sink");
        }
    }
}

/// The key's columns: none for `append`, at least one for `upsert`.
fn check_key(entry: &Entry, input: &SinkInput, context: &mut CheckContext<'_>) -> Option<Vec<String>> {
    let mode = entry.word("mode");
    let key = entry.words("key");
    if mode.value == "append" {
        if input.mode == SinkMode::Changes {
            context
                .diagnostics
                .error(Code::SinkCannotTake, mode.span, "this input takes rows back, which `append` cannot")
                .hint("use `mode: upsert` with `key: [columns that tell rows apart]`");
            return None;
        }
        if entry.has("key") {
            context
                .diagnostics
                .error(Code::Conflict, entry.span_of("key"), "`key` has no meaning with `mode: append`")
                .hint("remove it, or use `mode: upsert`");
            return None;
        }
        return Some(Vec::new());
    }
    if key.is_empty() {
        context
            .diagnostics
            .error(Code::MissingKey, mode.span, "`mode: upsert` needs `key`")
            .hint("add `key: [columns that tell rows apart]`");
        return None;
    }
    if input.mode == SinkMode::Appends {
        context
            .diagnostics
            .warning(
                Code::SinkCannotTake,
                mode.span,
                "this input only adds rows: which of several with one key stays depends on when they come",
            )
            .hint("keep one row a key with `latest: { key: … }` before this sink, or use `mode: append`");
    }
    let mut sound = true;
    for (index, column) in key.iter().enumerate() {
        let repeated = key[..index].iter().any(|before| before.value == column.value);
        sound &= check_key_column(column, repeated, input, context);
    }
    sound.then(|| key.into_iter().map(|column| column.value).collect())
}

fn check_key_column(name: &Spanned<String>, repeated: bool, input: &SinkInput, context: &mut CheckContext<'_>) -> bool {
    let Some(column) = input.schema.column(&name.value) else {
        let message = format!("unknown column `{}`", name.value);
        let near = nearest(&name.value, input.schema.names());
        let known = input.schema.names().collect::<Vec<_>>().join(", ");
        let found = context.diagnostics.error(Code::UnknownColumn, name.span, message);
        match near {
            Some(near) => found.did_you_mean(Some(near)),
            None => found.hint(format!("columns here: {known}")),
        };
        return false;
    };
    let (message, hint) = if repeated {
        (format!("`{}` stands twice in `key`", name.value), "name each column once")
    } else if column.nullable {
        (
            format!("`{}` may be null, and a key may not", name.value),
            "filter the nulls out, or replace them with `coalesce`, before this sink",
        )
    } else if matches!(column.column_type, ColumnType::Float | ColumnType::Json | ColumnType::List(_)) {
        let hint = "choose columns that are string, int, decimal, bool, timestamp or date";
        (format!("`{}` is {}, which no key can be", name.value, column.column_type), hint)
    } else {
        return true;
    };
    let code = if repeated { Code::DuplicateColumn } else { Code::SinkCannotTake };
    context.diagnostics.error(code, name.span, message).hint(hint);
    false
}

#[cfg(test)]
#[path = "kind_tests.rs"]
mod tests;
