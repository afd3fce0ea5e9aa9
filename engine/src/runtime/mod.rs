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
mod committer;
mod consolidate;
mod coordinator;
mod digests;
mod domains;
mod dropping;
mod epochs;
mod error;
mod event;
mod gathering;
mod generation;
mod history;
mod identity;
mod ingest;
pub mod inspection;
mod journal;
mod journaling;
mod letter_access;
mod letters;
mod limits;
mod memory;
mod narrowing;
mod opening;
mod options;
mod protocol;
mod reading_again;
mod rehearsal;
mod replay;
mod restarting;
mod restoring;
mod resuming;
mod run;
mod scratch;
mod setting;
mod source_state;
mod state_folder;
mod status;
mod threads;
mod verification;
mod watch;
mod worker;

pub use dropping::drop_state;
pub use error::RunError;
#[cfg(test)]
pub(crate) use history::newest_epoch;
pub use letter_access::{LetterAccess, Waiting};
pub use options::{Ended, Observer, Progress, RunOptions, Silent, Summary, Without};
pub use run::run;
pub use status::{CheckpointStatus, SinkStatus, Status, read_status};
#[cfg(test)]
pub(crate) use threads::Turn;
pub use verification::{Difference, SinkVerdict, Verdict, VerifyOptions, verify};
