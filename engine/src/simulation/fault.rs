//! What goes wrong in a story, and where.

use super::dice::Dice;

/// Something that goes wrong once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// In which start.
    pub(super) start: usize,
    /// At which of the steps that it takes outside its own memory.
    pub(super) step: u64,
    /// What.
    pub(super) kind: FaultKind,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// The process is killed.
    Kill,
    /// The power goes: what was not synced is lost, in part.
    PowerLoss,
    /// The process is stopped, and goes on when the next start is over.
    Stop,
    /// An operation on the disk fails.
    DiskFails,
    /// The run is asked to end.
    Ask,
    /// The next commit arrives, but not its reply.
    ReplyLost,
    /// The next commit does not arrive, which nobody is told.
    RequestLost,
    /// The next commit arrives so late that its sender has stopped waiting.
    Late,
    /// The clock of the wall jumps back or far ahead.
    ClockJumps,
}

const KINDS: &[FaultKind] = &[
    FaultKind::Kill,
    FaultKind::PowerLoss,
    FaultKind::Stop,
    FaultKind::DiskFails,
    FaultKind::Ask,
    FaultKind::ReplyLost,
    FaultKind::RequestLost,
    FaultKind::Late,
    FaultKind::ClockJumps,
];

/// The faults of a story.
pub(super) fn roll(dice: &mut Dice, starts: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    for start in 0..starts {
        // Most starts take between 50 and 300 steps; the first of them are the start's own.
        let reach = [40, 120, 300][dice.below(3) as usize];
        for _ in 0..dice.below(4) {
            let kind = KINDS[dice.below(KINDS.len() as u64) as usize];
            faults.push(Fault { start, step: 1 + dice.below(reach), kind });
        }
    }
    faults
}
