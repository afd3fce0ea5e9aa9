//! The protocol: what a run decides about durability, as functions of what was observed, without any I/O.
//!
//! A sink must hold exactly what the records up to some epoch come to, whatever is killed, stopped, loses power or does not reply. Four things outlive
//! an instance, and each says how far it has come:
//!
//! ```text
//!              ┌──────────── journal: segments of one writer each ────────────┐
//!              │ (1, 0): e1 e2 e3 ▏torn │ (2, 3): e4 e5 ▏ │ (2, 5): e6 e7 …   │   written, then made durable
//!              └────────────────────────┴────────▲────────┴───────────────────┘
//!   generation 2: which start this is            │ names the one before, and how much of it counts
//!                                                │
//!   checkpoints: what had passed the cuts ── at 5┘        sinks: marker (fence 2, epoch 6) and rows, together
//! ```
//!
//! **Running.** An epoch is cut, written to the journal, made durable, and only then committed by each sink on its own ([`committable`]). A commit is a
//! compare-and-set of the marker: the fence must be this instance's, the epoch the one that it left. If no reply comes, the marker tells what became of
//! it ([`DoubtfulCommit`](crate::connector::DoubtfulCommit)). A checkpoint ends with an epoch: a new segment begins behind it, its files are written, the
//! journal says so and what sinks hold, and then what is no longer needed is removed ([`retention`], [`removable`]), file by file.
//!
//! **Starting.** In this order, since each step relies on the one before:
//!
//! 1. own the folder, count the generation up, durably;
//! 2. fence every sink, and read its marker *behind* the fence: from now on nobody else moves it;
//! 3. look whether the folder is still one's own: who was stopped meanwhile may have fenced behind its successor, and must end;
//! 4. read the segments that count ([`lineage`]); judge how far each sink has come ([`standing`]); choose where to begin ([`beginning`]);
//! 5. make durable what was read, and begin a segment of one's own behind it;
//! 6. put the checkpoint back, and replay the rest in stages that end where sinks stand ([`borders`], [`ends_stage`]).
//!
//! **Who was stopped** (SIGSTOP) may wake anywhere, in the middle of anything, while its successor runs. It can do no harm: sinks are fenced; the segments
//! and runs that it writes are its own, and behind the seal of its successor they do not count; it removes nothing that a later start has made
//! ([`is_mine`]), and of what came before only what its successor can do without, since two checkpoints at least are kept.
//!
//! | always | because |
//! |---|---|
//! | I1: no sink holds an epoch that the journal does not durably hold | permits come after the sync; a start syncs what it read |
//! | I2: a sink holds each epoch once, in order, as the journal has it | the compare-and-set; stages end where sinks stand |
//! | I3: marker and rows move together | one transaction |
//! | I4: there is a beginning from which each sink gets all that it lacks | what is noted of sinks is durable before anything is removed |
//! | I5: only the newest that has fenced all sinks commits | fences before markers, and step 3 |
//!
//! `exploration` takes these functions through every way that a small world can go, and shows that each safeguard is needed. The functions say what is so;
//! what that means to a person (errors, hints) is said where they are called.

mod beginning;
mod committing;
#[cfg(test)]
mod exploration;
mod lineage;
mod retention;
mod stages;
mod standing;

pub(super) use beginning::{Beginning, PastFacts, SinkNeed, beginning};
pub(super) use committing::{committable, passed};
pub(super) use lineage::{lineage, read_from};
pub(super) use retention::{KEPT, is_mine, removable, retention};
pub(super) use stages::{STAGE_RECORDS, borders, ends_stage, left_out};
pub(super) use standing::{Divergence, SinkFacts, standing};
