//! The protocol holds in every world, and no safeguard can be left out.

use std::time::Instant;

use super::mutation::{Bounds, Mutation, Rules};
use super::search::{Found, explore};

/// One epoch, which may be cut twice.
const SMALL: Bounds =
    Bounds { epochs: 1, crashes: 1, stops: 0, lost_replies: 0, in_flight: 2, unsynced: 1, checkpoints: 0 };

fn shown(found: &Found) -> String {
    let Found { worlds, actions, depth, violation } = found;
    let mut text = format!("{worlds} worlds, {actions} actions, the farthest {depth} away");
    if let Some((why, way)) = violation {
        text += &format!("\nviolated: {why}");
        for (at, action) in way.iter().enumerate() {
            text += &format!("\n{:3}. {action:?}", at + 1);
        }
    }
    text
}

fn holds(bounds: Bounds) {
    let started = Instant::now();
    let found = explore(&Rules { bounds, off: None });
    println!("{bounds:?}: {} ({:?})", shown(&found), started.elapsed());
    assert!(found.violation.is_none(), "{}", shown(&found));
}

fn breaks(off: Mutation, bounds: Bounds) {
    let found = explore(&Rules { bounds, off: Some(off) });
    println!("{off:?}: {}\n", shown(&found));
    assert!(found.violation.is_some(), "without {off:?} nothing was found: {}", shown(&found));
}

#[test]
fn three_crashes() {
    holds(Bounds { epochs: 4, crashes: 3, lost_replies: 1, checkpoints: 1, ..SMALL });
}

#[test]
fn crashes_while_the_journal_is_removed() {
    holds(Bounds { epochs: 4, in_flight: 4, unsynced: 2, checkpoints: 3, ..SMALL });
    holds(Bounds { epochs: 3, crashes: 2, checkpoints: 2, ..SMALL });
}

#[test]
fn two_generations_and_a_crash() {
    holds(Bounds { epochs: 2, stops: 1, checkpoints: 1, ..SMALL });
}

#[test]
fn two_generations_and_a_lost_reply() {
    holds(Bounds { epochs: 2, crashes: 0, stops: 1, lost_replies: 1, checkpoints: 1, ..SMALL });
}

#[test]
fn two_generations_while_the_journal_is_removed() {
    holds(Bounds { epochs: 3, crashes: 0, stops: 1, checkpoints: 2, ..SMALL });
}

#[test]
fn three_generations() {
    holds(Bounds { epochs: 2, crashes: 0, stops: 2, ..SMALL });
}

/// Everything that may go wrong in one world, without checkpoints: eleven million worlds.
#[test]
#[ignore = "takes a minute and 2 GB"]
fn all_of_it_together() {
    holds(Bounds { epochs: 4, crashes: 3, stops: 1, lost_replies: 1, in_flight: 1, ..SMALL });
}

/// Four minutes and 4 GB: `cargo test --workspace --lib -- --ignored large_worlds`.
#[test]
#[ignore = "takes minutes and 4 GB"]
fn large_worlds() {
    holds(Bounds { epochs: 4, crashes: 3, lost_replies: 1, checkpoints: 2, ..SMALL });
    holds(Bounds { epochs: 3, stops: 1, lost_replies: 1, checkpoints: 2, ..SMALL });
    holds(Bounds { epochs: 3, crashes: 0, stops: 2, checkpoints: 1, ..SMALL });
}

#[test]
fn every_safeguard_is_needed() {
    let zombie = Bounds { epochs: 2, crashes: 0, stops: 1, ..SMALL };
    let removing = Bounds { epochs: 3, in_flight: 4, checkpoints: 3, ..SMALL };
    for (off, bounds) in [
        (Mutation::SkipFence, zombie),
        (Mutation::ReadMarkerBeforeFence, zombie),
        (Mutation::CommitBeforeFsync, SMALL),
        (Mutation::NoCompareAndSet, zombie),
        (Mutation::TrustUnknownCommitAsDone, Bounds { lost_replies: 1, ..SMALL }),
        (Mutation::TrustUnknownCommitAsNotDone, Bounds { lost_replies: 1, ..SMALL }),
        (Mutation::RemoveJournalTooEarly, removing),
        (Mutation::KeepTornTail, Bounds { epochs: 2, ..SMALL }),
        (Mutation::ForgetMarks, removing),
        (Mutation::SharedSegments, zombie),
        (Mutation::RemoveOfLaterStarts, Bounds { checkpoints: 2, ..zombie }),
        (Mutation::KeepOneCheckpoint, Bounds { checkpoints: 2, ..zombie }),
        (Mutation::TrustUnsyncedJournal, Bounds { epochs: 2, ..SMALL }),
        (Mutation::SkipOwnershipAfterFencing, zombie),
        (Mutation::BeginAhead, Bounds { epochs: 2, checkpoints: 1, ..SMALL }),
        (Mutation::RemoveNoteOfOldest, Bounds { epochs: 3, checkpoints: 2, ..SMALL }),
    ] {
        breaks(off, bounds);
    }
}
