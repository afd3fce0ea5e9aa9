//! One thread a domain of sinks: gathers each epoch from all workers, and commits it when the journal holds it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Sender, unbounded};

use crate::connector::{Changes, ConnectorError, Grid, MemberChanges, MemberError, SinkInput, SinkMode, Writer};
use crate::digest::Digest;
use crate::failpoint::{self, Failpoint};
use crate::ownership::Ownership;
use crate::plan::Plan;
use crate::render::{Batch, Outlet};

use super::consolidate;
use super::domains::Domain;
use super::event::{DeathWatch, Event};
use super::journal::SinkMark;
use super::protocol::{committable, passed};
use super::threads::{Started, Turn, start};

/// What a committer is told.
pub(super) enum Order {
    /// Rows of a member from a worker.
    Outlet(usize, Outlet),
    /// The journal holds everything up to an epoch, and this is the digest of all rows that each member then has.
    Permit(u64, Vec<Digest>),
    /// Answer a query in a member's database.
    Query(usize, String, Sender<Result<Grid, ConnectorError>>),
}

/// How many bytes of rows wait in a committer.
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
    /// Its members: the sinks' places in the plan.
    pub(super) sinks: Vec<usize>,
    task: Started,
}

impl Committer {
    /// Starts committing epochs after those that each sink has.
    pub(super) fn start(
        plan: &Plan,
        domain: Domain,
        workers: usize,
        marks: &[SinkMark],
        ownership: Arc<Ownership>,
        events: Sender<Event>,
    ) -> std::io::Result<Self> {
        // Bounded by what is in flight: rows by the load that makes sources wait, permits by the epochs that may wait.
        let (orders, received) = unbounded();
        let load = Load::default();
        let members = domain.sinks.iter().map(|sink| MemberState {
            sink: *sink,
            input: plan.sinks[*sink].input.clone(),
            pending: BTreeMap::new(),
            // Dead letters come from the coordinator, the only one who has all of an epoch's errors.
            through: vec![0; if plan.sinks[*sink].letters_of.is_some() { 1 } else { workers }],
            mark: marks[*sink],
        });
        let members: Vec<_> = members.collect();
        let name = members.first().map_or_else(String::new, |member| format!("commit {}", member.input.name));
        let mut state =
            State { members, writer: domain.writer, ownership, permits: BTreeMap::new(), load: load.clone() };
        let watch = DeathWatch(events);
        let task = start(&name, move |patience| match patience.next(&received) {
            Ok(order) => state.obey(order, &watch.0),
            Err(nothing) => nothing,
        })?;
        Ok(Self { orders, load, sinks: domain.sinks, task })
    }

    /// Waits until the thread has ended, once nobody gives it orders.
    pub(super) fn join(self) {
        drop(self.orders);
        self.task.join();
    }
}

struct State {
    members: Vec<MemberState>,
    writer: Box<dyn Writer>,
    ownership: Arc<Ownership>,
    /// Epochs that the journal holds, and not all members have.
    permits: BTreeMap<u64, Vec<Digest>>,
    load: Load,
}

struct MemberState {
    sink: usize,
    input: SinkInput,
    pending: BTreeMap<u64, Vec<(usize, Batch)>>,
    through: Vec<u64>,
    mark: SinkMark,
}

impl State {
    fn obey(&mut self, order: Order, events: &Sender<Event>) -> Turn {
        match order {
            Order::Outlet(member, outlet) => self.members[member].take_in(outlet),
            Order::Permit(epoch, digests) => drop(self.permits.insert(epoch, digests)),
            Order::Query(member, sql, answer) => {
                let _ = answer.send(self.writer.query(member, &sql));
                return Turn::Busy;
            }
        }
        let Err(MemberError { member, error }) = self.commit_ready(events) else { return Turn::Busy };
        let _ = events.send(Event::SinkFailed(self.members[member].sink, error));
        Turn::Over
    }

    /// Commits, in order, every epoch that all workers have passed and the journal holds.
    fn commit_ready(&mut self, events: &Sender<Event>) -> Result<(), MemberError> {
        let passed = passed(self.members.iter().flat_map(|member| member.through.iter().copied()));
        let ready: Vec<u64> = committable(self.permits.keys().copied(), passed).collect();
        for epoch in &ready {
            let digests = self.permits.remove(epoch).unwrap_or_default();
            self.commit(*epoch, &digests)?;
        }
        let Some(ready) = ready.last().copied() else { return Ok(()) };
        for member in &mut self.members {
            member.mark.passed = member.mark.passed.max(ready);
        }
        self.writer.passed(ready)?;
        let marks = self.members.iter().map(|member| (member.sink, member.mark)).collect();
        let _ = events.send(Event::Committed(marks));
        Ok(())
    }

    fn commit(&mut self, epoch: u64, digests: &[Digest]) -> Result<(), MemberError> {
        let mut changed = Vec::new();
        for (at, member) in self.members.iter_mut().enumerate() {
            let Some(batches) = member.pending.remove(&epoch) else { continue };
            let batches = consolidate::in_order(batches);
            let changes = member.changes(&batches);
            self.load.remove(&batches);
            if !changes.is_empty() {
                member.mark.written = epoch;
                changed.push(MemberChanges { member: at, changes, digest: digests[at] });
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        if self.ownership.is_lost() {
            let what = format!("another instance has taken over before epoch {epoch} was committed");
            let hint = "nothing is lost, the other instance goes on; run only one at a time";
            return Err(ConnectorError::Fenced { what, hint: hint.into() }.into());
        }
        failpoint::hit(Failpoint::CommitBegin).map_err(interrupted)?;
        self.writer.commit(epoch, &changed)?;
        failpoint::hit(Failpoint::CommitDone).map_err(interrupted)?;
        Ok(())
    }
}

fn interrupted(error: std::io::Error) -> MemberError {
    ConnectorError::unavailable(format!("the commit was interrupted: {error}"), "start again").into()
}

impl MemberState {
    fn take_in(&mut self, outlet: Outlet) {
        self.through[outlet.worker] = outlet.through;
        for (epoch, batch) in outlet.batches {
            self.pending.entry(epoch).or_default().push((outlet.worker, batch));
        }
    }

    fn changes(&self, batches: &[Batch]) -> Changes {
        let schema = self.input.schema.arrow();
        match self.input.mode {
            SinkMode::Appends => consolidate::appended(schema, batches),
            SinkMode::Changes => consolidate::changed(&self.input.schema, batches),
        }
    }
}
