//! The world: what is outside, the instances, and what may still go wrong.

use std::fmt;

use crate::runtime::journal::Segment;

use super::disk::{Disk, Runs, made_by};
use super::fault::{Fault, Loss};
use super::instance::{Instance, Making, Pc};
use super::mutation::{Bounds, Mutation, Rules};
use super::names::Names;
use super::sink::{SINKS, Sink};

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct World {
    pub(super) disk: Disk,
    pub(super) sinks: [Sink; SINKS],
    /// In the order of their generations; those that have died are gone. All but the last were stopped.
    pub(super) instances: Vec<Instance>,
    /// The last generation that has fenced all sinks while the folder was its own.
    pub(super) fenced_all: u8,
    /// What may still happen.
    pub(super) left: Bounds,
}

/// What happens next. Steps name the generation of the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// An instance starts: counts the start, durably.
    Start,
    /// A start does what comes next.
    Advance(u8, Pc),
    /// An epoch is cut and written to the journal; whether a checkpoint ends with it.
    Cut(u8, bool),
    /// What was written to the journal is made durable.
    Sync(u8),
    /// The run of the checkpoint is written, durably.
    WriteRun(u8),
    /// Before a checkpoint is noted, the instance looks whether the folder is its own.
    LookBeforeNote(u8),
    /// A segment is removed.
    RemoveSegment(u8, Segment),
    /// A sink commits what comes next.
    Commit(u8, usize, u8, Reply),
    /// The marker of a sink is read, after a commit whose reply was lost.
    Resolve(u8, usize),
    /// Something goes wrong.
    Fault(Fault),
}

impl Action {
    /// Whether both are the same step, though other things may come of it.
    pub(super) fn is_of_kind(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Commit(_, sink, ..), Self::Commit(_, other, ..)) => sink == other,
            _ => self == other,
        }
    }
}

/// What becomes of a commit and its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It comes.
    Heard,
    /// It is lost behind the commit.
    LostBehind,
    /// It is lost before the commit.
    LostBefore,
}

/// What must not be.
pub(super) struct Violation(pub(super) String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What becomes of an instance after a step.
pub(super) enum Fate {
    /// It goes on.
    Lives,
    /// It ends, since another has taken over, or something has failed; it can be started again.
    Dies,
}

impl World {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            disk: Disk::default(),
            sinks: [Sink::default(); SINKS],
            instances: Vec::new(),
            fenced_all: 0,
            left: bounds,
        }
    }

    /// Whether the folder is an instance's own.
    pub(super) fn owns(&self, generation: u8) -> bool {
        self.disk.generation == generation
    }

    /// What can happen without anything going wrong.
    pub(super) fn progress(&self, rules: &Rules, actions: &mut Vec<Action>) {
        if !self.instances.iter().any(|instance| self.owns(instance.generation) && !instance.stopped) {
            actions.push(Action::Start);
        }
        self.advance(rules, |instance| !instance.stopped, actions);
    }

    /// What instances may do that were stopped, and that another has taken over from: each may wake, and be stopped again, at any time.
    pub(super) fn awakening(&self, rules: &Rules, actions: &mut Vec<Action>) {
        self.advance(rules, |instance| instance.stopped && !self.owns(instance.generation), actions);
    }

    fn advance(&self, rules: &Rules, acts: impl Fn(&Instance) -> bool, actions: &mut Vec<Action>) {
        for instance in self.instances.iter().filter(|instance| acts(instance)) {
            instance.coordinate(rules, self.left.checkpoints, actions);
            if instance.is_begun() {
                instance.commit(rules, self.left.lost_replies, actions);
            }
        }
    }

    /// Whether nothing but replies can be lost any more, and nobody is in the way: then what threads of one instance do comes to the same in any order, and
    /// one order is enough.
    pub(super) fn is_calm(&self) -> bool {
        self.left.crashes == 0 && self.left.stops == 0 && self.instances.len() <= 1
    }

    /// What can go wrong.
    pub(super) fn faults(&self, rules: &Rules, actions: &mut Vec<Action>) {
        let unsynced = self.disk.files.iter().any(|file| file.durable < file.written);
        for instance in &self.instances {
            let generation = instance.generation;
            // Who never wakes is as good as killed.
            if self.left.crashes > 0 && !instance.stopped {
                actions.push(Action::Fault(Fault::Kill { generation, torn: false }));
                if instance.pc == Pc::Run && instance.last < rules.bounds.epochs {
                    actions.push(Action::Fault(Fault::Kill { generation, torn: true }));
                }
            }
            if self.left.stops > 0 && !instance.stopped && self.owns(generation) {
                actions.push(Action::Fault(Fault::Stop(generation)));
            }
        }
        if self.left.crashes > 0 && unsynced {
            for loss in [Loss::All, Loss::AllButTorn, Loss::AllButOne] {
                actions.push(Action::Fault(Fault::PowerFails(loss)));
            }
        }
    }

    /// The world after an action.
    pub(super) fn take(&self, action: Action, rules: &Rules) -> Result<Self, Violation> {
        let mut world = self.clone();
        let generation = match action {
            Action::Start => {
                world.start(rules);
                return Ok(world);
            }
            Action::Fault(fault) => {
                world.fail(fault);
                return Ok(world);
            }
            Action::Advance(generation, _)
            | Action::Cut(generation, _)
            | Action::Sync(generation)
            | Action::WriteRun(generation)
            | Action::LookBeforeNote(generation)
            | Action::RemoveSegment(generation, _)
            | Action::Commit(generation, ..)
            | Action::Resolve(generation, _) => generation,
        };
        let Some(at) = world.instances.iter().position(|instance| instance.generation == generation) else {
            return Err(Violation("nobody is there to act".into()));
        };
        let mut instance = world.instances.remove(at);
        let fate = world.act(&mut instance, action, rules)?;
        if matches!(fate, Fate::Lives) {
            world.instances.insert(at, instance);
        }
        Ok(world)
    }

    fn start(&mut self, rules: &Rules) {
        self.disk.generation += 1;
        let first = if rules.lacks(Mutation::ReadMarkerBeforeFence) { Pc::ReadMarkers } else { Pc::Fence(0) };
        let mut instance = Instance::new(self.disk.generation, first);
        instance.takes_over = rules.lacks(Mutation::SharedSegments) && self.instances.iter().any(|other| other.stopped);
        self.instances.push(instance);
    }

    fn act(&mut self, instance: &mut Instance, action: Action, rules: &Rules) -> Result<Fate, Violation> {
        match action {
            Action::Advance(_, pc) if !instance.is_begun() => self.advance_start(instance, pc, rules),
            Action::Advance(_, pc) => Ok(self.advance_checkpoint(instance, pc, rules)),
            Action::Cut(_, checkpoint) => Ok(self.cut(instance, checkpoint)),
            Action::Sync(_) => {
                self.sync(instance);
                instance.permitted = instance.last;
                Ok(Fate::Lives)
            }
            Action::WriteRun(_) => Ok(self.write_run(instance)),
            Action::LookBeforeNote(_) if !self.owns(instance.generation) => Ok(Fate::Dies),
            Action::LookBeforeNote(_) => {
                instance.pc = Pc::NoteCheckpoint;
                Ok(Fate::Lives)
            }
            Action::RemoveSegment(_, segment) => {
                self.disk.files.retain(|file| file.name != segment);
                instance.segments_to_remove.retain(|other| *other != segment);
                Ok(Fate::Lives)
            }
            Action::Commit(_, sink, epoch, reply) => self.commit(instance, (sink, epoch), reply, rules),
            Action::Resolve(_, sink) => self.resolve(instance, sink, rules),
            Action::Start | Action::Fault(_) => Ok(Fate::Lives),
        }
    }

    /// Writes down what matters, first what is outside of instances; gives the length of that.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) -> usize {
        let there = self.generations_outside();
        let mut names = Names::new(there);
        self.disk.encode(&mut names, bytes);
        for sink in &self.sinks {
            bytes.push(sink.epoch);
            names.contents(&sink.contents, bytes);
        }
        let outside = bytes.len();
        let instances = self.instances.iter().flat_map(Instance::generations);
        names.know(instances.fold(there, |set, generation| set | 1 << generation));
        self.disk.files.iter().for_each(|file| bytes.push(names.generation(file.name.generation as u8)));
        names.runs(self.disk.runs, bytes);
        let left = &self.left;
        bytes.extend_from_slice(&[left.crashes, left.stops, left.lost_replies, left.checkpoints]);
        for instance in &self.instances {
            let fenced = |(sink, token): (usize, &u8)| u8::from(self.sinks[sink].fence == *token) << sink;
            let fences: u8 = instance.tokens.iter().enumerate().map(fenced).sum();
            let is_old = instance.generation < self.fenced_all;
            bytes.extend_from_slice(&[fences, u8::from(self.owns(instance.generation)), u8::from(is_old)]);
            instance.encode(&mut names, bytes);
        }
        outside
    }

    /// The generations of which something is there, one bit each.
    fn generations_outside(&self) -> u16 {
        let files = self.disk.files.iter().map(|file| file.name.generation as u8);
        let seals = self.disk.files.iter().filter_map(|file| Some(file.before?.segment.generation as u8));
        files.chain(seals).chain(made_by_any(self.disk.runs)).fold(0, |set, generation| set | 1 << generation)
    }
}

impl Instance {
    fn generations(&self) -> impl Iterator<Item = u8> {
        let runs = self.kept.iter().fold(self.runs | self.runs_to_remove, |all, (_, runs)| all | runs);
        made_by_any(runs).chain([self.generation, self.segment.generation as u8])
    }
}

/// The generations that have made runs.
fn made_by_any(mut runs: Runs) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let bit = (runs != 0).then(|| runs.trailing_zeros())?;
        runs &= runs - 1;
        Some(made_by(bit) as u8)
    })
}

impl Instance {
    /// What its coordinator can do.
    fn coordinate(&self, rules: &Rules, checkpoints_left: u8, actions: &mut Vec<Action>) {
        let generation = self.generation;
        match self.pc {
            Pc::Run => {
                let waits = self.last - self.passed_by_all() >= rules.bounds.in_flight;
                if self.last < rules.bounds.epochs && !waits && self.last - self.permitted < rules.bounds.unsynced {
                    // A checkpoint is always due; how long it takes is open.
                    let due = checkpoints_left > 0 && self.making == Making::Nothing && !self.stopped;
                    actions.push(Action::Cut(generation, due));
                }
                if self.permitted < self.last {
                    actions.push(Action::Sync(generation));
                } else if matches!(self.making, Making::Written(_)) {
                    actions.push(Action::LookBeforeNote(generation));
                }
                if matches!(self.making, Making::Asked(_)) {
                    actions.push(Action::WriteRun(generation));
                }
            }
            Pc::RemoveSegments if !self.segments_to_remove.is_empty() => {
                let remove = |segment: &Segment| Action::RemoveSegment(generation, *segment);
                actions.extend(self.segments_to_remove.iter().map(remove));
            }
            pc => actions.push(Action::Advance(generation, pc)),
        }
    }
}
