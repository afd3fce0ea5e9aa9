//! Safeguards that can be switched off, and how large the world is.

/// A safeguard that is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutation {
    /// A start does not fence the sinks.
    SkipFence,
    /// A start reads what sinks hold before it fences them.
    ReadMarkerBeforeFence,
    /// Sinks may commit an epoch that the journal holds, but not durably.
    CommitBeforeFsync,
    /// A commit does not look who has fenced the sink and where its marker stands.
    NoCompareAndSet,
    /// A commit without a reply counts as done.
    TrustUnknownCommitAsDone,
    /// A commit without a reply counts as not done.
    TrustUnknownCommitAsNotDone,
    /// The journal is removed up to the newest checkpoints, wherever sinks stand.
    RemoveJournalTooEarly,
    /// What is torn at the end of the journal stays in it.
    KeepTornTail,
    /// What sinks hold is not noted before the journal is removed.
    ForgetMarks,
    /// A start appends to the segment of the one before, unless it takes over from one that is stopped.
    SharedSegments,
    /// Files of later starts are removed too.
    RemoveOfLaterStarts,
    /// One checkpoint is enough.
    KeepOneCheckpoint,
    /// What a start has read of the journal is not made durable.
    TrustUnsyncedJournal,
    /// A start goes on after fencing though another has taken over.
    SkipOwnershipAfterFencing,
    /// A checkpoint that not every sink has reached may be begun with.
    BeginAhead,
    /// The segment that notes the oldest checkpoint may be removed, if a later one begins at the same epoch.
    RemoveNoteOfOldest,
}

/// How much can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Epochs that are cut.
    pub(super) epochs: u8,
    /// Instances that are killed, and power losses.
    pub(super) crashes: u8,
    /// Instances that are stopped; each may wake.
    pub(super) stops: u8,
    /// Commits whose reply is lost.
    pub(super) lost_replies: u8,
    /// Epochs that may wait for the slowest sink.
    pub(super) in_flight: u8,
    /// Epochs that are written to the journal before they are made durable together.
    pub(super) unsynced: u8,
    /// Checkpoints that are asked for.
    pub(super) checkpoints: u8,
}

/// What the exploration goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) bounds: Bounds,
    pub(super) off: Option<Mutation>,
}

impl Rules {
    /// Whether a safeguard is switched off.
    pub(super) fn lacks(&self, mutation: Mutation) -> bool {
        self.off == Some(mutation)
    }
}
