//! The steps of a start: fence, read, decide, begin a segment.

use crate::connector::{Committed, SinkMode};
use crate::runtime::journal::{Seal, Segment};
use crate::runtime::protocol::{
    Beginning, PastFacts, SinkFacts, SinkNeed, beginning, borders, ends_stage, is_mine, standing,
};

use super::disk::{File, Reading, Runs, View, made_by};
use super::instance::{Instance, Pc};
use super::mutation::{Mutation, Rules};
use super::sink::{SINKS, Sink, SmallMark, mark, output, takes_source_rows};
use super::world::{Fate, Violation, World};

/// What a start decides about the past.
pub(super) struct Choice {
    pub(super) marks: [SmallMark; SINKS],
    /// The checkpoint; zero for none.
    pub(super) epoch: u8,
    pub(super) runs: Runs,
    /// Checkpoints that are sound.
    pub(super) sound: Vec<(u8, Runs)>,
}

/// Decides where to begin, from what sinks say and what the journal says.
pub(super) fn choose(reading: &Reading, held: &[Sink; SINKS], there: Runs, rules: &Rules) -> Result<Choice, Violation> {
    let mut marks = [SmallMark::default(); SINKS];
    for sink in 0..SINKS {
        let Sink { epoch, contents, .. } = held[sink];
        let facts = SinkFacts {
            held: Committed::Epoch(mark(epoch, &contents)),
            mode: SinkMode::Changes,
            noted: reading.noted.map(|noted| noted[sink].widen()),
            last: reading.last.into(),
            recorded: (epoch >= reading.oldest).then(|| mark(epoch, &output(sink, &reading.contents, epoch)).digest),
        };
        let decided = standing(&facts);
        marks[sink] = SmallMark::of(decided.map_err(|why| Violation(format!("sink {sink} is refused: {why:?}")))?);
    }
    let sound: Vec<(u8, Runs)> = reading.checkpoints.iter().filter(|(_, runs)| runs & !there == 0).copied().collect();
    let need = |sink: usize| {
        let mut mark = marks[sink].widen();
        if rules.lacks(Mutation::BeginAhead) {
            mark.passed = reading.last.into();
        }
        SinkNeed { mark, takes_source_rows: takes_source_rows(sink) }
    };
    let facts = PastFacts {
        checkpoints: &sound.iter().map(|(epoch, _)| u64::from(*epoch)).collect::<Vec<_>>(),
        sinks: &[need(0), need(1)],
        oldest: reading.oldest.into(),
        read_before: 0,
        can_read_again: false,
    };
    let (epoch, runs) = match beginning(&facts) {
        Some(Beginning::Checkpoint(at)) => sound[at],
        Some(Beginning::Records) => (0, 0),
        Some(Beginning::RecordsBefore(_)) | None => {
            return Err(Violation(format!("there is nowhere to begin: {facts:?}")));
        }
    };
    Ok(Choice { marks, epoch, runs, sound })
}

impl World {
    pub(super) fn advance_start(&mut self, instance: &mut Instance, pc: Pc, rules: &Rules) -> Result<Fate, Violation> {
        match pc {
            Pc::ReadMarkers => {
                (0..SINKS).for_each(|sink| self.read_marker(instance, sink));
                instance.pc = Pc::Fence(0);
            }
            Pc::Fence(sink) => {
                self.fence(instance, usize::from(sink), rules);
                instance.pc = if usize::from(sink) + 1 < SINKS { Pc::Fence(sink + 1) } else { Pc::CheckOwnership };
            }
            Pc::CheckOwnership => {
                if self.owns(instance.generation) {
                    self.fenced_all = instance.generation;
                } else if !rules.lacks(Mutation::SkipOwnershipAfterFencing) {
                    return Ok(Fate::Dies);
                }
                instance.pc = Pc::ReadSummit;
            }
            Pc::ReadSummit => return self.read_summit(instance, rules),
            Pc::ReadHistory => return self.read_history(instance, rules),
            Pc::Begin => {
                self.begin(instance, rules);
                instance.pc = Pc::RemoveStrays;
            }
            Pc::RemoveStrays => {
                self.disk.runs &= !self.runs_to_remove(instance.generation, instance.runs_to_remove, rules);
                instance.runs_to_remove = 0;
                if instance.runs & !self.disk.runs != 0 {
                    return Ok(Fate::Dies);
                }
                instance.pc = Pc::Run;
            }
            _ => {}
        }
        Ok(Fate::Lives)
    }

    fn read_marker(&self, instance: &mut Instance, sink: usize) {
        instance.held[sink] = self.sinks[sink].contents;
        instance.marks[sink].written = self.sinks[sink].epoch;
    }

    fn fence(&mut self, instance: &mut Instance, sink: usize, rules: &Rules) {
        if !rules.lacks(Mutation::SkipFence) {
            self.sinks[sink].fence = instance.generation;
        }
        instance.tokens[sink] = self.sinks[sink].fence;
        if !rules.lacks(Mutation::ReadMarkerBeforeFence) {
            self.read_marker(instance, sink);
        }
    }

    fn read_summit(&self, instance: &mut Instance, rules: &Rules) -> Result<Fate, Violation> {
        let held = |sink: usize| Sink { fence: 0, epoch: instance.marks[sink].written, contents: instance.held[sink] };
        let reading = self.disk.read(View::Written).map_err(|damage| Violation(format!("the journal: {damage}")));
        let chosen = reading.and_then(|reading| {
            let choice = choose(&reading, &[held(0), held(1)], self.disk.runs, rules)?;
            Ok((reading, choice))
        });
        let (reading, choice) = match chosen {
            // Somebody who was taken over from meanwhile may find anything.
            Err(_) if !self.owns(instance.generation) => return Ok(Fate::Dies),
            chosen => chosen?,
        };
        let borders = borders(choice.marks.iter().map(|mark| mark.passed.into()), reading.last.into(), 0);
        instance.cuts = borders.iter().fold(0, |cuts, epoch| cuts | 1 << epoch);
        (instance.marks, instance.begun, instance.runs) = (choice.marks, choice.epoch, choice.runs);
        instance.runs_to_remove = reading.checkpoints.iter().fold(0, |all, (_, runs)| all | runs);
        instance.kept = choice.sound;
        instance.held = Default::default();
        instance.pc = Pc::ReadHistory;
        Ok(Fate::Lives)
    }

    fn read_history(&mut self, instance: &mut Instance, rules: &Rules) -> Result<Fate, Violation> {
        let bases: Vec<u64> = self.disk.lineage().iter().map(|segment| segment.base).collect();
        let has_base = instance.begun == 0 || bases.contains(&instance.begun.into());
        let reading = match self.disk.read(View::Written) {
            Ok(reading) if has_base => reading,
            _ if !self.owns(instance.generation) => return Ok(Fate::Dies),
            Ok(_) => return Err(Violation("the segment of the checkpoint is gone".into())),
            Err(damage) => return Err(Violation(format!("the journal: {damage}"))),
        };
        let borders = (0..=reading.last).filter(|epoch| instance.cuts & (1 << epoch) != 0).map(u64::from).collect();
        let ends = |epoch: &u8| *epoch == reading.last || ends_stage((*epoch).into(), 0, &borders);
        let stages = (instance.begun + 1..=reading.last).filter(ends);
        let begun = Some(instance.begun).filter(|begun| *begun > 0);
        instance.cuts = stages.chain(begun).fold(0, |cuts, epoch| cuts | 1 << epoch);
        instance.contents = reading.contents;
        (instance.last, instance.permitted) = (reading.last, reading.last);
        if let Some(end) = reading.end {
            instance.segment = end.segment;
            let torn_stays = rules.lacks(Mutation::KeepTornTail);
            instance.sealed = if torn_stays { reading.torn_end } else { end.length } as u8;
            if let Some(file) = self.disk.file_mut(end.segment).filter(|_| !rules.lacks(Mutation::TrustUnsyncedJournal))
            {
                file.durable = file.written;
            }
        }
        instance.pc = Pc::Begin;
        Ok(Fate::Lives)
    }

    fn begin(&mut self, instance: &mut Instance, rules: &Rules) {
        let (before, sealed) = (instance.segment, std::mem::take(&mut instance.sealed));
        if rules.lacks(Mutation::SharedSegments)
            && !instance.takes_over
            && let Some(file) = self.disk.file_mut(before)
        {
            file.cut(sealed);
            file.durable = file.written;
            instance.length = sealed;
            return;
        }
        let seal = Seal { segment: before, length: sealed.into(), hash: 0 };
        let seal = (before.generation > 0).then_some(seal);
        instance.segment = Segment { generation: instance.generation.into(), base: instance.last.into() };
        self.disk.create(File::new(instance.segment, instance.contents, seal));
    }

    /// Of the runs that are there, those that belong to none that are kept and that an instance may remove.
    pub(super) fn runs_to_remove(&self, generation: u8, kept: Runs, rules: &Rules) -> Runs {
        let may = |bit: &u32| rules.lacks(Mutation::RemoveOfLaterStarts) || is_mine(made_by(*bit), generation.into());
        (0..Runs::BITS).filter(may).fold(0, |all, bit| all | 1 << bit) & self.disk.runs & !kept
    }
}
