//! An instance: what it is about to do, and what it has in its memory.

use crate::runtime::journal::Segment;

use super::disk::{Contents, Runs};
use super::names::Names;
use super::sink::{SINKS, SmallMark};

/// What the coordinator of an instance does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pc {
    /// Reads the markers of all sinks; only without a safeguard.
    ReadMarkers,
    /// Fences a sink, and reads its marker.
    Fence(u8),
    /// Looks whether the folder is still its own.
    CheckOwnership,
    /// Reads the journal, and decides where to begin.
    ReadSummit,
    /// Reads the journal from there, and makes it durable.
    ReadHistory,
    /// Begins a segment.
    Begin,
    /// Removes runs that belong to no checkpoint.
    RemoveStrays,
    /// Replays the past, cuts epochs.
    Run,
    /// Makes the epoch durable with which a checkpoint ends.
    SyncForRoll,
    /// Begins the segment behind it.
    Roll,
    /// Writes down the checkpoint that is complete, having looked whether the folder is its own.
    NoteCheckpoint,
    /// Makes that durable.
    SyncCheckpoint,
    /// Looks which segments are to be removed.
    ListSegments,
    /// Removes them.
    RemoveSegments,
    /// Looks which runs are to be removed.
    ListRuns,
    /// Removes them.
    RemoveRuns,
}

/// How far the checkpoint is that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Making {
    /// None is being made.
    Nothing,
    /// One that ends with this epoch; its run is being written.
    Asked(u8),
    /// One whose run is written.
    Written(u8),
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) generation: u8,
    pub(super) stopped: bool,
    /// The one before it was stopped when it started.
    pub(super) takes_over: bool,
    /// May cut one epoch more, since it has looked whether the folder is its own before it was stopped.
    pub(super) has_looked: bool,
    pub(super) pc: Pc,
    /// With which it has fenced each sink.
    pub(super) tokens: [u8; SINKS],
    /// What sinks said of their rows; nothing once that was judged.
    pub(super) held: [Contents; SINKS],
    pub(super) marks: [SmallMark; SINKS],
    /// The commits whose outcome is unknown: the epoch, or zero.
    pub(super) doubt: [u8; SINKS],
    /// What epochs hold, as it knows.
    pub(super) contents: Contents,
    /// The checkpoint that it began with.
    pub(super) begun: u8,
    /// The last epoch, and the last that sinks may commit.
    pub(super) last: u8,
    pub(super) permitted: u8,
    /// The epochs, one bit each, with which stages end, and new ones.
    pub(super) cuts: u8,
    /// The segment that it writes, and how long that is as far as it knows.
    pub(super) segment: Segment,
    pub(super) length: u8,
    /// What the predecessor's segment comes to.
    pub(super) sealed: u8,
    pub(super) making: Making,
    /// The runs of the newest checkpoint.
    pub(super) runs: Runs,
    /// Checkpoints that are kept.
    pub(super) kept: Vec<(u8, Runs)>,
    /// Behind which epoch the journal must stay, if it may be removed.
    pub(super) journal_from: Option<u8>,
    pub(super) segments_to_remove: Vec<Segment>,
    pub(super) runs_to_remove: Runs,
}

impl Instance {
    pub(super) fn new(generation: u8, pc: Pc) -> Self {
        Self {
            generation,
            stopped: false,
            takes_over: false,
            has_looked: false,
            pc,
            tokens: [0; SINKS],
            held: Default::default(),
            marks: Default::default(),
            doubt: [0; SINKS],
            contents: Contents::default(),
            begun: 0,
            last: 0,
            permitted: 0,
            cuts: 0,
            segment: Segment { generation: 0, base: 0 },
            length: 0,
            sealed: 0,
            making: Making::Nothing,
            runs: 0,
            kept: Vec::new(),
            journal_from: None,
            segments_to_remove: Vec::new(),
            runs_to_remove: 0,
        }
    }

    /// Whether it has decided where to begin, so that committers run.
    pub(super) fn is_begun(&self) -> bool {
        !matches!(
            self.pc,
            Pc::ReadMarkers
                | Pc::Fence(_)
                | Pc::CheckOwnership
                | Pc::ReadSummit
                | Pc::ReadHistory
                | Pc::Begin
                | Pc::RemoveStrays
        )
    }

    /// The last epoch that all sinks have.
    pub(super) fn passed_by_all(&self) -> u8 {
        self.marks.iter().map(|mark| mark.passed).min().unwrap_or(0)
    }

    /// Whether it is the newest that has fenced all sinks, and owns the folder, is told by who knows.
    pub(super) fn encode(&self, names: &mut Names, bytes: &mut Vec<u8>) {
        let (pc, sink) = match self.pc {
            Pc::Fence(sink) => (1, sink),
            pc => (pc.place(), 0),
        };
        let making = match self.making {
            Making::Nothing => 0,
            Making::Asked(epoch) => epoch,
            Making::Written(epoch) => 16 + epoch,
        };
        let flags = u8::from(self.stopped) + 2 * u8::from(self.has_looked) + 4 * u8::from(self.takes_over);
        let passed = self.passed_by_all();
        // What lies below what all sinks have does not matter any more.
        let begun = if self.is_begun() && passed >= self.begun { 0 } else { self.begun };
        let cuts = if self.is_begun() { self.cuts >> (passed + 1) << (passed + 1) } else { self.cuts };
        bytes.extend_from_slice(&[0xf1, names.generation(self.generation), flags, pc, sink, making, begun, self.last]);
        bytes.extend_from_slice(&[self.permitted, cuts, self.length, self.sealed]);
        bytes.extend_from_slice(&[names.generation(self.segment.generation as u8), self.segment.base as u8]);
        bytes.extend_from_slice(&self.doubt);
        names.contents(&self.contents, bytes);
        self.held.iter().for_each(|held| names.contents(held, bytes));
        self.marks.iter().for_each(|mark| bytes.extend_from_slice(&[mark.written, mark.passed]));
        names.runs(self.runs, bytes);
        names.runs(self.runs_to_remove, bytes);
        bytes.push(self.journal_from.map_or(0xff, |epoch| epoch));
        bytes.push(self.kept.len() as u8);
        for (epoch, runs) in &self.kept {
            bytes.push(*epoch);
            names.runs(*runs, bytes);
        }
        for segment in &self.segments_to_remove {
            bytes.extend_from_slice(&[names.generation(segment.generation as u8), segment.base as u8]);
        }
    }
}

impl Pc {
    fn place(self) -> u8 {
        match self {
            Self::ReadMarkers => 0,
            Self::Fence(_) => 1,
            Self::CheckOwnership => 2,
            Self::ReadSummit => 3,
            Self::ReadHistory => 4,
            Self::Begin => 5,
            Self::RemoveStrays => 6,
            Self::Run => 7,
            Self::SyncForRoll => 8,
            Self::Roll => 9,
            Self::NoteCheckpoint => 10,
            Self::SyncCheckpoint => 11,
            Self::ListSegments => 12,
            Self::RemoveSegments => 13,
            Self::ListRuns => 14,
            Self::RemoveRuns => 15,
        }
    }
}
