//! The steps of an instance that runs: cut epochs, make them durable, commit them.

use crate::connector::{DoubtfulCommit, FoundMarker, Outcome};
use crate::runtime::protocol::committable;

use super::disk::{Contents, Entry};
use super::instance::{Instance, Making, Pc};
use super::mutation::{Mutation, Rules};
use super::sink::{changes, mark, takes_source_rows};
use super::world::{Action, Fate, Reply, Violation, World};

impl Instance {
    /// What its committers can do.
    pub(super) fn commit(&self, rules: &Rules, replies_left: u8, actions: &mut Vec<Action>) {
        for sink in 0..self.marks.len() {
            if self.doubt[sink] > 0 {
                actions.push(Action::Resolve(self.generation, sink));
                continue;
            }
            for epoch in self.committable(sink, rules) {
                actions.push(Action::Commit(self.generation, sink, epoch, Reply::Heard));
                if replies_left > 0 {
                    actions.push(Action::Commit(self.generation, sink, epoch, Reply::LostBehind));
                    actions.push(Action::Commit(self.generation, sink, epoch, Reply::LostBefore));
                }
            }
        }
    }

    /// The epochs that a sink may commit: the next, or several together as the last of them.
    fn committable(&self, sink: usize, rules: &Rules) -> impl Iterator<Item = u8> {
        let passed = self.marks[sink].passed;
        let durable = if rules.lacks(Mutation::CommitBeforeFsync) { self.last } else { self.permitted };
        let permits = (passed + 1..=durable).filter(|epoch| self.cuts & (1 << epoch) != 0).map(u64::from);
        committable(permits, Some(self.last.into())).map(|epoch| epoch as u8)
    }

    /// What a sink that has passed one epoch gets for everything up to another. What came before the checkpoint with which the instance has begun only
    /// comes back whole, and not as rows of a source.
    fn rows(&self, sink: usize, passed: u8, upto: u8) -> Contents {
        let restored = passed < self.begun && self.marks[sink].written == 0 && !takes_source_rows(sink);
        let mut rows = Contents::default();
        for epoch in (1..=usize::from(upto)).filter(|epoch| changes(sink, *epoch)) {
            let comes = if epoch > usize::from(self.begun) { epoch > usize::from(passed) } else { restored };
            if comes {
                rows[epoch] = self.contents[epoch];
            }
        }
        rows
    }
}

impl World {
    /// Cuts an epoch and writes it to the journal.
    pub(super) fn cut(&mut self, instance: &mut Instance, checkpoint: bool) -> Fate {
        if !self.owns(instance.generation) && !std::mem::take(&mut instance.has_looked) {
            return Fate::Dies;
        }
        instance.last += 1;
        instance.contents[usize::from(instance.last)] = instance.generation;
        instance.cuts |= 1 << instance.last;
        self.append(instance, Entry::Epoch(instance.generation));
        if checkpoint {
            self.left.checkpoints -= 1;
            instance.making = Making::Asked(instance.last);
            instance.pc = Pc::SyncForRoll;
        }
        Fate::Lives
    }

    /// Writes an entry to an instance's segment. What comes behind another's entries does not follow its own.
    pub(super) fn append(&mut self, instance: &mut Instance, entry: Entry) {
        if let Some(file) = self.disk.file_mut(instance.segment) {
            file.push(if file.written == instance.length { entry } else { Entry::Astray });
        }
        instance.length += 1;
    }

    /// Makes an instance's segment durable.
    pub(super) fn sync(&mut self, instance: &Instance) {
        if let Some(file) = self.disk.file_mut(instance.segment) {
            file.durable = file.written;
        }
    }

    pub(super) fn commit(
        &mut self,
        instance: &mut Instance,
        (sink, epoch): (usize, u8),
        reply: Reply,
        rules: &Rules,
    ) -> Result<Fate, Violation> {
        let rows = instance.rows(sink, instance.marks[sink].passed, epoch);
        if rows == Contents::default() {
            instance.marks[sink].passed = epoch;
            return Ok(Fate::Lives);
        }
        let done = reply != Reply::LostBefore && self.request(instance, sink, epoch, &rows, rules)?;
        if reply == Reply::Heard {
            if !done {
                return Ok(Fate::Dies);
            }
            instance.committed(sink, epoch);
            return Ok(Fate::Lives);
        }
        self.left.lost_replies -= 1;
        match rules.off {
            Some(Mutation::TrustUnknownCommitAsDone) => instance.committed(sink, epoch),
            Some(Mutation::TrustUnknownCommitAsNotDone) => {}
            _ => instance.doubt[sink] = epoch,
        }
        Ok(Fate::Lives)
    }

    /// The transaction in the sink: marker first, then rows. Whether it went through.
    fn request(
        &mut self,
        instance: &Instance,
        sink: usize,
        epoch: u8,
        rows: &Contents,
        rules: &Rules,
    ) -> Result<bool, Violation> {
        let held = &mut self.sinks[sink];
        let is_fenced = held.fence != instance.tokens[sink];
        let has_moved = held.epoch != instance.marks[sink].written;
        if (is_fenced || has_moved) && !rules.lacks(Mutation::NoCompareAndSet) {
            if !is_fenced && instance.generation == self.disk.generation {
                return Err(Violation(format!("sink {sink} has moved below the newest instance, whose it is (I5)")));
            }
            return Ok(false);
        }
        if instance.generation < self.fenced_all {
            return Err(Violation(format!(
                "generation {} commits after a newer one has fenced (I5)",
                instance.generation
            )));
        }
        held.apply(epoch, rows);
        Ok(true)
    }

    /// Reads the marker after a commit whose reply was lost.
    pub(super) fn resolve(&self, instance: &mut Instance, sink: usize, rules: &Rules) -> Result<Fate, Violation> {
        let epoch = std::mem::take(&mut instance.doubt[sink]);
        let (_, rows) = (epoch, instance.rows(sink, instance.marks[sink].passed, epoch));
        let held = &self.sinks[sink];
        let before = super::sink::output(sink, &instance.contents, instance.marks[sink].written);
        let mut after = before;
        after.iter_mut().zip(rows).for_each(|(after, new)| *after = (*after).max(new));
        let commit = DoubtfulCommit {
            generation: instance.tokens[sink].into(),
            before: mark(instance.marks[sink].written, &before),
            after: mark(epoch, &after),
        };
        let found =
            FoundMarker { is_ours: true, generation: held.fence.into(), mark: mark(held.epoch, &held.contents) };
        match commit.resolve(Some(found)) {
            Outcome::Committed => instance.committed(sink, epoch),
            Outcome::NotCommitted => {}
            Outcome::Fenced if held.fence == instance.tokens[sink] && !rules.lacks(Mutation::SkipFence) => {
                return Err(Violation(format!("the outcome of a commit into sink {sink} cannot be told")));
            }
            Outcome::Fenced => return Ok(Fate::Dies),
        }
        Ok(Fate::Lives)
    }
}

impl Instance {
    fn committed(&mut self, sink: usize, epoch: u8) {
        self.marks[sink].written = epoch;
        self.marks[sink].passed = epoch;
    }
}
