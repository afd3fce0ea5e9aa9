//! The steps of a checkpoint: the segment behind it, its run, its note in the journal, and the removal of what it makes dispensable.

use crate::runtime::journal::{Seal, Segment};
use crate::runtime::protocol::{removable, retention};

use super::disk::{Entry, File, run};
use super::instance::{Instance, Making, Pc};
use super::mutation::{Mutation, Rules};
use super::world::{Fate, World};

/// How many checkpoints are kept at least: with as many as in the runtime, four epochs would remove little.
const KEPT: usize = 2;

impl World {
    pub(super) fn advance_checkpoint(&mut self, instance: &mut Instance, pc: Pc, rules: &Rules) -> Fate {
        instance.pc = match pc {
            Pc::SyncForRoll => {
                self.sync(instance);
                Pc::Roll
            }
            Pc::Roll => {
                self.roll(instance);
                Pc::Run
            }
            Pc::NoteCheckpoint => {
                self.note_checkpoint(instance, rules);
                Pc::SyncCheckpoint
            }
            Pc::SyncCheckpoint => {
                self.sync(instance);
                if instance.journal_from.is_some() { Pc::ListSegments } else { Pc::ListRuns }
            }
            Pc::ListSegments => {
                instance.segments_to_remove = self.segments_to_remove(instance, rules);
                Pc::RemoveSegments
            }
            Pc::RemoveSegments => {
                instance.journal_from = None;
                Pc::ListRuns
            }
            Pc::ListRuns => {
                let kept = instance.kept.iter().fold(0, |all, (_, runs)| all | runs);
                instance.runs_to_remove = self.runs_to_remove(instance.generation, kept, rules);
                if instance.runs_to_remove == 0 { Pc::Run } else { Pc::RemoveRuns }
            }
            _ => {
                let first = instance.runs_to_remove & instance.runs_to_remove.wrapping_neg();
                self.disk.runs &= !first;
                instance.runs_to_remove &= !first;
                if instance.runs_to_remove == 0 { Pc::Run } else { Pc::RemoveRuns }
            }
        };
        Fate::Lives
    }

    /// Begins the segment behind a checkpoint.
    fn roll(&mut self, instance: &mut Instance) {
        let before = Seal { segment: instance.segment, length: instance.length.into(), hash: 0 };
        instance.segment = Segment { generation: instance.generation.into(), base: instance.last.into() };
        instance.length = 0;
        self.disk.create(File::new(instance.segment, instance.contents, Some(before)));
    }

    pub(super) fn write_run(&mut self, instance: &mut Instance) -> Fate {
        if let Making::Asked(epoch) = instance.making {
            let written = run(instance.generation, epoch);
            self.disk.runs |= written;
            instance.runs |= written;
            instance.making = Making::Written(epoch);
        }
        Fate::Lives
    }

    /// Writes the checkpoint that is complete to the journal, and decides what stays.
    fn note_checkpoint(&mut self, instance: &mut Instance, rules: &Rules) {
        let Making::Written(epoch) = std::mem::replace(&mut instance.making, Making::Nothing) else { return };
        if !rules.lacks(Mutation::ForgetMarks) {
            self.append(instance, Entry::Marks(instance.marks));
        }
        self.append(instance, Entry::Checkpoint(epoch, instance.runs));
        instance.kept.push((epoch, instance.runs));
        let passed = if rules.lacks(Mutation::RemoveJournalTooEarly) { u8::MAX } else { instance.passed_by_all() };
        let least = if rules.lacks(Mutation::KeepOneCheckpoint) { 1 } else { KEPT };
        let epochs: Vec<u64> = instance.kept.iter().map(|(epoch, _)| (*epoch).into()).collect();
        let stays = retention(&epochs, passed.into(), least);
        instance.kept.drain(..stays.dropped);
        instance.journal_from = stays.journal_from.map(|epoch| epoch as u8);
    }

    fn segments_to_remove(&self, instance: &Instance, rules: &Rules) -> Vec<Segment> {
        let Some(from) = instance.journal_from else { return Vec::new() };
        let any = rules.lacks(Mutation::RemoveOfLaterStarts);
        let generation = if any { u64::MAX } else { instance.generation.into() };
        let lineage = self.disk.lineage();
        let mut remove = removable(&self.disk.names(), &lineage, from.into(), generation);
        if rules.lacks(Mutation::RemoveNoteOfOldest)
            && let Some(last) = lineage.iter().rposition(|segment| segment.base <= u64::from(from))
        {
            remove.extend_from_slice(&lineage[..last]);
            remove.sort_unstable();
            remove.dedup();
        }
        remove
    }
}
