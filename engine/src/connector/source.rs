//! Where records come from.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use crate::spec::{Entry, Key, Variables};

use super::{Anchor, CheckContext, ConnectContext, ConnectorError, Constant, MetadataColumn, Records};

/// A kind of source, as `kafka`: its name in YAML, its keys, and the check that makes a [`Source`] of them.
pub trait SourceKind: Sync {
    /// The key that names it in a source entry.
    fn name(&self) -> &'static str;
    /// One sentence for `flowctl connectors`.
    fn about(&self) -> &'static str;
    /// The keys below its name.
    fn keys(&self) -> &'static [Key];
    /// Makes a source of an entry, with no network. Problems go to the context; `None` if there were errors.
    fn check(&self, entry: &Entry, context: &mut CheckContext<'_>) -> Option<Box<dyn Source>>;
}

/// A checked source.
pub trait Source: Send + Sync + Debug {
    /// What it reads, for `explain` and messages; never a secret.
    fn describe(&self) -> String;
    /// What decides what its records mean, for fingerprints: the topics and the start, but neither addresses nor intervals, which may change
    /// while the records stay what they are.
    fn meaning(&self) -> String {
        self.describe()
    }
    /// Whether it reads the embedded stand-in of an outside system, as far as these variables tell. What was read there says nothing
    /// about the real system, so such a pipeline keeps its state apart.
    fn is_embedded(&self, variables: &Variables) -> bool {
        let _ = variables;
        false
    }
    /// The columns that come with every record.
    fn metadata(&self) -> Vec<MetadataColumn>;
    /// What the engine may rely on after a restart.
    fn replay(&self) -> Replay;
    /// The schema of the records, if the source itself fixes it (the user need not declare one).
    fn schema(&self) -> Option<crate::schema::Schema> {
        None
    }
    /// Why records of this source cannot be read by a format of that name, and the remedy; `None` if they can.
    fn refuses_format(&self, format: &str) -> Option<(String, String)> {
        let _ = format;
        None
    }
    /// The constants of a partition of which the journal has the records, by the partition's id: for replaying them without any contact. Only asked of
    /// sources with [`Replay::Journal`].
    fn recall(&self, id: &str) -> Vec<Constant> {
        let _ = id;
        Vec::new()
    }
    /// The first contact with the outside.
    ///
    /// # Errors
    /// Says what refuses or is missing, and the remedy.
    fn open(&self, request: &OpenSource<'_>) -> Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError>;
}

/// Whether records can be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// From any offset on, always the same records: the journal keeps ranges only.
    Seek,
    /// Never: the engine journals the records themselves before it uses them.
    Journal,
}

/// How a source is to be opened.
pub struct OpenSource<'a> {
    /// Where partitions were left: their next offset by [`Partition::id`]. Others start where the entry says.
    pub resume: &'a BTreeMap<String, u64>,
    /// What the last records that were read of a partition have left, by [`Partition::id`]; it may lie behind `resume`, if records are to be read
    /// again. A source that leaves anchors compares them now: a partition that holds something else there is not the one that was read, and is
    /// refused. What the partition has forgotten by its own rules (retention, compaction) is no reason to refuse.
    pub anchors: &'a BTreeMap<String, Anchor>,
    /// When to end.
    pub bound: Bound,
    /// For each metadata column with origin `Record(i)`, at place `i`: whether anyone uses it.
    pub wanted: &'a [bool],
    /// The rest.
    pub context: &'a ConnectContext,
}

/// When a reader ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Never.
    Unbounded,
    /// When everything that was there at the opening has been read.
    Now,
}

/// A partition's place in the list of its source's partitions, in the order in which they were announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionIndex(pub u32);

/// A sequence of records with ascending offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name, stable across restarts: `twitch_streams_high/0`, a file's path.
    pub id: String,
    /// The values of metadata columns with origin `Partition(i)`.
    pub constants: Vec<Constant>,
    /// The offset from which it is read.
    pub start: u64,
    /// The offset at which it ends, if it is known to end.
    pub end: Option<u64>,
}

/// Reads all partitions of a source; owned by a thread of its own.
pub trait Reader: Send {
    /// The next records, of any partition. Waits at most `wait`.
    ///
    /// # Errors
    /// What retrying cannot mend.
    fn read(&mut self, wait: Duration) -> Result<Read, ConnectorError>;

    /// Delivers no record at or past `limit` of this partition until the limit is raised; `None` lifts it. Records delivered in one batch
    /// that crosses the limit are all right: the engine cuts the batch.
    fn limit(&mut self, partition: PartitionIndex, limit: Option<u64>);

    /// How many records wait beyond those delivered, if the outside tells.
    fn backlog(&mut self) -> Option<u64> {
        None
    }
}

/// What a reader brings.
#[derive(Debug)]
pub enum Read {
    /// Records of one partition, directly after those delivered before.
    Records(Records),
    /// Partitions that have appeared; they take the next places in the list.
    Discovered(Vec<Partition>),
    /// Everything of a partition below this offset, its limit or its end, has been delivered, though the last offsets before it may
    /// have been a gap.
    Reached(PartitionIndex, u64),
    /// Nothing came in time.
    Idle,
    /// A bounded reader has delivered everything.
    End,
}
