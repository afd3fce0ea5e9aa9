//! A table as it is in its database.

use super::cell::Cell;
use super::connection::{Connection, Fault};
use super::dialect::Dialect;
use super::name::TableName;

/// A table's columns, unique indexes and triggers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TableLayout {
    /// What it is: `BASE TABLE`, `VIEW`.
    pub kind: String,
    /// Its storage engine; none in SQLite.
    pub engine: Option<String>,
    /// In order.
    pub columns: Vec<ColumnLayout>,
    /// Primary key and unique indexes.
    pub unique: Vec<UniqueIndex>,
    /// Triggers, as far as the account may see them (on a server it needs the privilege TRIGGER).
    pub triggers: Vec<String>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnLayout {
    /// Compared without regard to case, as databases do.
    pub name: String,
    /// The type in the database's words: `decimal(10,2)`, `bigint(20) unsigned`.
    pub declared: String,
    /// Whether it takes null.
    pub nullable: bool,
    /// Whether it may be left out of an insert.
    pub fills_itself: bool,
    /// Whether the database computes it and takes no value.
    pub generated: bool,
    /// Its character set, if it is text on a server.
    pub character_set: Option<String>,
    /// Its collation, if it is text on a server.
    pub collation: Option<String>,
}

/// A primary key or unique index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UniqueIndex {
    /// `PRIMARY` for the servers' primary key.
    pub name: String,
    /// In order.
    pub columns: Vec<IndexedColumn>,
}

/// A column of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexedColumn {
    /// None for an expression.
    pub name: Option<String>,
    /// Whether all of the value counts, for all rows.
    pub whole: bool,
    /// SQLite's collation of it; a server's belongs to the column.
    pub collation: Option<String>,
}

/// Looks a table up.
pub(super) fn read(connection: &mut dyn Connection, name: &TableName) -> Result<Option<TableLayout>, Fault> {
    let rows = Rows { name, connection };
    match rows.connection.dialect() {
        Dialect::Sqlite => rows.embedded(),
        Dialect::MySql { .. } | Dialect::MariaDb => rows.server(),
    }
}

struct Rows<'a> {
    name: &'a TableName,
    connection: &'a mut dyn Connection,
}

impl Rows<'_> {
    fn ask(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Fault> {
        let database = self.name.database.iter().map(|database| Cell::Text(database.into()));
        let cells: Vec<Cell<'_>> = database.chain([Cell::Text((&self.name.table).into())]).collect();
        Ok(self.connection.query(sql, &cells)?.rows)
    }

    fn server(mut self) -> Result<Option<TableLayout>, Fault> {
        let found = self.ask(
            "SELECT TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
        )?;
        let Some(found) = found.first() else { return Ok(None) };
        let columns = self.ask(
            "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, CHARACTER_SET_NAME, COLLATION_NAME FROM \
             information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
        )?;
        let indexed = self.ask(
            "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND \
             TABLE_NAME = ? AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX",
        )?;
        let triggers = self.ask(
            "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ? ORDER BY \
             TRIGGER_NAME",
        )?;
        Ok(Some(TableLayout {
            kind: word(found, 0),
            engine: found.get(1).cloned().flatten(),
            columns: columns.iter().map(|row| server_column(row)).collect(),
            unique: group(indexed.iter().map(|row| {
                (word(row, 0), IndexedColumn { name: cell(row, 1), whole: cell(row, 2).is_none(), collation: None })
            })),
            triggers: triggers.iter().map(|row| word(row, 0)).collect(),
        }))
    }

    fn embedded(mut self) -> Result<Option<TableLayout>, Fault> {
        let found =
            self.ask("SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')")?;
        let Some(found) = found.first() else { return Ok(None) };
        let kind = if word(found, 0) == "view" { "VIEW" } else { "BASE TABLE" };
        let rows =
            self.ask("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?) ORDER BY cid")?;
        let indexed = self.ask(
            "SELECT i.name, c.name, c.coll, i.partial, i.origin FROM pragma_index_list(?) AS i, pragma_index_xinfo(i.name) AS c WHERE \
             i.\"unique\" AND c.key ORDER BY i.name, c.seqno",
        )?;
        let mut unique = group(indexed.iter().map(|row| {
            (word(row, 0), IndexedColumn { name: cell(row, 1), whole: word(row, 3) == "0", collation: cell(row, 2) })
        }));
        let is_rowid = !indexed.iter().any(|row| word(row, 4) == "pk");
        // A lone INTEGER primary key is the row id itself, and has no index.
        unique.extend(rows.iter().filter(|row| is_rowid && word(row, 4) == "1").map(|row| UniqueIndex {
            name: "PRIMARY".into(),
            columns: vec![IndexedColumn { name: cell(row, 0), whole: true, collation: Some("BINARY".into()) }],
        }));
        let columns = rows
            .iter()
            .map(|row| {
                let (nullable, is_key) = (word(row, 2) == "0", word(row, 4) != "0");
                let generated = matches!(word(row, 5).as_str(), "2" | "3");
                ColumnLayout {
                    name: word(row, 0),
                    declared: word(row, 1).to_lowercase(),
                    nullable: nullable && !is_key,
                    fills_itself: nullable || generated || cell(row, 3).is_some() || (is_rowid && is_key),
                    generated,
                    character_set: None,
                    collation: None,
                }
            })
            .collect();
        let triggers = self.ask(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY name",
        )?;
        let triggers = triggers.iter().map(|row| word(row, 0)).collect();
        Ok(Some(TableLayout { kind: kind.into(), engine: None, columns, unique, triggers }))
    }
}

fn server_column(row: &[Option<String>]) -> ColumnLayout {
    let extra = word(row, 4).to_lowercase();
    let nullable = word(row, 2) == "YES";
    // MySQL calls a column with a default expression DEFAULT_GENERATED; that one takes values.
    let generated = extra.contains("stored generated") || extra.contains("virtual generated");
    ColumnLayout {
        name: word(row, 0),
        declared: word(row, 1).to_lowercase(),
        nullable,
        fills_itself: nullable || generated || cell(row, 3).is_some() || extra.contains("auto_increment"),
        generated,
        character_set: cell(row, 5),
        collation: cell(row, 6),
    }
}

fn group(indexed: impl Iterator<Item = (String, IndexedColumn)>) -> Vec<UniqueIndex> {
    let mut unique: Vec<UniqueIndex> = Vec::new();
    for (name, column) in indexed {
        match unique.last_mut().filter(|index| index.name == name) {
            Some(index) => index.columns.push(column),
            None => unique.push(UniqueIndex { name, columns: vec![column] }),
        }
    }
    unique
}

fn cell(row: &[Option<String>], index: usize) -> Option<String> {
    row.get(index).cloned().flatten()
}

fn word(row: &[Option<String>], index: usize) -> String {
    cell(row, index).unwrap_or_default()
}
