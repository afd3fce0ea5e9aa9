//! A checked table sink, and how it is opened.

use std::fmt;
use std::path::PathBuf;

use engine::connector::{ConnectorError, Member, MemberError, Sink, SinkMode, Writer};
use engine::schema::Schema;
use engine::spec::{Secret, Text, Variables};
use tracing::info;

use super::connection::Connection;
use super::creation::create_table;
use super::fit::{Wanted, differences, refuse};
use super::marker::{self, Marker, Writing};
use super::query::{QUERY_HINT, query_problem};
use super::session::Session;
use super::table::{Manner, Table};
use super::target::Target;
use super::writer::TableWriter;
use super::{layout, migration};

/// One table in one database.
pub(super) struct TableSink {
    /// The database; may hold a password.
    pub url: Secret,
    /// What may be shown of the database, if the URL was known when it was checked.
    pub place: Option<String>,
    /// Where relative paths start.
    pub folder: PathBuf,
    /// The table.
    pub table: String,
    /// The key's columns; none for appending.
    pub key: Vec<String>,
    /// Whether a missing table is made.
    pub create: bool,
    /// The folder of migrations.
    pub migrations: Option<Text>,
    /// The rows.
    pub schema: Schema,
    /// What the input sends.
    pub input: SinkMode,
}

impl fmt::Debug for TableSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableSink").field("sink", &self.describe()).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Sink for TableSink {
    fn describe(&self) -> String {
        let place = self.place.as_deref().unwrap_or("the database that `url` will name");
        format!("table `{}` in {place}", self.table)
    }

    fn target(&self, _variables: &Variables) -> Option<String> {
        self.place.as_ref().map(|_| self.describe())
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn refuses_query(&self, sql: &str) -> Option<(String, String)> {
        query_problem(sql).map(|problem| (problem, QUERY_HINT.to_owned()))
    }

    fn open(&self, members: &[Member<'_>]) -> Result<Box<dyn Writer>, MemberError> {
        let context = members[0].context;
        let url = self.url.reveal(&context.variables)?;
        let target = Target::parse(&url, &self.folder)
            .map_err(|problem| {
                ConnectorError::unusable(format!("`url` of sink `{}`: {problem}", context.name), URL_FORMS)
            })?
            .settle(&context.state_root);
        let mut session = Session::open(target, context.stop.clone())?;
        let place = session.place();

        let canonical = session.read(|connection| {
            marker::prepare(connection)?;
            marker::canonical_name(connection, &self.table)
        })?;
        let writing = Writing::new(canonical, context);
        self.require_rows(&mut session, &writing, &place)?;
        if let Some(migrations) = &self.migrations {
            let folder = self.folder.join(migrations.resolve(&context.variables)?);
            migration::migrate(session.patient()?.as_mut(), &folder, &place)?;
        }
        self.require_fit(&mut session, &place)?;
        let marker =
            session.transaction(|connection, _| marker::fence(connection, &writing, context.generation, &place))?;
        Ok(Box::new(self.writer(session, writing, marker, &place)))
    }
}

/// What to write for `url`.
pub(super) const URL_FORMS: &str = "write mysql://user:password@host:3306/database, sqlite:PATH or embedded; percent-encode special characters in user and password";

impl TableSink {
    fn writer(&self, session: Session, writing: Writing, marker: Marker, place: &str) -> TableWriter {
        let manner = if self.key.is_empty() {
            Manner::Append
        } else {
            let key = self.key.iter().filter_map(|name| self.schema.index_of(name)).collect();
            Manner::Upsert { key, input: self.input }
        };
        let table = Table {
            name: self.table.clone(),
            place: format!("table `{}` in {place}", self.table),
            columns: self.schema.names().map(str::to_owned).collect(),
            types: self.schema.columns.iter().map(|column| column.column_type.clone()).collect(),
            manner,
        };
        TableWriter { session, table, writing, marker }
    }

    /// Refuses a table that has gone though its marker says that it holds rows; before migrations make an empty one in its place.
    fn require_rows(&self, session: &mut Session, writing: &Writing, place: &str) -> Result<(), ConnectorError> {
        let (found, exists) = session.transaction(|connection, _| {
            Ok((marker::read(connection, &writing.table)?, layout::read(connection, &self.table)?.is_some()))
        })?;
        match found {
            Some((_, marker)) if marker.epoch > 0 && !exists => {
                Err(marker::refuse_missing(&self.table, marker.epoch, place))
            }
            _ => Ok(()),
        }
    }

    /// Compares the table with the schema; makes it if it is missing and that was asked for.
    fn require_fit(&self, session: &mut Session, place: &str) -> Result<(), ConnectorError> {
        let place_of_table = format!("table `{}` in {place}", self.table);
        let found = session.read(|connection| {
            if let Some(found) = layout::read(connection, &self.table)? {
                return Ok((connection.dialect(), Some(found)));
            }
            if self.create {
                self.create_table(connection, place)?;
            }
            Ok((connection.dialect(), layout::read(connection, &self.table)?))
        })?;
        let wanted = Wanted { dialect: found.0, table: &self.table, schema: &self.schema, key: &self.key };
        let Some(layout) = &found.1 else {
            let sql = create_table(wanted.dialect, &self.table, &self.schema, &self.key);
            return Err(ConnectorError::refused(
                format!("{place_of_table} does not exist"),
                format!("set `create: true`, or make it by `migrations` or by hand: {sql};"),
            ));
        };
        let differing = differences(wanted, layout);
        if differing.is_empty() { Ok(()) } else { Err(refuse(wanted, &place_of_table, &differing)) }
    }

    fn create_table(&self, connection: &mut dyn Connection, place: &str) -> Result<(), super::connection::Fault> {
        let sql = create_table(connection.dialect(), &self.table, &self.schema, &self.key);
        info!("{place} gets a new table:\n{sql}");
        // Another pipeline may be making it at this moment.
        connection.script(&sql.replacen("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", 1))
    }
}
