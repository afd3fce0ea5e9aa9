//! Where changes go.

use std::fmt::Debug;

use crate::schema::Schema;
use crate::spec::{Entry, Key, Variables};

use super::{Changes, CheckContext, ConnectContext, ConnectorError};

/// A kind of sink, as `mysql`: its name in YAML, its keys, and the check that makes a [`Sink`] of them.
pub trait SinkKind: Sync {
    /// The key that names it in a sink entry.
    fn name(&self) -> &'static str;
    /// One sentence for `flowctl connectors`.
    fn about(&self) -> &'static str;
    /// The keys below its name.
    fn keys(&self) -> &'static [Key];
    /// Makes a sink of an entry and its input; a table or mode that cannot take the input is an error here. Pure.
    fn check(&self, entry: &Entry, input: &SinkInput, context: &mut CheckContext<'_>) -> Option<Box<dyn Sink>>;
}

/// What flows into a sink.
#[derive(Clone, Debug)]
pub struct SinkInput {
    /// The sink's name in the pipeline.
    pub name: String,
    /// Its columns.
    pub schema: Schema,
    /// Whether rows are only ever added.
    pub mode: SinkMode,
    /// The order in which people want to see the rows, most important first; empty if none.
    pub order: Vec<SortKey>,
}

/// Whether rows are only ever added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkMode {
    /// Rows are added and never taken back.
    Appends,
    /// Rows are also taken back.
    Changes,
}

/// A column to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The column's place in the schema.
    pub column: usize,
    /// Greatest first.
    pub descending: bool,
}

/// A checked sink.
pub trait Sink: Send + Sync + Debug {
    /// Where it writes, for `explain` and messages; never a secret.
    fn describe(&self) -> String;
    /// Where it writes, as far as these variables tell, if no second sink may write there; equal for two sinks just if they would meet.
    /// For messages, so never a secret.
    fn target(&self, variables: &Variables) -> Option<String> {
        let _ = variables;
        None
    }
    /// Whether [`Writer::query`] works.
    fn answers_queries(&self) -> bool {
        false
    }
    /// Why this can be no query of a report, as far as it shows without the database, and the remedy; `None` if it may be one.
    fn refuses_query(&self, sql: &str) -> Option<(String, String)> {
        let _ = sql;
        None
    }
    /// The first contact with the outside: everything that can be wrong there is found here, before any source is read.
    ///
    /// # Errors
    /// Says what refuses or differs, and the remedy.
    fn open(&self, context: &ConnectContext) -> Result<Box<dyn Writer>, ConnectorError>;
}

/// Writes the epochs of one sink; owned by a thread of its own.
pub trait Writer: Send {
    /// What the outside durably holds.
    fn committed(&self) -> Committed;

    /// Writes the changes of `epoch` and the epoch itself, both or neither, and returns when they are durable. Epochs come in ascending
    /// order; empty ones may be left out.
    ///
    /// # Errors
    /// What retrying cannot mend.
    fn commit(&mut self, epoch: u64, changes: &Changes) -> Result<(), ConnectorError>;

    /// All epochs up to this one are through, though they may have changed nothing here. Called about once an epoch; for displays.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    fn passed(&mut self, epoch: u64) -> Result<(), ConnectorError> {
        let _ = epoch;
        Ok(())
    }

    /// Runs a query in the sink's own database.
    ///
    /// # Errors
    /// What the database says; or that this sink is none.
    fn query(&mut self, sql: &str) -> Result<Grid, ConnectorError> {
        let _ = sql;
        Err(ConnectorError::refused("this sink answers no queries", "use a database sink for reports"))
    }
}

/// What a sink durably holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Nothing outlives the run (a console): it is sent everything again.
    Volatile,
    /// Everything up to this epoch; zero if it holds nothing yet.
    Epoch(u64),
}

/// The answer to a query, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// Column names.
    pub columns: Vec<String>,
    /// Cells; `None` is SQL's null.
    pub rows: Vec<Vec<Option<String>>>,
}
