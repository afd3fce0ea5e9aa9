//! What an operator gathers of each epoch until no more of it can come.

use std::collections::BTreeMap;

use timely::dataflow::operators::{Capability, InputCapability};

use super::Epoch;

/// Input of open epochs, in the form `G`, with the right to send at them.
pub(crate) struct Gathered<G>(BTreeMap<Epoch, (Capability<Epoch>, G)>);

/// An epoch of which everything has come.
pub(crate) struct Complete<G> {
    pub(crate) epoch: Epoch,
    pub(crate) capability: Capability<Epoch>,
    pub(crate) gathered: G,
}

impl<G> Gathered<G> {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// What has been gathered of a message's epoch, or a new start.
    pub(crate) fn at(&mut self, stamp: &InputCapability<Epoch>, start: impl FnOnce() -> G) -> &mut G {
        let epoch = epoch(stamp);
        &mut self.0.entry(epoch).or_insert_with(|| (stamp.delayed(&epoch, 0), start())).1
    }

    /// Takes the first epoch, unless more of it can come.
    pub(crate) fn pop_complete(&mut self, is_open: impl FnOnce(&Epoch) -> bool) -> Option<Complete<G>> {
        let entry = self.0.first_entry().filter(|entry| !is_open(entry.key()))?;
        let epoch = *entry.key();
        let (capability, gathered) = entry.remove();
        Some(Complete { epoch, capability, gathered })
    }
}

/// A message's epoch.
pub(crate) fn epoch(stamp: &InputCapability<Epoch>) -> Epoch {
    *stamp.least().expect("messages carry a time")
}
