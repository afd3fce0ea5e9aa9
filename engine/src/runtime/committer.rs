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

/// Epochs with more bytes of rows are not committed together.
const TOGETHER_MAX: usize = 4 << 20;

/// What a committer is told.
pub(super) enum Order {
    /// Rows of a member from a worker.
    Outlet(usize, Outlet),
    /// The next epoch is complete, and this is the digest of all rows that each member then has. It must not be seen yet.
    Prepare(u64, Vec<Digest>),
    /// The journal holds everything up to an epoch.
    Permit(u64),
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
        let mut state = State {
            members,
            writer: domain.writer,
            ownership,
            digests: BTreeMap::new(),
            permitted: 0,
            prepared: None,
            load: load.clone(),
        };
        let watch = DeathWatch(events);
        let task = start(&name, move |patience| match patience.next(&received) {
            Ok(order) => state.obey(std::iter::once(order).chain(received.try_iter()), &watch.0),
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
    /// Of epochs that are complete and not committed.
    digests: BTreeMap<u64, Vec<Digest>>,
    /// The last epoch that the journal holds.
    permitted: u64,
    /// The next epoch that changes something, and what it changes, if that is on its way.
    prepared: Option<(u64, Vec<MemberChanges>)>,
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
    /// Takes in all orders that have come, and commits what may be committed then.
    fn obey(&mut self, orders: impl Iterator<Item = Order>, events: &Sender<Event>) -> Turn {
        for order in orders {
            match order {
                Order::Outlet(member, outlet) => self.members[member].take_in(outlet),
                Order::Prepare(epoch, digests) => drop(self.digests.insert(epoch, digests)),
                Order::Permit(epoch) => self.permitted = epoch,
                Order::Query(member, sql, answer) => {
                    if self.commit_or_say(events) == Turn::Over {
                        return Turn::Over;
                    }
                    let _ = answer.send(self.writer.query(member, &sql));
                }
            }
        }
        self.commit_or_say(events)
    }

    fn commit_or_say(&mut self, events: &Sender<Event>) -> Turn {
        let Err(MemberError { member, error }) = self.commit_ready(events) else { return Turn::Busy };
        let _ = events.send(Event::SinkFailed(self.members[member].sink, error));
        Turn::Over
    }

    /// Commits every epoch that all workers have passed and the journal holds, and prepares the next.
    fn commit_ready(&mut self, events: &Sender<Event>) -> Result<(), MemberError> {
        let passed = passed(self.members.iter().flat_map(|member| member.through.iter().copied()));
        let durable = self.digests.range(..=self.permitted).map(|(epoch, _)| *epoch);
        let ready: Vec<u64> = committable(durable, passed).collect();
        let is_prepared = |epoch| self.prepared.as_ref().is_some_and(|(prepared, _)| *prepared == epoch);
        let alone = |epoch| is_prepared(epoch) || !self.writer.is_atomic();
        for last in together(&ready, |epoch| self.bytes(epoch), alone) {
            self.commit(last)?;
        }
        if let Some(ready) = ready.last().copied() {
            for member in &mut self.members {
                member.mark.passed = member.mark.passed.max(ready);
            }
            self.writer.passed(ready)?;
            let marks = self.members.iter().map(|member| (member.sink, member.mark)).collect();
            let _ = events.send(Event::Committed(marks));
        }
        self.prepare(passed);
        Ok(())
    }

    /// How many bytes of rows an epoch has.
    fn bytes(&self, epoch: u64) -> usize {
        let batches = self.members.iter().filter_map(|member| member.pending.get(&epoch)).flatten();
        batches.map(|(_, batch)| batch.bytes()).sum()
    }

    /// Puts the next epoch that changes something on its way, if it is complete.
    fn prepare(&mut self, passed: Option<u64>) {
        let next = self.members.iter().filter_map(|member| member.pending.keys().next()).min().copied();
        let may = |epoch: &u64| Some(*epoch) <= passed && self.digests.contains_key(epoch) && self.prepared.is_none();
        let Some(epoch) = next.filter(may) else { return };
        let changed = self.take_changes(epoch);
        if !changed.is_empty() {
            self.writer.prepare(epoch, &changed);
            self.prepared = Some((epoch, changed));
        }
    }

    /// What changes up to an epoch.
    fn take_changes(&mut self, epoch: u64) -> Vec<MemberChanges> {
        let digests = self.digests.get(&epoch).expect("an epoch is complete before it is committed");
        let mut changed = Vec::new();
        for (at, member) in self.members.iter_mut().enumerate() {
            let batches = member.take_batches(epoch);
            let changes = member.changes(&batches);
            self.load.remove(&batches);
            if !changes.is_empty() {
                changed.push(MemberChanges { member: at, changes, digest: digests[at] });
            }
        }
        changed
    }

    /// Commits everything up to an epoch that the journal holds.
    fn commit(&mut self, epoch: u64) -> Result<(), MemberError> {
        let changed = match self.prepared.take_if(|(prepared, _)| *prepared == epoch) {
            Some((_, changed)) => changed,
            None => self.take_changes(epoch),
        };
        self.digests.retain(|before, _| *before > epoch);
        if changed.is_empty() {
            return Ok(());
        }
        for changes in &changed {
            self.members[changes.member].mark.written = epoch;
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

/// The last ones of epochs that are committed together, as one with the name of the last: those that have had to wait.
fn together(ready: &[u64], bytes: impl Fn(u64) -> usize, alone: impl Fn(u64) -> bool) -> Vec<u64> {
    let mut ends = Vec::new();
    let mut sum = 0;
    for (epoch, next) in ready.iter().zip(ready.iter().skip(1).map(Some).chain([None])) {
        sum += bytes(*epoch);
        if next.is_none_or(|next| alone(*epoch) || alone(*next) || sum + bytes(*next) > TOGETHER_MAX) {
            ends.push(*epoch);
            sum = 0;
        }
    }
    ends
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

    /// All rows up to an epoch, epoch by epoch.
    fn take_batches(&mut self, epoch: u64) -> Vec<Batch> {
        let later = self.pending.split_off(&(epoch + 1));
        std::mem::replace(&mut self.pending, later).into_values().flat_map(consolidate::in_order).collect()
    }

    fn changes(&self, batches: &[Batch]) -> Changes {
        let schema = self.input.schema.arrow();
        match self.input.mode {
            SinkMode::Appends => consolidate::appended(schema, batches),
            SinkMode::Changes => consolidate::changed(&self.input.schema, batches),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_that_wait_go_together_as_far_as_they_fit() {
        let small = |_| 1;
        assert_eq!(together(&[3, 4, 7], small, |_| false), [7]);
        assert_eq!(together(&[3, 4, 7], small, |epoch| epoch == 3), [3, 7]);
        assert_eq!(together(&[3, 4, 7], small, |epoch| epoch == 4), [3, 4, 7]);
        assert_eq!(
            together(&[3, 4, 7], small, |_| true),
            [3, 4, 7],
            "what can be cut off in the middle is never merged"
        );
        assert_eq!(together(&[3, 4, 7], |_| TOGETHER_MAX / 2 + 1, |_| false), [3, 4, 7]);
        assert_eq!(together(&[3, 4, 7], |_| TOGETHER_MAX / 2, |_| false), [4, 7]);
        assert_eq!(together(&[], small, |_| false), [0_u64; 0]);
    }
}
