//! One thread a source: reads, and hands on through a bounded queue.

use std::collections::BTreeMap;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::connector::{ConnectorError, PartitionIndex, Read, Reader, StopFlag};

use super::threads::{Patience, Turn, start};

/// How many reads wait for the coordinator: each holds at most about a mebibyte.
const QUEUE: usize = 4;
/// How long a reader waits for records before it looks whether it should stop.
const WAIT: Duration = Duration::from_millis(50);

/// What a reader's thread brings.
pub(super) enum Ingest {
    /// Something was read.
    Read(Read, Option<u64>),
    /// The reader failed; nothing more comes.
    Failed(ConnectorError),
}

/// The coordinator's side of a reader's thread.
pub(super) struct ReaderThread {
    /// What was read.
    pub(super) reads: Receiver<Ingest>,
    limits: Sender<(PartitionIndex, Option<u64>)>,
}

impl ReaderThread {
    /// Starts reading; `limits` hold from the first read on.
    pub(super) fn start(
        name: &str,
        mut reader: Box<dyn Reader>,
        limits: &BTreeMap<PartitionIndex, u64>,
        stop: StopFlag,
    ) -> std::io::Result<Self> {
        for (partition, limit) in limits {
            reader.limit(*partition, Some(*limit));
        }
        let (send_read, reads) = bounded(QUEUE);
        // At most one limit a partition and stage is sent, and the reader takes them all before it reads.
        let (send_limit, limits) = unbounded();
        let mut reading = Reading { reader, limits, reads: send_read, stop, told: None };
        // Nobody waits for it: it may hang in the outside.
        start(&format!("read {name}"), move |patience| reading.go_on(patience))?;
        Ok(Self { reads, limits: send_limit })
    }

    /// Lets no record at or past `limit` through.
    pub(super) fn limit(&self, partition: PartitionIndex, limit: Option<u64>) {
        // A reader that has ended needs no limit.
        let _ = self.limits.send((partition, limit));
    }
}

/// The thread's side.
struct Reading {
    reader: Box<dyn Reader>,
    limits: Receiver<(PartitionIndex, Option<u64>)>,
    reads: Sender<Ingest>,
    stop: StopFlag,
    /// The backlog that was told last, if nothing has come since.
    told: Option<Option<u64>>,
}

impl Reading {
    fn go_on(&mut self, patience: Patience) -> Turn {
        if self.stop.is_set() {
            return Turn::Over;
        }
        let wait = match patience {
            Patience::Waits => WAIT,
            Patience::Hurries if self.reads.is_full() => return Turn::Idle,
            Patience::Hurries => Duration::ZERO,
        };
        for (partition, limit) in self.limits.try_iter() {
            self.reader.limit(partition, limit);
        }
        let read = self.reader.read(wait);
        let told = self.told.take();
        let (ingest, turn) = match read {
            Ok(Read::Idle) => {
                let backlog = self.reader.backlog();
                self.told = Some(backlog);
                if told == self.told {
                    // Nobody needs to wake for it.
                    return Turn::Idle;
                }
                (Ingest::Read(Read::Idle, backlog), Turn::Idle)
            }
            Ok(Read::End) => (Ingest::Read(Read::End, None), Turn::Over),
            Ok(read) => (Ingest::Read(read, self.reader.backlog()), Turn::Busy),
            Err(error) => (Ingest::Failed(error), Turn::Over),
        };
        if self.reads.send(ingest).is_err() { Turn::Over } else { turn }
    }
}
