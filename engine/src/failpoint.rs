//! Places at which a test lets something go wrong: the process dies, a disk is full or broken, time passes.
//!
//! Each is a variant of [`Failpoint`], named for what is about to happen or has just happened there. Tests go over [`Failpoint::ALL`]: a new one is tested as soon
//! as it exists. Nothing can be armed in a release build, and [`hit`] is nothing there.

#[cfg(debug_assertions)]
use std::sync::OnceLock;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fmt, io};

#[cfg(debug_assertions)]
use rustix::process::{Signal, getpid, kill_process};

macro_rules! failpoints {
    ($($variant:ident $name:literal $about:literal,)*) => {
        /// A place at which something can go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Failpoint {
            $(#[doc = $about] $variant,)*
        }

        impl Failpoint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name, as `journal.sync`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

failpoints! {
    IdentityWrite "identity.write" "The start is about to be counted.",
    SinksFenced "sinks.fenced" "All sinks are fenced, and the journal is about to be read.",
    JournalWrite "journal.write" "Entries are about to be written.",
    JournalTorn "journal.torn" "Half of what is to be written of the journal is.",
    JournalSync "journal.sync" "Entries are written, but not durable.",
    JournalSynced "journal.synced" "Entries are durable, and no sink knows yet.",
    SegmentBegin "segment.begin" "A new segment is about to be begun.",
    SegmentBegun "segment.begun" "A new segment stands beside the one before.",
    SegmentsRemove "segments.remove" "Segments that are no longer needed are about to be removed, one after the other.",
    RunWrite "run.write" "A run of a checkpoint is about to be written.",
    RunSync "run.sync" "A run is written, but not durable.",
    RunMerge "run.merge" "Runs are about to be merged.",
    CheckpointJournal "checkpoint.journal" "A checkpoint is durable, but the journal does not say so.",
    RunsRemove "runs.remove" "Runs that are no longer needed are about to be removed, one after the other.",
    Restore "restore" "A checkpoint is being put back.",
    StageEnd "stage.end" "A stage of the past has been read again.",
    CommitBegin "commit.begin" "A sink is about to commit an epoch.",
    CommitDone "commit.done" "A sink has committed, and nobody knows yet.",
    FileWrite "file.write" "A file sink is about to append an epoch.",
    FileSync "file.sync" "A file sink has appended an epoch, which is not durable.",
    DatabaseMarked "database.marked" "A transaction has moved its markers, and is about to write rows.",
    DatabaseWritten "database.written" "A transaction is about to be committed.",
    DatabaseCommitted "database.committed" "A transaction is committed, and nobody knows yet.",
    TopicsFenced "topics.fenced" "Earlier producers of Kafka topics are shut out, and who took over is about to say so.",
    TopicsWritten "topics.written" "The records of a Kafka transaction are under way, and it is about to be committed.",
    TopicsCommitted "topics.committed" "A Kafka transaction is committed, and nobody knows yet.",
    FileState "file.state" "A file sink's rows are durable, but its length is not.",
}

/// A point that fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arming {
    /// Which.
    pub point: Failpoint,
    /// How.
    pub action: Action,
    /// When it is reached for so many times, counted from one; and from then on always, unless the process dies or was stopped.
    pub nth: u64,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The process dies at once, as by SIGKILL.
    Abort,
    /// The disk is full.
    DiskFull,
    /// The disk does not work.
    Broken,
    /// Nothing but that it takes long.
    Delay,
    /// The process stops, as by SIGSTOP, until somebody lets it go on.
    Stop,
}

impl Action {
    /// All that a process goes on from, or ends by, on its own.
    pub const ALL: &[Self] = &[Self::Abort, Self::DiskFull, Self::Broken, Self::Delay];
}

/// As `abort`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Abort => "abort",
            Self::DiskFull => "disk-full",
            Self::Broken => "broken",
            Self::Delay => "delay",
            Self::Stop => "stop",
        })
    }
}

/// As `journal.sync=abort@2`.
impl fmt::Display for Arming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}@{}", self.point.name(), self.action, self.nth)
    }
}

impl std::str::FromStr for Arming {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not of the form POINT=ACTION@N");
        let (point, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (action, nth) = rest.split_once('@').ok_or_else(wrong)?;
        let point = Failpoint::ALL.iter().find(|known| known.name() == point).ok_or_else(wrong)?;
        let mut actions = Action::ALL.iter().copied().chain([Action::Stop]);
        let action = actions.find(|known| known.to_string() == action).ok_or_else(wrong)?;
        Ok(Self { point: *point, action, nth: nth.parse().map_err(|_| wrong())? })
    }
}

#[cfg(debug_assertions)]
static ARMED: OnceLock<(Arming, AtomicU64)> = OnceLock::new();

/// Lets a point fail, once a process, before anything runs.
#[cfg(debug_assertions)]
pub fn arm(arming: Arming) {
    let _ = ARMED.set((arming, AtomicU64::new(0)));
}

/// A place is reached.
///
/// # Errors
/// What it is armed with.
#[cfg(debug_assertions)]
pub fn hit(point: Failpoint) -> io::Result<()> {
    let Some((arming, count)) = ARMED.get().filter(|(arming, _)| arming.point == point) else { return Ok(()) };
    let reached = count.fetch_add(1, Ordering::SeqCst) + 1;
    if reached < arming.nth || (arming.action == Action::Stop && reached > arming.nth) {
        return Ok(());
    }
    tracing::warn!("failpoint {arming} is hit");
    match arming.action {
        Action::Abort => std::process::abort(),
        Action::DiskFull => Err(io::ErrorKind::StorageFull.into()),
        // EIO has no kind of its own.
        Action::Broken => Err(io::Error::from_raw_os_error(5)),
        Action::Delay => {
            std::thread::sleep(std::time::Duration::from_millis(30));
            Ok(())
        }
        Action::Stop => Ok(kill_process(getpid(), Signal::STOP)?),
    }
}

/// A place is reached, at which nothing goes wrong.
///
/// # Errors
/// None.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn hit(_point: Failpoint) -> io::Result<()> {
    Ok(())
}
