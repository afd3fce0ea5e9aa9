//! A connection to an SQLite file.

use std::path::Path;
use std::time::Duration;

use engine::connector::{ConnectorError, Grid};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::cell::Cell;
use super::connection::{Connection, DataFault, Failure, Fault, Limits};
use super::dialect::Dialect;
use super::query::no_query;
use super::stored::Stored;

/// How long SQLite itself waits for another writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite's own default (`SQLITE_MAX_VARIABLE_NUMBER`).
const PARAMETERS_MAX: usize = 32_766;
/// Far below SQLite's default of a billion bytes a statement.
const BYTES_MAX: usize = 16 << 20;

/// A connection in write-ahead mode that syncs every commit.
pub(super) struct EmbeddedConnection {
    conn: rusqlite::Connection,
}

impl EmbeddedConnection {
    /// Opens the file, or makes it together with its folder.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Fault::Refused {
                message: format!("folder {} cannot be made: {error}", folder.display()),
                hint: "choose another path".into(),
            })?;
        }
        let open = || {
            let conn = rusqlite::Connection::open(path)?;
            conn.busy_timeout(BUSY_TIMEOUT)?;
            conn.pragma_update(None, "journal_mode", "wal")?;
            conn.pragma_update(None, "synchronous", "full")?;
            Ok(Self { conn })
        };
        open().map_err(|error| sort(&error))
    }

    /// Opens the file to read it; `None` if there is none. It is opened as one that may be written, since what a killed process has left in
    /// the log can only be read by who may recover it.
    pub(super) fn open_to_read(path: &Path) -> Result<Option<Self>, Fault> {
        if !path.exists() {
            return Ok(None);
        }
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let conn = rusqlite::Connection::open_with_flags(path, flags)?;
            conn.busy_timeout(BUSY_TIMEOUT)?;
            conn.pragma_update(None, "query_only", true)?;
            Ok(Self { conn })
        };
        open().map(Some).map_err(|error| sort(&error))
    }

    /// Refuses what is not one statement that gives columns and writes nothing.
    fn require_query(&self, sql: &str) -> Result<(), Fault> {
        let statement = match self.conn.prepare(sql) {
            Ok(statement) => statement,
            Err(rusqlite::Error::MultipleStatement) => return Err(no_query("several statements")),
            Err(error) => return Err(sort(&error)),
        };
        if !statement.readonly() {
            return Err(no_query("a statement that writes"));
        }
        if statement.column_count() == 0 { Err(no_query("no query: it gives no columns")) } else { Ok(()) }
    }
}

impl Connection for EmbeddedConnection {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn frees_idle_locks(&self) -> bool {
        false
    }

    fn limits(&self) -> Limits {
        Limits { parameters: PARAMETERS_MAX, bytes: BYTES_MAX }
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.script("BEGIN IMMEDIATE")
    }

    fn commit(&mut self) -> Result<(), Fault> {
        self.script("COMMIT")
    }

    fn rollback(&mut self) -> Result<(), Fault> {
        if self.conn.is_autocommit() { Ok(()) } else { self.script("ROLLBACK") }
    }

    fn execute(&mut self, sql: &str, cells: &[Cell<'_>]) -> Result<u64, Fault> {
        let run = || Ok(self.conn.prepare_cached(sql)?.execute(params_from_iter(cells))? as u64);
        run().map_err(|error| sort(&error))
    }

    fn query(&mut self, sql: &str, cells: &[Cell<'_>]) -> Result<Grid, Fault> {
        let run = || {
            let mut statement = self.conn.prepare(sql)?;
            let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
            let mut answer = statement.query(params_from_iter(cells))?;
            let mut rows = Vec::new();
            while let Some(row) = answer.next()? {
                rows.push(
                    (0..columns.len()).map(|index| Ok(text(row.get_ref(index)?))).collect::<rusqlite::Result<_>>()?,
                );
            }
            Ok(Grid { columns, rows })
        };
        run().map_err(|error| sort(&error))
    }

    fn begin_snapshot(&mut self) -> Result<(), Fault> {
        self.script("BEGIN")
    }

    fn stream(
        &mut self,
        sql: &str,
        take: &mut dyn FnMut(Vec<Stored>) -> Result<(), ConnectorError>,
    ) -> Result<(), Failure> {
        let fault = |error: rusqlite::Error| sort(&error);
        let mut statement = self.conn.prepare(sql).map_err(fault)?;
        let width = statement.column_count();
        let mut answer = statement.query([]).map_err(fault)?;
        while let Some(row) = answer.next().map_err(fault)? {
            let cells = (0..width).map(|index| row.get_ref(index).map(stored));
            take(cells.collect::<rusqlite::Result<_>>().map_err(fault)?)?;
        }
        Ok(())
    }

    fn report(&mut self, _database: Option<&str>, sql: &str) -> Result<Grid, Fault> {
        self.script("PRAGMA query_only = on")?;
        let answer = self.require_query(sql).and_then(|()| self.query(sql, &[]));
        self.script("PRAGMA query_only = off")?;
        answer
    }

    fn script(&mut self, sql: &str) -> Result<(), Fault> {
        self.conn.execute_batch(sql).map_err(|error| sort(&error))
    }

    fn migrate(&mut self, runner: &refinery::Runner) -> Result<Vec<refinery::Migration>, String> {
        let done = runner.run(&mut self.conn).and_then(|_| runner.get_applied_migrations(&mut self.conn));
        done.map_err(|error| error.to_string())
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Float(number) => ToSqlOutput::Owned(Value::Real(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

fn stored(value: ValueRef<'_>) -> Stored {
    match value {
        ValueRef::Null => Stored::Null,
        ValueRef::Integer(number) => Stored::Int(number),
        ValueRef::Real(number) => Stored::Float(number),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Stored::Text(text.to_owned()),
            Err(_) => Stored::Bytes(bytes.to_owned()),
        },
        ValueRef::Blob(bytes) => Stored::Bytes(bytes.to_owned()),
    }
}

fn text(value: ValueRef<'_>) -> Option<String> {
    Some(match value {
        ValueRef::Null => return None,
        ValueRef::Integer(number) => number.to_string(),
        // With `.0` for whole numbers, as SQLite itself shows them.
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Blob(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        },
    })
}

fn sort(error: &rusqlite::Error) -> Fault {
    let message = error.to_string();
    let refused = |hint: &str| Fault::Refused { message: message.clone(), hint: hint.into() };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull | ErrorCode::OutOfMemory) => {
            Fault::Conflict(message)
        }
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => Fault::Data(DataFault {
            column: column_in(&message),
            row: None,
            duplicate: message.contains("UNIQUE constraint"),
            message,
        }),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            refused("move the file away, or restore it from a backup, and start again")
        }
        Some(
            ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure,
        ) => refused("make the file and its folder writable, or choose another path"),
        _ => refused("look the message up in SQLite's documentation"),
    }
}

/// The column in `NOT NULL constraint failed: table.column`.
fn column_in(message: &str) -> Option<String> {
    let (_, names) = message.split_once("constraint failed: ")?;
    names.split(',').next()?.rsplit('.').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::query::of_report;
    use super::*;

    #[test]
    fn a_report_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = EmbeddedConnection::open(&folder.path().join("new/a.db")).unwrap();
        connection.script("CREATE TABLE t (a INTEGER NOT NULL)").unwrap();
        let refusal = |connection: &mut EmbeddedConnection, sql: &str| match connection.report(None, sql) {
            Err(fault) => match of_report(fault) {
                Fault::Refused { message, hint } => format!("{message} ({hint})"),
                other => panic!("{sql} gave {other:?}"),
            },
            Ok(grid) => panic!("{sql} gave {grid:?}"),
        };
        for (sql, word) in [
            ("DELETE FROM t RETURNING a", "writes"),
            ("WITH x AS (SELECT 1) DELETE FROM t", "writes"),
            ("ATTACH 'other.db' AS other", "no query"),
            ("PRAGMA query_only = off", "no query"),
            ("SELECT 1; DROP TABLE t", "several statements"),
            (" ", "no query"),
            ("SELECT gone FROM t", "no such column"),
        ] {
            let said = refusal(&mut connection, sql);
            assert!(said.contains(word) && !said.contains("folder writable"), "{sql}: {said}");
        }
        connection.report(None, "SELECT 1; -- the only one").unwrap();
        connection.execute("INSERT INTO t VALUES (?)", &[Cell::Int(1)]).unwrap();
        assert_eq!(
            connection.report(None, "SELECT a, 1.0, NULL FROM t").unwrap().rows,
            [[Some("1".to_owned()), Some("1.0".to_owned()), None]]
        );
    }

    #[test]
    fn faults_name_their_column() {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = EmbeddedConnection::open(&folder.path().join("a.db")).unwrap();
        connection.script("CREATE TABLE t (a INTEGER NOT NULL)").unwrap();
        let Err(Fault::Data(fault)) = connection.execute("INSERT INTO t VALUES (?)", &[Cell::Null]) else {
            panic!("a null went into a column that has none")
        };
        assert_eq!(fault.column.as_deref(), Some("a"));
    }
}
