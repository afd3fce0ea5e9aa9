//! What workers and committers tell the coordinator.

use crossbeam_channel::Sender;

use crate::connector::ConnectorError;
use crate::render::WorkerReport;

use super::RunError;
use super::checkpoint::Checkpoint;
use super::journal::SinkMark;

/// Something that has happened on another thread.
pub(super) enum Event {
    /// A worker has passed epochs.
    Report(WorkerReport),
    /// How far the sinks of a domain have come.
    Committed(Vec<(usize, SinkMark)>),
    /// A sink failed; its committer has ended.
    SinkFailed(usize, ConnectorError),
    /// A checkpoint that ends with this epoch is complete, or could not be made.
    Checkpoint(u64, Result<Checkpoint, RunError>),
    /// A thread has panicked.
    Panicked,
}

/// Tells the coordinator if its thread panics.
pub(super) struct DeathWatch(pub(super) Sender<Event>);

impl Drop for DeathWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.send(Event::Panicked);
        }
    }
}
