//! Who owns a folder: one process at a time, as its lock file says.
//!
//! The lock ends with its process, however that ends. A process that is stopped (`SIGSTOP`, Ctrl-Z) keeps it without doing anything: such an owner
//! can be taken over from. The lock file is then replaced; the stopped process, should it wake, finds that its own is no longer the one in the
//! folder, and ends. It may wake in the middle of anything: whoever takes over must not append to files that it has open.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

use crate::safeguard::Safeguard;

/// How often somebody else may be in the way before that counts.
const ATTEMPTS: usize = 5;

/// A lock that is held, for as long as this lives or until a process takes over.
#[derive(Debug)]
pub struct Ownership {
    held: Held,
    taken_over: bool,
    /// The owner before, if it is stopped.
    predecessor: Option<Stopped>,
}

/// A process that was seen stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    process: u32,
    /// When it was started, in the system's ticks: tells it from a later process of the same number.
    started: u64,
}

impl Stopped {
    /// A process, if it is stopped, as Linux tells (proc(5)); elsewhere no process is known to be.
    fn find(process: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name before the state may hold anything, parentheses too.
        let mut fields = stat.rsplit_once(") ")?.1.split_whitespace();
        let is_stopped = matches!(fields.next(), Some("T" | "t"));
        let started = fields.nth(18)?.parse().ok()?;
        is_stopped.then_some(Self { process, started })
    }

    /// Its number.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Ends it (`SIGKILL`) if it is stopped still; says whether it was. For what it holds locked: it has been taken over from, and would end as soon as
    /// it woke.
    #[must_use]
    pub fn end(&self) -> bool {
        let process = i32::try_from(self.process).ok().and_then(Pid::from_raw);
        let is_same = Self::find(self.process).as_ref() == Some(self);
        process.filter(|_| is_same).is_some_and(|process| kill_process(process, Signal::KILL).is_ok())
    }
}

#[derive(Debug)]
enum Held {
    /// A lock file.
    File(PathBuf, File),
    /// What a simulation has instead: the number of the start.
    #[cfg(test)]
    Simulated(usize),
}

/// Why a folder cannot be owned.
#[derive(Debug, thiserror::Error)]
pub enum NotOwned {
    /// Another process has it.
    #[error("process {0} has it")]
    Other(u32),
    /// The lock file cannot be used.
    #[error("{0}")]
    File(#[from] io::Error),
}

impl Ownership {
    /// Takes a lock file, making it if it is not there.
    ///
    /// # Errors
    /// Another process that is not stopped holds it, or it cannot be written.
    pub fn take(path: &Path) -> Result<Self, NotOwned> {
        #[cfg(test)]
        if let Some((start, taken_over)) = crate::simulation::own() {
            return Ok(Self { held: Held::Simulated(start), taken_over, predecessor: None });
        }
        for _ in 0..ATTEMPTS {
            let file = open(path)?;
            if lock(&file)? || !Safeguard::OwnershipLock.holds() {
                if is_at(&file, path) {
                    return Self::hold(path, file, false).map_err(NotOwned::File);
                }
                // It was replaced between the opening and the locking.
                continue;
            }
            let Some(owner) = owner(&file) else { continue };
            let Some(stopped) = Stopped::find(owner) else { return Err(NotOwned::Other(owner)) };
            if let Some(ownership) = Self::take_over(path, &file)? {
                return Ok(Self { predecessor: Some(stopped), ..ownership });
            }
        }
        Err(NotOwned::Other(open(path).ok().and_then(|file| owner(&file)).unwrap_or(0)))
    }

    /// Replaces the lock file of a stopped owner; `None` if somebody else was faster.
    fn take_over(path: &Path, theirs: &File) -> Result<Option<Self>, NotOwned> {
        let turn = open(&path.with_extension("takeover"))?;
        if !lock(&turn)? || !is_at(theirs, path) {
            return Ok(None);
        }
        let new = path.with_extension("new");
        // What a taker that was killed has left is nobody's.
        let _ = fs::remove_file(&new);
        let file = open(&new)?;
        if !lock(&file)? {
            return Ok(None);
        }
        let ownership = Self::hold(path, file, true)?;
        fs::rename(&new, path)?;
        Ok(Some(ownership))
    }

    fn hold(path: &Path, mut file: File, taken_over: bool) -> io::Result<Self> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { held: Held::File(path.to_owned(), file), taken_over, predecessor: None })
    }

    /// Whether the owner before is stopped, and may wake.
    #[must_use]
    pub fn is_taken_over(&self) -> bool {
        self.taken_over
    }

    /// The owner before, if it was stopped when it was taken over from.
    #[must_use]
    pub fn predecessor(&self) -> Option<&Stopped> {
        self.predecessor.as_ref()
    }

    /// Whether another process has taken over.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        if !Safeguard::OwnershipWatched.holds() {
            return false;
        }
        match &self.held {
            Held::File(path, file) => !is_at(file, path),
            #[cfg(test)]
            Held::Simulated(start) => crate::simulation::is_lost(*start),
        }
    }
}

/// The process that has a lock file locked now: only looks, and locks nothing itself. Where the system does not tell who holds locks (all but Linux),
/// the process that wrote itself into the file last, if it lives.
#[must_use]
pub fn holder(path: &Path) -> Option<u32> {
    let file = File::open(path).ok()?;
    let inode = file.metadata().ok()?.ino();
    let owner = owner(&file)?;
    let holds = match fs::read_to_string("/proc/locks") {
        Ok(locks) => locks.lines().any(|line| is_lock_of(line, owner, inode)),
        Err(_) => {
            let process = i32::try_from(owner).ok().and_then(rustix::process::Pid::from_raw);
            process.is_some_and(|process| rustix::process::test_kill_process(process).is_ok())
        }
    };
    holds.then_some(owner)
}

/// Whether a line of `/proc/locks` (proc_locks(5)) says that this process has locked the file with this inode: `1: FLOCK ADVISORY WRITE 7 fe:00:12 0 EOF`.
fn is_lock_of(line: &str, process: u32, inode: u64) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let (Some("FLOCK"), Some(_), Some(_), Some(found), Some(place)) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let found_inode = place.rsplit(':').next().and_then(|inode| inode.parse().ok());
    found.parse() == Ok(process) && found_inode == Some(inode)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)
}

/// Locks a file; false if another has it locked.
fn lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether an open file is the one that its path names.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(own), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (own.dev(), own.ino()) == (there.dev(), there.ino())
}

/// The process that has written itself into a lock file.
fn owner(mut file: &File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(ownership: &Ownership) -> &File {
        let Held::File(_, file) = &ownership.held else { panic!("no simulation runs") };
        file
    }

    #[test]
    fn a_lock_has_one_owner_until_it_is_dropped() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let first = Ownership::take(&path).expect("free");
        assert!(matches!(Ownership::take(&path), Err(NotOwned::Other(owner)) if owner == std::process::id()));
        assert!(!first.is_lost() && !first.is_taken_over());
        drop(first);
        assert!(Ownership::take(&path).is_ok());
    }

    #[test]
    fn a_holder_is_seen_without_locking() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        assert_eq!(holder(&path), None);
        assert!(!path.exists(), "looking makes nothing");
        let held = Ownership::take(&path).expect("free");
        assert_eq!(holder(&path), Some(std::process::id()));
        drop(held);
        if cfg!(target_os = "linux") {
            assert_eq!(holder(&path), None, "its name still stands there");
        }
        let waiting = "3: -> FLOCK  ADVISORY  WRITE 7 fe:00:12 0 EOF";
        assert!(is_lock_of("3: FLOCK  ADVISORY  WRITE 7 fe:00:12 0 EOF", 7, 12) && !is_lock_of(waiting, 7, 12));
    }

    #[test]
    fn who_is_taken_over_from_knows_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("lock");
        let first = Ownership::take(&path).expect("free");
        let second = Ownership::take_over(&path, file_of(&first)).expect("possible").expect("nobody was faster");
        assert!(first.is_lost() && !second.is_lost() && second.is_taken_over());
        assert!(
            Ownership::take_over(&path, file_of(&first)).expect("possible").is_none(),
            "it is too late for a second"
        );
        assert!(matches!(Ownership::take(&path), Err(NotOwned::Other(_))));
        drop(first);
        assert!(!second.is_lost());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_stopped_process_is_told_from_one_that_waits_and_can_be_ended() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a process");
        assert_eq!(Stopped::find(child.id()), None);
        let signal = |signal| kill_process(Pid::from_child(&child), signal).expect("our own child");
        let await_state = |stopped: bool| {
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
            while Stopped::find(child.id()).is_some() != stopped {
                assert!(std::time::Instant::now() < deadline, "the child does not change");
                std::thread::yield_now();
            }
        };
        signal(Signal::STOP);
        await_state(true);
        let stopped = Stopped::find(child.id()).expect("stopped");
        signal(Signal::CONT);
        await_state(false);
        assert!(!stopped.end(), "it goes on");
        signal(Signal::STOP);
        await_state(true);
        assert!(!Stopped { started: stopped.started + 1, ..stopped }.end(), "it is another process");
        assert!(stopped.end());
        child.wait().expect("our own child");
        assert!(!stopped.end(), "it is gone");
    }
}
