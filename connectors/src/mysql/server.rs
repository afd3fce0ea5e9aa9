//! A connection to MySQL or MariaDB.

use std::time::Duration;

use engine::connector::{ConnectorError, Grid};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder, Params, Value};

use super::cell::Cell;
use super::connection::{Connection, DataFault, Failure, Fault, Limits, whole_number};
use super::dialect::Dialect;
use super::query::no_query;
use super::server_fault::sort;
use super::stored::Stored;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may take over one statement of an epoch. Longer than it waits for a lock.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How many seconds InnoDB waits for a row lock.
const LOCK_WAIT: u32 = 5;
/// How many seconds a server waits for whoever takes the rows of a long answer.
const TAKE_WAIT: u32 = 600;
/// How many seconds a transaction may wait for its next statement.
const IDLE_TRANSACTION: u32 = 15;
/// The protocol counts parameters in 16 bits.
const PARAMETERS_MAX: usize = 65_535;

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Statements of an epoch: bounded, so that a stalled server is noticed.
    Statement,
    /// Migrations: altering a large table takes as long as it takes.
    Migration,
}

/// A connection whose session is strict, in UTC and in utf8mb4.
pub(super) struct ServerConnection {
    conn: Conn,
    dialect: Dialect,
    frees_idle_locks: bool,
    limits: Limits,
    password: Option<String>,
}

impl ServerConnection {
    /// Connects and sets the session up. Nothing relies on the server's own settings.
    pub(super) fn open(options: OptsBuilder, patience: Patience) -> Result<Self, Fault> {
        let timeout = (patience == Patience::Statement).then_some(ANSWER_TIMEOUT);
        // Without a handler the client sends nothing when a server asks for a local file.
        let options = options
            .tcp_connect_timeout(Some(CONNECT_TIMEOUT))
            .read_timeout(timeout)
            .write_timeout(timeout)
            .tcp_keepalive_time_ms(Some(30_000))
            .local_infile_handler(None);
        let options = mysql::Opts::from(options);
        let password = options.get_pass().filter(|password| !password.is_empty()).map(str::to_owned);
        let conn = Conn::new(options).map_err(|error| scrub(sort(&error), password.as_deref()))?;
        let limits = Limits { parameters: PARAMETERS_MAX, bytes: 1 << 20 };
        let mut connection = Self { conn, dialect: Dialect::MariaDb, frees_idle_locks: false, limits, password };
        connection.set_up()?;
        Ok(connection)
    }

    fn set_up(&mut self) -> Result<(), Fault> {
        self.script("SET NAMES utf8mb4")?;
        self.script(&format!(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
             SESSION time_zone = '+00:00', SESSION autocommit = 1, SESSION innodb_lock_wait_timeout = {LOCK_WAIT}"
        ))?;
        let answer = self.query("SELECT VERSION(), @@max_allowed_packet", &[])?;
        let row = answer.rows.first().map_or(&[][..], Vec::as_slice);
        self.dialect = Dialect::of_version(row.first().and_then(Option::as_deref).unwrap_or_default());
        if self.dialect == Dialect::MariaDb {
            // A process that was stopped in the middle of a transaction would hold its locks against whoever takes over. Servers before 10.3 do
            // not know this, and MySQL has nothing like it.
            let set = self.script(&format!("SET SESSION idle_transaction_timeout = {IDLE_TRANSACTION}"));
            self.frees_idle_locks = set.is_ok();
        }
        self.limits.bytes = usize::try_from(whole_number(row.get(1)) / 2).unwrap_or(usize::MAX).max(1 << 10);
        Ok(())
    }

    /// Answers a query of a user. To prepare it shows that it is one statement, and whether that gives columns; the text protocol then gives
    /// values as the server itself shows them.
    fn read_only(&mut self, sql: &str) -> Result<Grid, Fault> {
        let prepared = self.conn.prep(sql).map_err(|error| self.fault(&error))?;
        if prepared.columns().is_empty() {
            return Err(no_query("no query: it gives no columns"));
        }
        self.conn.close(prepared).map_err(|error| self.fault(&error))?;
        let read = |conn: &mut Conn| grid(conn.query_iter(sql)?);
        read(&mut self.conn).map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &mysql::Error) -> Fault {
        scrub(sort(error), self.password.as_deref())
    }
}

impl Connection for ServerConnection {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn frees_idle_locks(&self) -> bool {
        self.frees_idle_locks
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.script("START TRANSACTION")
    }

    fn commit(&mut self) -> Result<(), Fault> {
        self.script("COMMIT")
    }

    fn rollback(&mut self) -> Result<(), Fault> {
        self.script("ROLLBACK")
    }

    fn execute(&mut self, sql: &str, cells: &[Cell<'_>]) -> Result<u64, Fault> {
        self.conn.exec_drop(sql, parameters(cells)).map_err(|error| self.fault(&error))?;
        Ok(self.conn.affected_rows())
    }

    fn query(&mut self, sql: &str, cells: &[Cell<'_>]) -> Result<Grid, Fault> {
        let read = |conn: &mut Conn| grid(conn.exec_iter(sql, parameters(cells))?);
        read(&mut self.conn).map_err(|error| self.fault(&error))
    }

    fn begin_snapshot(&mut self) -> Result<(), Fault> {
        self.script(&format!("SET SESSION net_write_timeout = {TAKE_WAIT}"))?;
        // At a weaker level, which may be the server's default, there are no snapshots.
        self.script("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
        self.script("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    }

    fn stream(
        &mut self,
        sql: &str,
        take: &mut dyn FnMut(Vec<Stored>) -> Result<(), ConnectorError>,
    ) -> Result<(), Failure> {
        let Self { conn, password, .. } = self;
        let fault = |error: mysql::Error| scrub(sort(&error), password.as_deref());
        // Prepared, so that numbers come as they are and not as text.
        let mut answers = conn.exec_iter(sql, Params::Empty).map_err(fault)?;
        if let Some(answer) = answers.iter() {
            for row in answer {
                take(row.map_err(fault)?.unwrap().into_iter().map(stored).collect())?;
            }
        }
        Ok(())
    }

    fn report(&mut self, database: Option<&str>, sql: &str) -> Result<Grid, Fault> {
        if let Some(database) = database {
            self.conn.select_db(database).map_err(|error| self.fault(&error))?;
        }
        self.script("START TRANSACTION READ ONLY")?;
        let answer = self.read_only(sql);
        self.rollback()?;
        answer
    }

    fn script(&mut self, sql: &str) -> Result<(), Fault> {
        // The answers of later statements are errors that only show when they are asked for.
        let run = |conn: &mut Conn| {
            let mut answers = conn.query_iter(sql)?;
            while let Some(answer) = answers.iter() {
                for row in answer {
                    row?;
                }
            }
            Ok(())
        };
        run(&mut self.conn).map_err(|error| self.fault(&error))
    }

    fn migrate(&mut self, runner: &refinery::Runner) -> Result<Vec<refinery::Migration>, String> {
        let done = runner.run(&mut self.conn).and_then(|_| runner.get_applied_migrations(&mut self.conn));
        done.map_err(|error| clean(error.to_string(), self.password.as_deref()))
    }
}

fn parameters(cells: &[Cell<'_>]) -> Params {
    if cells.is_empty() {
        return Params::Empty;
    }
    let value = |cell: &Cell<'_>| match cell {
        Cell::Null => Value::NULL,
        Cell::Int(number) => Value::Int(*number),
        Cell::Float(number) => Value::Double(*number),
        Cell::Text(text) => Value::Bytes(text.as_bytes().to_vec()),
    };
    Params::Positional(cells.iter().map(value).collect())
}

fn grid<P: mysql::prelude::Protocol>(mut answers: mysql::QueryResult<'_, '_, '_, P>) -> mysql::Result<Grid> {
    let columns = answers.columns().as_ref().iter().map(|column| column.name_str().into_owned()).collect();
    let mut rows = Vec::new();
    if let Some(answer) = answers.iter() {
        for row in answer {
            let row = row?;
            rows.push((0..row.len()).map(|place| row.as_ref(place).cloned().and_then(text)).collect());
        }
    }
    Ok(Grid { columns, rows })
}

fn text(value: Value) -> Option<String> {
    Some(match value {
        Value::NULL => return None,
        Value::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => error.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
        },
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        value @ (Value::Date(..) | Value::Time(..)) => value.as_sql(true).trim_matches('\'').to_owned(),
    })
}

fn stored(value: Value) -> Stored {
    match value {
        Value::NULL => Stored::Null,
        Value::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Stored::Text(text),
            Err(error) => Stored::Bytes(error.into_bytes()),
        },
        Value::Int(number) => Stored::Int(number),
        Value::UInt(number) => i64::try_from(number).map_or_else(|_| Stored::Text(number.to_string()), Stored::Int),
        Value::Float(number) => Stored::Float(number.into()),
        Value::Double(number) => Stored::Float(number),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            Stored::Text(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}"))
        }
        value @ Value::Time(..) => Stored::Text(value.as_sql(true)),
    }
}

/// Takes the password out of whatever a server says.
fn scrub(fault: Fault, password: Option<&str>) -> Fault {
    match fault {
        Fault::Lost(message) => Fault::Lost(clean(message, password)),
        Fault::Conflict(message) => Fault::Conflict(clean(message, password)),
        Fault::Refused { message, hint } => Fault::Refused { message: clean(message, password), hint },
        Fault::Data(fault) => Fault::Data(DataFault { message: clean(fault.message, password), ..fault }),
    }
}

fn clean(message: String, password: Option<&str>) -> String {
    match password {
        Some(password) => message.replace(password, "***"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_repeats_the_password_is_not_repeated() {
        let fault = scrub(Fault::Lost("login me:hunter2 failed".into()), Some("hunter2"));
        assert_eq!(fault, Fault::Lost("login me:*** failed".into()));
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_in_hex() {
        assert_eq!(text(Value::Bytes(vec![0xff, 0x01])).as_deref(), Some("ff01"));
        assert_eq!(text(Value::Bytes("ä".into())).as_deref(), Some("ä"));
        assert_eq!(text(Value::NULL), None);
    }
}
