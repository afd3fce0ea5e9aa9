//! A lock on a file that one process holds at a time, and that outlasts no process.

use std::fs::File;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use engine::ownership::Stopped;
use rustix::fs::{FlockOperation, flock};

/// How long a process that was killed may take to let go.
const DYING: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// Takes the lock; false if another process holds it. Should that be the one that was taken over from, and be stopped still, it is ended: it would hold
/// the lock for as long as nobody wakes it, and end as soon as somebody did.
///
/// # Errors
/// The file system knows no locks.
pub(crate) fn lock_exclusively(file: &File, predecessor: Option<&Stopped>) -> io::Result<bool> {
    let mut until = None;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(error.into()),
        }
        match until {
            None => {
                let Some(stopped) = predecessor.filter(|stopped| stopped.end()) else { return Ok(false) };
                tracing::warn!(
                    "the flowctl that is stopped (process {}) holds a lock, and is ended",
                    stopped.process()
                );
                until = Some(Instant::now() + DYING);
            }
            Some(until) if Instant::now() >= until => return Ok(false),
            Some(_) => {}
        }
        thread::sleep(PAUSE);
    }
}
