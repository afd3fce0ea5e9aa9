//! A pipeline as understood: typed, names resolved, nothing left to fail.
//!
//! ```text
//!  SourceNode ─ prefilter ─ Region ─┬─ exit ─▶ Node (stateful) ─ Region ─┬─ exit ─▶ Node …
//!                                   └─ exit ─▶ SinkNode                  └─ exit ─▶ SinkNode
//! ```
//!
//! Row-wise operators do not appear as nodes: they are steps of the region behind the source or the stateful operator that
//! feeds them. A union is nothing at all: its inputs have exits to the same target.

mod explain;
mod fingerprint;
mod region;

pub use explain::{dot, explain};
pub(crate) use fingerprint::fingerprint;
pub use region::{ARROW, At, Condition, Exit, Late, Projection, Region, RowOp, Step, Target};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::connector::{Format, MetadataColumn, MetadataOrigin, Replay, Sink, SinkInput, Source};
use crate::operator::Stateful;
use crate::schema::{ColumnType, Schema};
use crate::spec::{Mode, Text, Variables};

/// The folder below the root of all state where pipelines on embedded stand-ins have their own.
pub(crate) const EMBEDDED_STATE: &str = "embedded";

/// A pipeline that can be run.
#[derive(Debug)]
pub struct Plan {
    /// The pipeline's name; also of its state folder.
    pub name: String,
    /// Whether it ends.
    pub mode: Mode,
    /// How long an epoch stays open.
    pub epoch: Duration,
    /// How long after a checkpoint the next one is made, if something has happened.
    pub checkpoint: Duration,
    /// How much memory the process may hold, in bytes.
    pub memory: Option<u64>,
    /// Where records come from.
    pub sources: Vec<SourceNode>,
    /// Stateful operators, each after those that feed it.
    pub nodes: Vec<Node>,
    /// Where changes go.
    pub sinks: Vec<SinkNode>,
    /// Queries to run in sinks' databases.
    pub reports: Vec<Report>,
}

/// A source and the row-wise operators directly behind it.
#[derive(Debug)]
pub struct SourceNode {
    /// Its name.
    pub name: String,
    /// The connector.
    pub source: Arc<dyn Source>,
    /// How its records are decoded.
    pub format: Arc<dyn Format>,
    /// The columns that its records must have.
    pub declared: Schema,
    /// The columns that come with its records.
    pub metadata: Vec<MetadataColumn>,
    /// Its rows' time, if they have one.
    pub event_time: Option<EventTime>,
    /// What becomes of records and rows that fail.
    pub on_error: OnError,
    /// How many records of a run may fail.
    pub max_errors: Option<MaxErrors>,
    /// The sink of its dead letters, by its place; none if it can have none.
    pub letters: Option<usize>,
    /// A filter that all rows pass before further columns are built.
    pub prefilter: Option<Prefilter>,
    /// The columns that the region starts with.
    pub root: Vec<RootColumn>,
    /// The operators.
    pub region: Region,
    /// Identifies everything above.
    pub fingerprint: String,
}

impl SourceNode {
    /// Whether it matters which rows came late. Then a partition is read by one worker, in order.
    #[must_use]
    pub fn judges_late(&self) -> bool {
        self.root.contains(&RootColumn::Late)
    }

    /// The time that comes with a record: where in [`crate::connector::Records::metadata`] it stands.
    #[must_use]
    pub fn record_time(&self) -> Option<usize> {
        self.metadata.iter().find_map(|column| match column.origin {
            MetadataOrigin::Record(at) if column.column.column_type == ColumnType::Timestamp => Some(at),
            _ => None,
        })
    }

    /// Which of the values that come with each record somebody looks at, by their places in [`crate::connector::Records::metadata`].
    #[must_use]
    pub fn wanted_metadata(&self) -> Vec<bool> {
        let prefilter = self.prefilter.iter().flat_map(|prefilter| &prefilter.root);
        let time = self.event_time.iter().map(|time| &time.column);
        let used: Vec<&RootColumn> = prefilter.chain(&self.root).chain(time).collect();
        let lettered = self.record_time().filter(|_| self.letters.is_some());
        let mut wanted = Vec::new();
        for (at, column) in self.metadata.iter().enumerate() {
            if let MetadataOrigin::Record(record) = column.origin {
                wanted.resize(wanted.len().max(record + 1), false);
                // What is journaled must serve whatever is asked of it later.
                wanted[record] |= used.contains(&&RootColumn::Metadata(at))
                    || self.source.replay() == Replay::Journal
                    || lettered == Some(record);
            }
        }
        wanted
    }
}

/// A filter on few columns, evaluated before others are built.
#[derive(Debug)]
pub struct Prefilter {
    /// The operator's name.
    pub name: String,
    /// What it looks at.
    pub root: Vec<RootColumn>,
    /// The schema of those columns.
    pub schema: Schema,
    /// The condition, on exactly those columns.
    pub condition: Condition,
}

/// Where a column at the start of a source's region comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootColumn {
    /// A declared column, by its place.
    Declared(usize),
    /// A metadata column, by its place.
    Metadata(usize),
    /// The row's event time in microseconds.
    EventTime,
    /// A number that stands for the partition, the same in every run.
    PartitionRank,
    /// The record's offset.
    Offset,
    /// Whether the row came late: its time is less than the greatest seen earlier in its own partition, less the lateness that is allowed.
    Late,
}

/// The time of a source's rows.
#[derive(Clone, Debug)]
pub struct EventTime {
    /// The column: declared or metadata.
    pub column: RootColumn,
    /// How far a row may be behind the greatest time seen earlier in its partition before it is late.
    pub lateness: Duration,
}

/// What becomes of records and rows that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnError {
    /// They are counted.
    Skip,
    /// They are counted and kept as dead letters.
    DeadLetter,
    /// They stop the run.
    Fail,
}

/// How many records of a run may fail before it stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxErrors {
    /// So many.
    Count(u64),
    /// So many of a hundred that are read.
    Percent(f64),
}

/// A stateful operator and the row-wise operators directly behind it.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it does.
    pub operator: Stateful,
    /// The columns of its input batches, in order; names that start with `$` are not the user's.
    pub input: Schema,
    /// Whether its input is only ever added to.
    pub input_appends: bool,
    /// The columns of its output.
    pub output: Schema,
    /// The sources whose event time is its clock.
    pub clocks: Vec<usize>,
    /// What becomes of its own errors: the strictest of all sources above.
    pub on_error: OnError,
    /// The operators behind it.
    pub region: Region,
    /// Identifies everything above.
    pub fingerprint: String,
}

/// A sink.
#[derive(Debug)]
pub struct SinkNode {
    /// What flows into it.
    pub input: SinkInput,
    /// The connector.
    pub sink: Arc<dyn Sink>,
    /// The source whose dead letters it holds, by its place: those are no rows of the dataflow.
    pub letters_of: Option<usize>,
    /// Identifies everything above.
    pub fingerprint: String,
}

impl SinkNode {
    /// What the journal calls it: another sink of the same name is another sink.
    pub(crate) fn mark_key(&self) -> String {
        format!("{} {}", self.input.name, self.fingerprint)
    }
}

/// A query that runs in a sink's database.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// The headline above its answer.
    pub title: String,
    /// The sink, by its place.
    pub sink: usize,
    /// The query.
    pub sql: Text,
}

impl Node {
    /// Whether it must know how far event time has come.
    #[must_use]
    pub fn needs_clock(&self) -> bool {
        matches!(&self.operator, Stateful::Latest(latest) if latest.expire.is_some())
    }
}

impl Plan {
    /// The pipeline's own folder below the root of all state. What reads an embedded stand-in has its state apart from what reads the real
    /// system: the one says nothing about the other.
    #[must_use]
    pub fn state_folder(&self, root: &Path, variables: &Variables) -> PathBuf {
        let embedded = self.sources.iter().any(|source| source.source.is_embedded(variables));
        if embedded { root.join(EMBEDDED_STATE).join(&self.name) } else { root.join(&self.name) }
    }

    /// What each cut is whose sum a checkpoint keeps, in the order of sources and nodes. Equal names, equal meaning of the bytes: those of rows follow
    /// arrow-row's format, which may change with its version, and the columns of a node's input, of which it gets only those that are used.
    #[must_use]
    pub fn cut_names(&self) -> Vec<String> {
        let sources = self.sources.iter().map(|source| {
            let judged = if source.judges_late() { ", judged" } else { "" };
            format!("source {} {}{judged}", source.name, source.fingerprint)
        });
        let nodes = self.nodes.iter().enumerate().map(|(at, node)| {
            let columns: Vec<_> =
                node.input.columns.iter().map(|column| format!("{} {}", column.name, column.column_type)).collect();
            let shape = format!("arrow-row 59, texts as keys; {}; {}", node.input_appends, columns.join(", "));
            format!("node {at} {}", fingerprint(&shape, &[&node.fingerprint]))
        });
        sources.chain(nodes).collect()
    }

    /// Whether rows of a source reach a target without a stateful operator between; so do its dead letters.
    #[must_use]
    pub fn is_fed_by_source(&self, target: Target) -> bool {
        let of_letters = |target| matches!(target, Target::Sink(at) if self.sinks[at].letters_of.is_some());
        of_letters(target)
            || self.sources.iter().any(|source| source.region.exits.iter().any(|exit| exit.target == target))
    }

    /// Whether nothing is kept between epochs, so that a restart need not read the past again.
    #[must_use]
    pub fn is_stateless(&self) -> bool {
        self.nodes.is_empty() && !self.sources.iter().any(SourceNode::judges_late)
    }
}
