//! `memory`: how much the process may hold before sources wait, and before the run ends.
//!
//! What counts is what the kernel counts (resident pages, `proc(5)`), since that is what it kills for. Near the limit nothing new enters: what is in
//! flight leaves, a checkpoint takes what is noted for it, and the allocator gives back what it holds in vain. What is held then still is state.
//!
//! Near is half of it. The rest is for epochs in flight, which are kept short: of records that each begin a group, an epoch takes some thirteen times
//! their bytes until it is through, and four may be on their way.

use std::time::Duration;

use crate::clock::Moment;

use super::RunError;

/// How long after a look the next one is taken.
const INTERVAL: Duration = Duration::from_millis(20);
/// The allocator has given back what it does not need after 10 s.
const RELIEF: Duration = Duration::from_secs(12);

/// An epoch takes in this part of the limit at most.
const EPOCH_PART: u64 = 128;
/// An epoch of fewer bytes is not worth its end.
const EPOCH_LEAST: u64 = 256 << 10;

/// Watches what the process holds.
pub(super) struct Memory {
    /// In bytes.
    limit: Option<u64>,
    looked: Option<Moment>,
    held: u64,
    /// Since when it has been too much without anything in flight.
    pressed: Option<Moment>,
}

impl Memory {
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self { limit, looked: None, held: 0, pressed: None }
    }

    /// How many bytes of records an epoch may have.
    pub(super) fn epoch_bytes(&self) -> usize {
        let part = self.limit.map_or(u64::MAX, |limit| (limit / EPOCH_PART).max(EPOCH_LEAST));
        usize::try_from(part).unwrap_or(usize::MAX)
    }

    /// Whether there is no room for more records.
    pub(super) fn is_short(&mut self) -> bool {
        let Some(limit) = self.limit else { return false };
        if self.looked.is_none_or(|looked| looked.elapsed() >= INTERVAL) {
            self.looked = Some(Moment::now());
            self.held = resident().unwrap_or(0);
        }
        self.held > limit / 2
    }

    /// Whether there will be no room, since waiting has not helped; `idle` says that nothing is in flight any more.
    pub(super) fn is_exhausted(&mut self, idle: bool) -> bool {
        if !idle || !self.is_short() {
            self.pressed = None;
            return false;
        }
        self.pressed.get_or_insert_with(Moment::now).elapsed() >= RELIEF
    }

    /// Fails if the limit is passed, as when state is brought back that does not fit.
    pub(super) fn require(&mut self, epoch: u64) -> Result<(), RunError> {
        if self.is_short() && self.limit.is_some_and(|limit| self.held > limit) {
            return Err(self.error(epoch));
        }
        Ok(())
    }

    /// The end of a run that has no room; results up to `epoch` stand.
    pub(super) fn error(&self, epoch: u64) -> RunError {
        RunError::Memory { held: self.held >> 20, limit: self.limit.unwrap_or(0) >> 20, epoch }
    }
}

/// The bytes of this process that are in memory; none where the system does not say.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_compared_with_the_limit() {
        let held = resident().expect("Linux says it");
        assert!(held > 1 << 20, "{held}");
        assert!(!Memory::new(None).is_short() && !Memory::new(Some(1 << 40)).is_short());
        let mut small = Memory::new(Some(1 << 20));
        assert!(small.is_short() && !small.is_exhausted(false) && !small.is_exhausted(true));
        let error = small.require(7).expect_err("it is passed");
        assert!(error.to_string().ends_with("`memory` allows 1 MiB, and half of that must be free"), "{error}");
        assert!(error.hint().starts_with("results up to epoch 7 stand"), "{}", error.hint());
    }
}
