//! Runs a plan: readers, coordinator, workers, committers, journal.
//!
//! ```text
//!  readers ─Records─▶ coordinator ─Feed─▶ workers ─Outlet─▶ committers
//!                       │    ▲  ▲            │                 │
//!                    journal │  └─Report─────┘                 │
//!                            └────────Committed────────────────┘
//! ```

mod checkpoint;
mod checkpoints;
mod clock;
mod committer;
mod consolidate;
mod coordinator;
mod dead_letters;
mod digests;
mod domains;
mod epochs;
mod error;
mod event;
mod history;
mod ingest;
mod journal;
mod journaling;
mod opening;
mod options;
mod protocol;
mod replay;
mod restoring;
mod resuming;
mod run;
mod source_state;
mod state_folder;
mod status;
mod watch;
mod worker;

pub use error::RunError;
pub use options::{Ended, Observer, Progress, RunOptions, Silent, Summary};
pub use run::run;
pub use status::{SinkStatus, Status, read_status};
