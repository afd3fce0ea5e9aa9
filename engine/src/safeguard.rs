//! What keeps results right, by name: tests leave out one at a time, and each must be missed.
//!
//! Each is a variant of [`Safeguard`] that says what goes wrong without it. A scenario of `flowctl/tests/safeguards` passes with it and fails
//! without. In a release build all hold, whatever is asked for.

#[cfg(debug_assertions)]
use std::sync::OnceLock;

macro_rules! safeguards {
    ($($variant:ident $name:literal $without:literal,)*) => {
        /// A safeguard. Its text says what goes wrong without it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Safeguard {
            $(#[doc = $without] $variant,)*
        }

        impl Safeguard {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name, as `journal.chain`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

safeguards! {
    OwnershipLock "ownership.lock" "Two runs have one state folder at once.",
    OwnershipWatched "ownership.watched" "A stopped instance that wakes goes on, and writes over what its successor knows of a file sink.",
    StartsCounted "starts.counted" "A start writes over the segment that the start before it has begun, and the past before that is gone.",
    JournalFirst "journal.first" "A crash leaves sinks with an epoch that the journal does not have, and no start can go on from there.",
    JournalDurable "journal.durable" "A loss of power, but no other death, leaves sinks with an epoch that the journal does not have (seen by simulation).",
    JournalChain "journal.chain" "Nobody notices that the journal lacks an entry.",
    AllWorkersPassed "workers.passed" "An epoch is journaled, and its digests with it, before all workers have passed it.",
    ReplayCompared "replay.compared" "Records that have changed since they were read come to other rows than those that sinks hold, and nobody notices.",
    RunCompared "run.compared" "A checkpoint of another copy of the state is put back, and what is added to it comes out wrong.",
    RestoreCompared "restore.compared" "What a checkpoint brings back is not what it was, and nobody notices.",
    SinkCompared "sink.compared" "A sink that was put back from another copy is gone on with, though it holds other rows.",
    CheckpointChecked "checkpoint.checked" "A damaged checkpoint is put back, though the one before it would serve.",
    CheckpointFits "checkpoint.fits" "What operators have kept is given to others, since the YAML has changed.",
    HeldRowsDropped "held.dropped" "Sinks get rows of the past again that they hold.",
    LateInOrder "late.in_order" "Which rows are late depends on which worker reads which records.",
    NewestInLog "newest.in_log" "Of two rows of one time, the newest is not the one that comes later in the log.",
    RowsInLogOrder "rows.in_log_order" "The order of rows in a file depends on how many workers there are.",
    LettersNumbered "letters.numbered" "Of equal rows that fail, dead letters keep one.",
    SinkFenced "sink.fenced" "An instance that was replaced goes on writing, and its successor finds rows in a sink that it knows nothing of.",
    MarkerCompared "marker.compared" "An instance that another has replaced adds its rows to those of the other.",
    RowsWithMarker "marker.with_rows" "A crash leaves a table that says it holds an epoch whose rows it lacks.",
    OutcomeAsked "outcome.asked" "A commit whose reply is lost ends the run, as if another instance had made it.",
    ProgressAsked "progress.asked" "A Kafka transaction whose reply is lost is written twice.",
    GatePassed "gate.passed" "Of two instances that take Kafka topics over with different sinks, one that slept meanwhile puts back how far they have come.",
    RunnersNamed "runners.named" "A Kafka producer that nobody knows of goes on when its instance was replaced.",
    RunnersFenced "runners.fenced" "Of several Kafka producers of an instance that was replaced, some go on.",
    FileCut "file.cut" "What a crash has left behind a file's committed length stays, and comes again.",
}

impl Safeguard {
    /// Whether it is kept: always, unless this process was told to leave it out.
    #[cfg(debug_assertions)]
    #[must_use]
    pub fn holds(self) -> bool {
        #[cfg(test)]
        if LEFT_OUT_HERE.get() == Some(self) {
            return false;
        }
        !LEFT_OUT.get().is_some_and(|left_out| left_out.contains(&self))
    }

    /// Whether it is kept: always.
    #[cfg(not(debug_assertions))]
    #[inline(always)]
    #[must_use]
    pub const fn holds(self) -> bool {
        true
    }
}

/// From its name.
impl std::str::FromStr for Safeguard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|known| known.name() == text);
        found.copied().ok_or_else(|| format!("there is no safeguard `{text}`"))
    }
}

#[cfg(debug_assertions)]
static LEFT_OUT: OnceLock<Vec<Safeguard>> = OnceLock::new();

#[cfg(test)]
thread_local! {
    static LEFT_OUT_HERE: std::cell::Cell<Option<Safeguard>> = const { std::cell::Cell::new(None) };
}

/// Does something without a safeguard on this thread, where simulations run.
#[cfg(test)]
pub(crate) fn without<T>(safeguard: Safeguard, act: impl FnOnce() -> T) -> T {
    LEFT_OUT_HERE.set(Some(safeguard));
    let done = act();
    LEFT_OUT_HERE.set(None);
    done
}

/// Leaves safeguards out, once a process, before anything runs.
#[cfg(debug_assertions)]
pub fn leave_out(safeguards: Vec<Safeguard>) {
    safeguards.iter().for_each(|safeguard| tracing::warn!("safeguard {} is left out", safeguard.name()));
    let _ = LEFT_OUT.set(safeguards);
}
