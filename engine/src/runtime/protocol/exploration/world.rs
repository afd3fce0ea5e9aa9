//! The world: what is outside, the instances, and what may still go wrong.

use std::fmt;

use crate::runtime::journal::Segment;

use super::disk::Disk;
use super::fault::{Fault, Loss};
use super::instance::{Instance, Making, Pc};
use super::mutation::{Bounds, Mutation, Rules};
use super::sink::{SINKS, Sink};

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct World {
    pub(super) disk: Disk,
    pub(super) sinks: [Sink; SINKS],
    /// In the order of their generations; those that have died are gone.
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
    /// The checkpoint is written to the journal.
    NoteCheckpoint(u8),
    /// A segment is removed.
    RemoveSegment(u8, Segment),
    /// A sink commits what comes next.
    Commit(u8, usize, Reply),
    /// The marker of a sink is read, after a commit whose reply was lost.
    Resolve(u8, usize),
    /// Something goes wrong.
    Fault(Fault),
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
        for instance in self.instances.iter().filter(|instance| !instance.stopped) {
            instance.coordinate(rules, self.left.checkpoints, actions);
            if instance.is_begun() {
                instance.commit(rules, self.left.lost_replies, actions);
            }
        }
    }

    /// What can go wrong.
    pub(super) fn faults(&self, rules: &Rules, actions: &mut Vec<Action>) {
        let unsynced = self.disk.files.iter().any(|file| file.durable < file.written);
        for instance in &self.instances {
            let generation = instance.generation;
            if self.left.crashes > 0 {
                actions.push(Action::Fault(Fault::Kill { generation, torn: false }));
                if instance.pc == Pc::Run && instance.last < rules.bounds.epochs {
                    actions.push(Action::Fault(Fault::Kill { generation, torn: true }));
                }
            }
            if instance.stopped {
                actions.push(Action::Fault(Fault::Wake(generation)));
            } else if self.left.stops > 0 && self.owns(generation) {
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
            | Action::NoteCheckpoint(generation)
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
        instance.takes_over = self.instances.iter().any(|other| other.stopped);
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
            Action::NoteCheckpoint(_) => Ok(self.note_checkpoint(instance, rules)),
            Action::RemoveSegment(_, segment) => {
                self.disk.files.retain(|file| file.name != segment);
                instance.segments_to_remove.retain(|other| *other != segment);
                Ok(Fate::Lives)
            }
            Action::Commit(_, sink, reply) => self.commit(instance, sink, reply, rules),
            Action::Resolve(_, sink) => self.resolve(instance, sink, rules),
            Action::Start | Action::Fault(_) => Ok(Fate::Lives),
        }
    }

    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        self.disk.encode(super::disk::View::Written, bytes);
        for sink in &self.sinks {
            bytes.extend_from_slice(&[sink.fence, sink.epoch]);
            bytes.extend_from_slice(&sink.contents);
        }
        let left = &self.left;
        bytes.extend_from_slice(&[self.fenced_all, left.crashes, left.stops, left.lost_replies, left.checkpoints]);
        self.instances.iter().for_each(|instance| instance.encode(bytes));
    }
}

impl Instance {
    /// What its coordinator can do.
    fn coordinate(&self, rules: &Rules, checkpoints_left: u8, actions: &mut Vec<Action>) {
        let generation = self.generation;
        match self.pc {
            Pc::Run => {
                if self.last < rules.bounds.epochs && self.last - self.permitted < 2 {
                    actions.push(Action::Cut(generation, false));
                    if checkpoints_left > 0 && self.making == Making::Nothing {
                        actions.push(Action::Cut(generation, true));
                    }
                }
                if self.permitted < self.last {
                    actions.push(Action::Sync(generation));
                } else if matches!(self.making, Making::Written(_)) {
                    actions.push(Action::NoteCheckpoint(generation));
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
