//! Where changes go.

use std::any::Any;
use std::fmt::Debug;

use arrow::array::RecordBatch;

use crate::digest::Digest;
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
    /// Whether a sink of this entry takes back rows of an earlier run too.
    fn takes_back(&self, entry: &Entry) -> bool {
        let _ = entry;
        false
    }
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
pub trait Sink: Any + Send + Sync + Debug {
    /// Where it writes, for `explain` and messages; never a secret.
    fn describe(&self) -> String;
    /// Where it writes, as far as these variables tell, if no second sink may write there; equal for two sinks just if they would meet.
    /// For messages, so never a secret.
    fn target(&self, variables: &Variables) -> Option<String> {
        let _ = variables;
        None
    }
    /// With which others it commits: sinks of one pipeline with equal domains are opened as one [`Writer`], which commits an epoch of all of
    /// them in one transaction. `None`: it commits alone. Holds no secret, but need not be readable.
    fn domain(&self, variables: &Variables) -> Option<String> {
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
    /// The first contact with the outside: everything that can be wrong there is found here, before any source is read. `members` are this
    /// sink and the others of its domain, in the order of the pipeline. Earlier instances are fenced in all of them before it is read what any
    /// of them holds: whatever is held then is held for good.
    ///
    /// # Errors
    /// Says what refuses or differs, and the remedy.
    fn open(&self, members: &[Member<'_>]) -> Result<Box<dyn Writer>, MemberError>;
    /// Reads back what it durably holds, as of one moment, without fencing anybody. `None` if nothing outlives a run.
    ///
    /// # Errors
    /// What refuses, or an error of `take`.
    fn read_back(
        &self,
        context: &ConnectContext,
        take: &mut dyn FnMut(Held) -> Result<(), ConnectorError>,
    ) -> Result<Option<Committed>, ConnectorError> {
        let _ = (context, take);
        Ok(None)
    }
}

/// A sink that is opened.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// The sink: of the same type as all of its domain.
    pub sink: &'a dyn Sink,
    /// Its own context.
    pub context: &'a ConnectContext,
}

/// Something that a sink holds.
#[derive(Clone, Debug)]
pub enum Held {
    /// Rows, in the sink's schema.
    Rows(RecordBatch),
    /// Something that cannot be a row of this sink, and why; for messages.
    Foreign(String),
}

/// What failed, and of which member of a domain (by its place).
#[derive(Debug)]
pub struct MemberError {
    /// The member.
    pub member: usize,
    /// Why.
    pub error: ConnectorError,
}

impl MemberError {
    /// Says of a result's error that it is a member's.
    pub fn of(member: usize) -> impl Fn(ConnectorError) -> Self {
        move |error| Self { member, error }
    }
}

/// A failure of a sink that commits alone, or of all members.
impl From<ConnectorError> for MemberError {
    fn from(error: ConnectorError) -> Self {
        Self { member: 0, error }
    }
}

impl From<crate::spec::MissingVariable> for MemberError {
    fn from(missing: crate::spec::MissingVariable) -> Self {
        ConnectorError::from(missing).into()
    }
}

/// Writes the epochs of a domain, or of a sink that commits alone; owned by a thread of its own.
pub trait Writer: Send {
    /// What the outside durably holds, member by member.
    fn committed(&self) -> Vec<Committed>;

    /// Whether a commit that is cut off leaves nothing behind. If it may leave a part, only the same epoch with the same rows completes it, so each
    /// epoch is committed on its own.
    fn is_atomic(&self) -> bool {
        true
    }

    /// What [`Writer::commit`] will be told next, unless the run ends before. It must not be seen yet, nor outlast the end of the writer, but it may be
    /// put on its way. What fails is tried again by the commit.
    fn prepare(&mut self, epoch: u64, changed: &[MemberChanges]) {
        let _ = (epoch, changed);
    }

    /// Writes what `epoch` changes in some members, and in each of them the epoch itself with its digest: all of it or nothing. Returns when it is
    /// durable. Epochs come in ascending order; members, or whole epochs, that are not changed are left out.
    ///
    /// # Errors
    /// What retrying cannot mend.
    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError>;

    /// All epochs up to this one are through, though they may have changed nothing here. Called about once an epoch; for displays.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    fn passed(&mut self, epoch: u64) -> Result<(), MemberError> {
        let _ = epoch;
        Ok(())
    }

    /// Runs a query in a member's own database.
    ///
    /// # Errors
    /// What the database says; or that this sink is none.
    fn query(&mut self, member: usize, sql: &str) -> Result<Grid, ConnectorError> {
        let _ = (member, sql);
        Err(ConnectorError::refused("this sink answers no queries", "use a database sink for reports"))
    }
}

/// What an epoch changes in a member of a domain.
#[derive(Clone, Debug)]
pub struct MemberChanges {
    /// The member's place.
    pub member: usize,
    /// The rows; at least one.
    pub changes: Changes,
    /// Of all rows that the member holds after the epoch.
    pub digest: Digest,
}

/// What a sink durably holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Nothing outlives the run (a console): it is sent everything again.
    Volatile,
    /// Everything up to an epoch.
    Epoch(Mark),
}

/// How far a sink has come, as it says itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The last epoch that changed something in it; zero if it holds nothing yet.
    pub epoch: u64,
    /// Of all rows that it then held, as the commit of that epoch said.
    pub digest: Digest,
}

/// The answer to a query, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// Column names.
    pub columns: Vec<String>,
    /// Cells; `None` is SQL's null.
    pub rows: Vec<Vec<Option<String>>>,
}
