//! One thread a sink: gathers each epoch from all workers, and commits it when the journal holds it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::connector::{Changes, Committed, ConnectorError, Grid, SinkInput, SinkMode, Writer};
use crate::render::{Batch, Outlet};

use super::consolidate;
use super::event::{DeathWatch, Event};
use super::journal::SinkMark;

/// What a committer is told.
pub(super) enum Order {
    /// Rows from a worker.
    Outlet(Outlet),
    /// The journal holds everything up to this epoch.
    Permit(u64),
    /// Answer a query.
    Query(String, Sender<Result<Grid, ConnectorError>>),
}

/// How many bytes of rows wait in a sink's committer.
#[derive(Clone, Debug, Default)]
pub(super) struct Load(Arc<AtomicUsize>);

impl Load {
    /// Rows that come.
    pub(super) fn add(&self, batch: &Batch) {
        self.0.fetch_add(batch.bytes(), Ordering::Relaxed);
    }

    fn remove(&self, batches: &[Batch]) {
        self.0.fetch_sub(batches.iter().map(Batch::bytes).sum(), Ordering::Relaxed);
    }

    /// How many there are.
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The coordinator's side of a committer.
pub(super) struct Committer {
    /// What to send it.
    pub(super) orders: Sender<Order>,
    /// How much waits in it.
    pub(super) load: Load,
    thread: JoinHandle<()>,
}

impl Committer {
    /// Starts committing epochs after those that the sink holds.
    pub(super) fn start(
        sink: usize,
        input: &SinkInput,
        writer: Box<dyn Writer>,
        workers: usize,
        held: u64,
        events: Sender<Event>,
    ) -> std::io::Result<Self> {
        // Bounded by what is in flight: rows by the load that makes sources wait, permits by the epochs that may wait.
        let (orders, received) = unbounded();
        let load = Load::default();
        let written = match writer.committed() {
            Committed::Volatile => 0,
            Committed::Epoch(epoch) => epoch,
        };
        let mut state = State {
            input: input.clone(),
            writer,
            pending: BTreeMap::new(),
            through: vec![0; workers],
            permitted: 0,
            mark: SinkMark { written, passed: held },
            load: load.clone(),
        };
        let thread = thread::Builder::new().name(format!("commit {}", input.name)).spawn(move || {
            let _watch = DeathWatch(events.clone());
            if let Err(error) = state.serve(sink, &received, &events) {
                let _ = events.send(Event::SinkFailed(sink, error));
            }
        })?;
        Ok(Self { orders, load, thread })
    }
}

impl Committer {
    /// Waits until the thread has ended, once nobody gives it orders.
    pub(super) fn join(self) {
        drop(self.orders);
        // Had it panicked, the coordinator would have heard of it.
        let _ = self.thread.join();
    }
}

struct State {
    input: SinkInput,
    writer: Box<dyn Writer>,
    pending: BTreeMap<u64, Vec<(usize, Batch)>>,
    through: Vec<u64>,
    permitted: u64,
    mark: SinkMark,
    load: Load,
}

impl State {
    fn serve(&mut self, sink: usize, orders: &Receiver<Order>, events: &Sender<Event>) -> Result<(), ConnectorError> {
        for order in orders {
            match order {
                Order::Outlet(outlet) => {
                    self.through[outlet.worker] = outlet.through;
                    for (epoch, batch) in outlet.batches {
                        self.pending.entry(epoch).or_default().push((outlet.worker, batch));
                    }
                }
                Order::Permit(epoch) => self.permitted = epoch,
                Order::Query(sql, answer) => {
                    let _ = answer.send(self.writer.query(&sql));
                    continue;
                }
            }
            self.commit_ready(sink, events)?;
        }
        Ok(())
    }

    /// Commits, in order, every epoch that all workers have passed and the journal holds.
    fn commit_ready(&mut self, sink: usize, events: &Sender<Event>) -> Result<(), ConnectorError> {
        let passed = self.through.iter().copied().min().unwrap_or(0).saturating_sub(1);
        let ready = passed.min(self.permitted);
        if ready <= self.mark.passed {
            return Ok(());
        }
        while let Some(entry) = self.pending.first_entry().filter(|entry| *entry.key() <= ready) {
            let epoch = *entry.key();
            let batches = consolidate::in_order(entry.remove());
            let changes = self.changes(&batches);
            self.load.remove(&batches);
            drop(batches);
            if !changes.is_empty() {
                self.writer.commit(epoch, &changes)?;
                self.mark.written = epoch;
            }
        }
        self.mark.passed = ready;
        self.writer.passed(ready)?;
        let _ = events.send(Event::Committed(sink, self.mark));
        Ok(())
    }

    fn changes(&self, batches: &[Batch]) -> Changes {
        let schema = self.input.schema.arrow();
        match self.input.mode {
            SinkMode::Appends => consolidate::appended(schema, batches),
            SinkMode::Changes => consolidate::changed(&self.input.schema, batches),
        }
    }
}
