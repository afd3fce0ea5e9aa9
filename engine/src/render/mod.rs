//! Plan → timely dataflow. Rendering cannot fail, and every worker renders the same graph.
//!
//! Between operators flow [`Batch`]es, each at one epoch. Every node gives rows and errors:
//!
//! ```text
//!  input ─▶ scan ─┬─ exit 0 ─▶ group_by ─┬─ rows ─▶ region ─▶ …
//!                 ├─ exit 1 ─▶ sink      └─ errors ─┐
//!                 ├─ clock ──▶ latest               │
//!                 └─ errors ────────────────────────┴─▶ error outlet
//! ```

pub(crate) mod batch;
pub(crate) mod cut;
pub(crate) mod cut_sum;
pub(crate) mod cut_value;
mod dataflow;
mod digests;
pub(crate) mod encoded;
mod first_values;
mod flow;
pub(crate) mod gathered;
pub(crate) mod node_input;
mod outlet;
pub(crate) mod row_bytes;
mod row_json;
mod scan;
mod scan_target;
pub(crate) mod smallest;
pub(crate) mod stateful_region;

pub use batch::{Batch, Origin};
pub use cut::{Cut, CutEntry, CutKey, CutSums};
pub use cut_sum::CutSum;
pub(crate) use cut_sum::SumEntry;
pub use cut_value::CutValue;
pub use dataflow::{Inputs, Outlets, render};
pub use digests::{Digested, RowDigester};
pub use outlet::{CheckpointWanted, EpochReport, Moved, Outlet, SinkOutlet, WorkerReport};
pub(crate) use scan::partition_rank;
pub use scan::{RawAgain, RawBatch};

/// The engine's time: the number of an epoch.
pub(crate) type Epoch = u64;
/// How often a row is added or taken back.
pub(crate) type Diff = i64;
