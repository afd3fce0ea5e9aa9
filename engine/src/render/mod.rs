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

mod batch;
mod dataflow;
mod distinct;
mod encoded;
mod flow;
mod gathered;
mod group_by;
mod latest;
mod outlet;
mod row_bytes;
mod scan;
mod smallest;
mod stateful_region;
mod top;

pub use batch::{Batch, Origin};
pub use dataflow::{Inputs, Outlets, render};
pub use outlet::{EpochReport, Outlet, SinkOutlet, WorkerReport};
pub use scan::RawBatch;
pub(crate) use scan::partition_rank;

/// The engine's time: the number of an epoch.
pub(crate) type Epoch = u64;
/// How often a row is added or taken back.
pub(crate) type Diff = i64;
