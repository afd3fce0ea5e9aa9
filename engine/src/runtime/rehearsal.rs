//! A rehearsal: the past replayed in a scratch folder, cut in other places and into sinks that only look, to see whether, or since when, it does not come
//! to the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::connector::{ConnectorError, MetadataOrigin, Partition, PartitionIndex, Read, Reader, Records};
use crate::plan::{Plan, SourceNode};

use super::RunError;
use super::checkpoint::Checkpoint;
use super::history::{History, Summit};
use super::resuming::earliest_beginning;
use super::state_folder::StateFolder;

/// Of so many epochs about one ends a stage.
const STAGE_EPOCHS: u64 = 7;
/// Of so many batches about one is cut in two, and each of its parts may be again.
const CUT_BATCHES: u64 = 3;

/// The past, replayed once more.
#[derive(Debug)]
pub(super) struct Rehearsal {
    cuts: Cuts,
}

/// Where the past is cut.
#[derive(Debug)]
pub(super) enum Cuts {
    /// At random, but always in the same way for the same seed, from as early on as can be.
    Shuffled(Shuffle),
    /// Each of these epochs is a stage, behind the checkpoint at epoch `begins` if there is one.
    OneByOne {
        /// The checkpoint's epoch.
        begins: Option<u64>,
        /// The epochs.
        epochs: RangeInclusive<u64>,
    },
}

/// Numbers at random.
#[derive(Debug)]
pub(super) struct Shuffle {
    state: u64,
}

impl Rehearsal {
    pub(super) fn new(cuts: Cuts) -> Self {
        Self { cuts }
    }

    /// Whether it cuts the past as finely as can be.
    pub(super) fn is_one_by_one(&self) -> bool {
        matches!(self.cuts, Cuts::OneByOne { .. })
    }

    /// The checkpoint with which it begins, if it does with one.
    pub(super) fn beginning(
        &self,
        plan: &Plan,
        summit: &Summit,
        sound: &[Checkpoint],
        folder: &StateFolder,
    ) -> Result<Option<Checkpoint>, RunError> {
        match &self.cuts {
            Cuts::Shuffled(_) => earliest_beginning(plan, summit, sound, folder),
            Cuts::OneByOne { begins, .. } => Ok(sound.iter().find(|sound| Some(sound.epoch) == *begins).cloned()),
        }
    }

    /// Epochs up to `last` at which stages end.
    pub(super) fn borders(&mut self, last: u64) -> BTreeSet<u64> {
        match &mut self.cuts {
            Cuts::Shuffled(shuffle) => shuffle.borders(last),
            Cuts::OneByOne { epochs, .. } => (epochs.start().saturating_sub(1)..=*epochs.end()).collect(),
        }
    }

    /// Makes of the past what is rehearsed of it.
    pub(super) fn adapt(&self, history: &mut History) {
        match &self.cuts {
            Cuts::Shuffled(_) => history.share_out(),
            Cuts::OneByOne { epochs, .. } => history.stages.retain(|stage| stage.epoch <= *epochs.end()),
        }
    }

    /// The same records, in one batch or several.
    pub(super) fn cut(&mut self, records: Records) -> Vec<Records> {
        match &mut self.cuts {
            Cuts::Shuffled(shuffle) => shuffle.cut(records),
            Cuts::OneByOne { .. } => vec![records],
        }
    }
}

impl Cuts {
    /// At random.
    pub(super) fn shuffled(seed: u64) -> Self {
        Self::Shuffled(Shuffle { state: seed })
    }
}

impl Shuffle {
    /// Epochs up to `last` at which stages end.
    fn borders(&mut self, last: u64) -> BTreeSet<u64> {
        let mut borders = BTreeSet::new();
        let mut epoch = 0;
        while epoch < last {
            epoch += 1 + self.below(2 * STAGE_EPOCHS);
            borders.insert(epoch);
        }
        borders
    }

    /// The same records, in one batch or several.
    fn cut(&mut self, records: Records) -> Vec<Records> {
        let mut parts = Vec::new();
        let mut rest = records;
        while self.below(CUT_BATCHES) == 0 {
            let spans = rest.spans();
            if spans.values.len() < 2 {
                break;
            }
            let at = 1 + self.below(spans.values.len() as u64 - 1);
            let border = spans.offsets.at(at as usize);
            let (below, above) = rest.split_at(border);
            parts.push(below);
            rest = above;
        }
        parts.push(rest);
        parts
    }

    /// A number below a bound (SplitMix64; the little that is not uniform does not matter here).
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Stands for a source that cannot read again: the journal has its records, and the outside is not asked.
struct Absent;

impl Reader for Absent {
    fn read(&mut self, wait: Duration) -> Result<Read, ConnectorError> {
        std::thread::sleep(wait);
        Ok(Read::Idle)
    }

    fn limit(&mut self, _partition: PartitionIndex, _limit: Option<u64>) {}
}

/// The partitions of a source that cannot read again, as the journal knows them.
pub(super) fn recall_source(
    node: &SourceNode,
    history: &History,
) -> Result<(Vec<Partition>, Box<dyn Reader>), RunError> {
    let none = BTreeMap::new();
    let known = history.starts.get(&node.name).unwrap_or(&none);
    let wanted = node.metadata.iter().filter(|column| matches!(column.origin, MetadataOrigin::Partition(_))).count();
    let mut partitions = Vec::new();
    for (id, start) in known {
        let constants = node.source.recall(id);
        if constants.len() != wanted {
            let error = ConnectorError::diverged(
                format!("partition `{id}` is not one that this source can have"),
                "use the YAML with which the state was made",
            );
            return Err(RunError::Source { name: node.name.clone(), error });
        }
        partitions.push(Partition { id: id.clone(), constants, start: *start, end: None });
    }
    Ok((partitions, Box::new(Absent)))
}

#[cfg(test)]
mod tests {
    use arrow::buffer::Buffer;

    use super::*;

    #[test]
    fn batches_are_cut_without_loss() {
        let mut rehearsal = Rehearsal::new(Cuts::shuffled(1));
        let text: String = (0..100).map(|line| format!("{line}\n")).collect();
        let mut pieces = 0;
        for _ in 0..50 {
            let records = Records::of_lines(PartitionIndex(0), 0, Buffer::from(text.as_bytes()));
            let parts = rehearsal.cut(records);
            pieces += parts.len();
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.payload.as_slice().to_vec()).collect();
            assert_eq!(bytes, text.as_bytes());
            assert!(parts.windows(2).all(|pair| pair[0].range.end == pair[1].range.start));
        }
        assert!(pieces > 60, "{pieces}");
    }

    #[test]
    fn other_seeds_end_stages_elsewhere() {
        let borders = |seed| Rehearsal::new(Cuts::shuffled(seed)).borders(100);
        assert_eq!(borders(1), borders(1));
        assert_ne!(borders(1), borders(2));
        assert!(borders(1).len() > 5);
    }
}
