//! One connection to a database, whichever it is, and what can go wrong on it.

use engine::connector::{ConnectorError, Grid};

use super::cell::Cell;
use super::dialect::Dialect;
use super::stored::Stored;

/// A connection whose session is set up.
pub(super) trait Connection: Send {
    /// How SQL is written here.
    fn dialect(&self) -> Dialect;
    /// Whether it soon takes locks from sessions that do nothing within a transaction.
    fn frees_idle_locks(&self) -> bool;
    /// How large a statement may be.
    fn limits(&self) -> Limits;
    /// Starts a transaction that may write.
    fn begin(&mut self) -> Result<(), Fault>;
    /// Makes it durable. After [`Fault::Lost`] it may or may not be.
    fn commit(&mut self) -> Result<(), Fault>;
    /// Takes it back.
    fn rollback(&mut self) -> Result<(), Fault>;
    /// Runs a statement, prepared; the number of rows that it changed.
    fn execute(&mut self, sql: &str, cells: &[Cell<'_>]) -> Result<u64, Fault>;
    /// Runs a query, prepared; its rows as text.
    fn query(&mut self, sql: &str, cells: &[Cell<'_>]) -> Result<Grid, Fault>;
    /// Starts a transaction that only reads, and sees everything as of one moment. [`Connection::rollback`] ends it.
    fn begin_snapshot(&mut self) -> Result<(), Fault>;
    /// Runs a query and hands over its rows as they come; an error of `take` ends it.
    fn stream(
        &mut self,
        sql: &str,
        take: &mut dyn FnMut(Vec<Stored>) -> Result<(), ConnectorError>,
    ) -> Result<(), Failure>;
    /// Runs a user's query in a database of the server, within a transaction that cannot write.
    fn report(&mut self, database: Option<&str>, sql: &str) -> Result<Grid, Fault>;
    /// Runs the statements of a script, up to the first that fails.
    fn script(&mut self, sql: &str) -> Result<(), Fault>;
    /// Lets refinery verify and write; everything that it has ever run here, or its complaint.
    fn migrate(&mut self, runner: &refinery::Runner) -> Result<Vec<refinery::Migration>, String>;
}

/// How large a statement may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Parameters.
    pub parameters: usize,
    /// Bytes of a statement with its values; half of what the database takes.
    pub bytes: usize,
}

/// What went wrong with a statement, sorted by what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection is gone: reconnect, and do the whole transaction again.
    Lost(String),
    /// Others are in the way (a deadlock, a lock, a full disk): roll back, and do the whole transaction again.
    Conflict(String),
    /// A row cannot be stored.
    Data(DataFault),
    /// The database refuses; nothing helps but a change of it or of the YAML.
    Refused {
        /// In the database's words.
        message: String,
        /// The remedy.
        hint: String,
    },
}

/// Why a row cannot be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DataFault {
    /// In the database's words.
    pub message: String,
    /// The column, if the database names it.
    pub column: Option<String>,
    /// The row's place within the statement, from 0, if the database names it.
    pub row: Option<usize>,
    /// Whether a unique index already holds the row.
    pub duplicate: bool,
}

impl Fault {
    /// The error for a place that tries nothing again; `place` names the database.
    pub(super) fn into_error(self, place: &str) -> ConnectorError {
        match self {
            Self::Lost(message) => ConnectorError::unavailable(
                format!("{place} cannot be reached: {message}"),
                "start the database, or correct host and port in `url`",
            ),
            Self::Conflict(message) => ConnectorError::unavailable(
                format!("{place} could not do it, though it was tried many times: {message}"),
                "find the transaction that holds the locks, or make room, and start again",
            ),
            Self::Data(fault) => ConnectorError::refused(
                format!("{place} cannot store a row: {}", fault.message),
                "widen the column, or change what feeds it",
            ),
            Self::Refused { message, hint } => ConnectorError::refused(format!("{place}: {message}"), hint),
        }
    }
}

/// Why a piece of work on a connection ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database said so; trying again may help.
    Fault(Fault),
    /// It is over, and this is why.
    Final(ConnectorError),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self::Final(error)
    }
}

impl Failure {
    /// The error for a place that tries nothing again.
    pub(super) fn into_error(self, place: &str) -> ConnectorError {
        match self {
            Self::Fault(fault) => fault.into_error(place),
            Self::Final(error) => error,
        }
    }
}

/// The cell of a grid, as a whole number.
pub(super) fn whole_number(cell: Option<&Option<String>>) -> u64 {
    cell.and_then(Option::as_deref).and_then(|text| text.parse().ok()).unwrap_or(0)
}
