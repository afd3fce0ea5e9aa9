//! Checkpoints: what has passed the cuts, kept in files, so that a restart need not read the past again.
//!
//! ```text
//!  workers ─CutSums of an epoch─▶ checkpointer ─▶ run file ─▶ coordinator ─▶ journal: Checkpoint { epoch, runs }
//! ```
//! A run holds what has passed since the checkpoint before, sorted; a checkpoint is a list of runs, whose entries add up. Small runs are merged into
//! larger ones. A checkpoint only shortens a restart: without it, the journal has everything.

mod checkpointer;
mod entry;
mod expiry;
mod merge;
mod run_file;
mod verifier;

pub(super) use checkpointer::{Checkpointer, CheckpointerStart, CutReport, runs_folder};
pub(super) use entry::Checkpoint;
pub(super) use expiry::Expiry;
pub(super) use merge::Merge;
pub(super) use run_file::remove_others;
pub(super) use verifier::Verifier;
