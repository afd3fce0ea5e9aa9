//! Puts back what a checkpoint has kept.

use std::path::Path;

use tracing::info;

use crate::clock::Moment;
use crate::failpoint::{Failpoint, hit};
use crate::render::CutEntry;

use super::RunError;
use super::checkpoint::{Checkpoint, Expiry, Merge};
use super::coordinator::Coordinator;
use super::digests::Recorded;
use super::epochs::ClosingKind;

/// How many entries of a cut are put back at a time.
const CHUNK: usize = 4096;

impl Coordinator<'_> {
    /// Puts back what has passed the cuts up to a checkpoint, as an epoch of its own, and opens `next`; gives the checkpoint's epoch.
    pub(super) fn put_back(
        &mut self,
        checkpoint: &Checkpoint,
        digests: &Recorded,
        runs: &Path,
        next: u64,
    ) -> Result<u64, RunError> {
        self.open_epoch(checkpoint.epoch)?;
        let mut entries = Merge::open(runs, &checkpoint.runs, Some(Expiry::new(self.plan)))?;
        let mut chunk: Vec<CutEntry> = Vec::new();
        let mut cut = None;
        while let Some((of, key, value)) = entries.next()? {
            if chunk.len() == CHUNK || cut.is_some_and(|cut| cut != of) {
                self.workers.restore(cut.unwrap_or(of), std::mem::take(&mut chunk))?;
                self.drain_events()?;
                self.epochs.last_data = Moment::now();
                self.look();
                if self.shall_stop() {
                    return Ok(checkpoint.epoch);
                }
            }
            cut = Some(of);
            chunk.push((key, value));
        }
        hit(Failpoint::Restore).map_err(RunError::file(runs))?;
        if let Some(cut) = cut {
            self.workers.restore(cut, chunk)?;
        }
        self.workers.restored()?;
        info!("goes on from the checkpoint at epoch {}", checkpoint.epoch);
        self.close_past(ClosingKind::Restored(digests.clone()), next)?;
        self.settle()?;
        Ok(checkpoint.epoch)
    }
}
