//! The contract between the engine and the outside world.
//!
//! A connector is *described* ([`SourceKind`], [`SinkKind`]: a name and a table of keys), *checked* (YAML → [`Source`] or
//! [`Sink`], pure, no network), *opened* ([`Source::open`], [`Sink::open`]: the first contact with the outside), and then
//! *run* by a thread of its own ([`Reader::read`], [`Writer::commit`]).
//!
//! ```text
//!  SourceKind ──check──▶ Source ──open──▶ Partitions + Reader ──read──▶ Records … ─▶ Format's Decoder ─▶ columns
//!  SinkKind   ──check──▶ Sink …  ──open──▶ Writer ◀──commit── Changes of one epoch, in all sinks of a domain
//! ```

mod anchor;
mod changes;
mod context;
mod doubt;
mod error;
mod format;
mod metadata;
mod records;
mod registry;
mod sink;
mod source;

pub use anchor::Anchor;
pub use changes::Changes;
pub use context::{CheckContext, ConnectContext, StopFlag};
pub use doubt::{DoubtfulCommit, FoundMarker, Outcome};
pub use error::ConnectorError;
pub use format::{BadRecord, DecodeRequest, Decoder, Format, FormatKind, Verdicts};
pub use metadata::{Constant, MetadataColumn, MetadataOrigin};
pub use records::{Framing, Offsets, Records, Spans};
pub use registry::{DefaultSink, Registry};
pub use sink::{
    Committed, Grid, Held, Mark, Member, MemberChanges, MemberError, Sink, SinkInput, SinkKind, SinkMode, SortKey,
    Writer,
};
pub use source::{Bound, OpenSource, Partition, PartitionIndex, Read, Reader, Replay, Source, SourceKind};
