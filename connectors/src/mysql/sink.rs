//! A checked table sink, and how it is opened.

use std::fmt;
use std::path::PathBuf;

use engine::connector::{Committed, ConnectContext, ConnectorError, Held, Member, MemberError, Sink, SinkMode, Writer};
use engine::schema::Schema;
use engine::spec::{Secret, Text, Variables};

use super::creation::create_table;
use super::dialect::Dialect;
use super::fit::{Wanted, differences, refuse};
use super::layout::TableLayout;
use super::name::TableName;
use super::query::{QUERY_HINT, query_problem};
use super::table::{Manner, Table};
use super::target::Target;
use super::{opening, reading};

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

    /// All tables of a server, whatever their databases, or of a file: one connection serves them.
    fn domain(&self, variables: &Variables) -> Option<String> {
        let url = self.url.reveal(variables).ok()?;
        let options = url.split_once('?').map_or("", |(_, options)| options);
        Some(Target::parse(&url, &self.folder).ok()?.domain(options))
    }

    fn answers_queries(&self) -> bool {
        true
    }

    fn refuses_query(&self, sql: &str) -> Option<(String, String)> {
        query_problem(sql).map(|problem| (problem, QUERY_HINT.to_owned()))
    }

    fn open(&self, members: &[Member<'_>]) -> Result<Box<dyn Writer>, MemberError> {
        Ok(Box::new(opening::open(members)?))
    }

    fn read_back(
        &self,
        context: &ConnectContext,
        take: &mut dyn FnMut(Held) -> Result<(), ConnectorError>,
    ) -> Result<Option<Committed>, ConnectorError> {
        reading::read_back(self, context, take).map(|mark| Some(Committed::Epoch(mark)))
    }
}

/// What to write for `url`.
pub(super) const URL_FORMS: &str = "write mysql://user:password@host:3306/database, sqlite:PATH, state:NAME or embedded; percent-encode special characters in user and password";

impl TableSink {
    /// The database that it is opened in.
    pub(super) fn target_in(&self, context: &ConnectContext) -> Result<Target, ConnectorError> {
        let url = self.url.reveal(&context.variables)?;
        let target = Target::parse(&url, &self.folder).map_err(|problem| {
            ConnectorError::unusable(format!("`url` of sink `{}`: {problem}", context.name), URL_FORMS)
        })?;
        Ok(target.settle(context))
    }

    /// The table's name in that database.
    pub(super) fn name_in(&self, target: &Target) -> TableName {
        TableName { database: target.database().map(str::to_owned), table: self.table.clone() }
    }

    /// The table as it is written to.
    pub(super) fn table_to_write(&self, name: TableName, place: &str) -> Table {
        let manner = if self.key.is_empty() {
            Manner::Append
        } else {
            let key = self.key.iter().filter_map(|name| self.schema.index_of(name)).collect();
            Manner::Upsert { key, input: self.input }
        };
        Table {
            name,
            place: self.place_of_table(place),
            columns: self.schema.names().map(str::to_owned).collect(),
            types: self.schema.columns.iter().map(|column| column.column_type.clone()).collect(),
            manner,
        }
    }

    /// Refuses a table that is missing, or that does not fit the schema.
    pub(super) fn require_fit(
        &self,
        dialect: Dialect,
        name: &TableName,
        found: Option<&TableLayout>,
        place: &str,
    ) -> Result<(), ConnectorError> {
        let wanted = Wanted { dialect, table: name, schema: &self.schema, key: &self.key };
        let Some(layout) = found else {
            let sql = create_table(dialect, name, &self.schema, &self.key);
            return Err(ConnectorError::refused(
                format!("{} does not exist", self.place_of_table(place)),
                format!("set `create: true`, or make it by `migrations` or by hand: {sql};"),
            ));
        };
        let differing = differences(wanted, layout);
        if differing.is_empty() { Ok(()) } else { Err(refuse(wanted, &self.place_of_table(place), &differing)) }
    }

    fn place_of_table(&self, place: &str) -> String {
        format!("table `{}` in {place}", self.table)
    }
}
