//! The threads of a run, and all places where it waits for something to come from one of them. A simulation puts them all on one thread.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Select, SendError, Sender, TryRecvError};

#[cfg(test)]
use crate::simulation::crew;

/// Whether a task may wait for something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It has a thread of its own.
    Waits,
    /// Others use the thread too.
    #[cfg_attr(not(test), expect(dead_code, reason = "only a simulation shares a thread"))]
    Hurries,
}

/// What a task has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something.
    Busy,
    /// There was nothing to do.
    Idle,
    /// Nothing will ever be to do.
    Over,
}

/// A task that was started.
pub(super) struct Started {
    thread: Option<JoinHandle<()>>,
    #[cfg(test)]
    task: Option<usize>,
}

impl Patience {
    /// The next of a queue; or what there is to say instead.
    pub(super) fn next<T>(self, queue: &Receiver<T>) -> Result<T, Turn> {
        match self {
            Self::Waits => queue.recv().map_err(|_| Turn::Over),
            Self::Hurries => queue.try_recv().map_err(|error| match error {
                TryRecvError::Empty => Turn::Idle,
                TryRecvError::Disconnected => Turn::Over,
            }),
        }
    }
}

impl Started {
    /// A thread.
    pub(super) fn thread(thread: JoinHandle<()>) -> Self {
        Self {
            thread: Some(thread),
            #[cfg(test)]
            task: None,
        }
    }

    /// A task of a simulation.
    #[cfg(test)]
    pub(super) fn task(task: usize) -> Self {
        Self { thread: None, task: Some(task) }
    }

    /// Waits until it is over.
    pub(super) fn join(self) {
        #[cfg(test)]
        if let Some(task) = self.task {
            crew::turn_until(|crew| crew.is_over(task));
        }
        // Had it panicked, the coordinator would have heard of it.
        drop(self.thread.map(JoinHandle::join));
    }
}

/// Starts a task: it is asked to do one thing after the other until it says that it is over.
pub(super) fn start(name: &str, mut act: impl FnMut(Patience) -> Turn + Send + 'static) -> io::Result<Started> {
    #[cfg(test)]
    if crew::is_there() {
        return Ok(Started::task(crew::enlist(name, move || act(Patience::Hurries))));
    }
    let thread =
        std::thread::Builder::new().name(name.to_owned()).spawn(move || while act(Patience::Waits) != Turn::Over {})?;
    Ok(Started::thread(thread))
}

/// Waits until one of several queues has something or is at its end; false if nothing was in time.
pub(super) fn await_any(queues: &mut Select<'_>, patience: Duration) -> bool {
    #[cfg(test)]
    if crew::is_there() {
        return crew::turn_for(patience, || queues.try_ready().is_ok());
    }
    queues.ready_timeout(patience).is_ok()
}

/// The next of a queue, if it comes in time.
pub(super) fn await_next<T>(queue: &Receiver<T>, patience: Duration) -> Result<T, RecvTimeoutError> {
    #[cfg(test)]
    if crew::is_there() {
        crew::turn_for(patience, || is_ready(queue));
        return queue.try_recv().map_err(|error| match error {
            TryRecvError::Empty => RecvTimeoutError::Timeout,
            TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
        });
    }
    queue.recv_timeout(patience)
}

#[cfg(test)]
fn is_ready<T>(queue: &Receiver<T>) -> bool {
    let mut queues = Select::new();
    queues.recv(queue);
    queues.try_ready().is_ok()
}

/// Puts something into a bounded queue, when there is room.
pub(super) fn send<T>(queue: &Sender<T>, value: T) -> Result<(), SendError<T>> {
    #[cfg(test)]
    if crew::is_there() {
        crew::turn_until(|_| !queue.is_full());
    }
    queue.send(value)
}
