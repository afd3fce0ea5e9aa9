//! Commits epochs of all sinks of a pipeline that write to the same brokers, each epoch in one transaction.

use std::thread;
use std::time::Duration;

use engine::connector::{
    Committed, ConnectContext, ConnectorError, Mark, MemberChanges, MemberError, StopFlag, Writer,
};
use engine::safeguard::Safeguard;

use crate::kafka::connection::Cluster;
use crate::kafka::rows::{RowPlan, mark_records};
use crate::topic_log::partition_of_record;

use super::gate::Gate;
use super::outgoing::Outgoing;
use super::progress::{Claim, Outcome, Progress};
use super::progress_topic;
use super::relay::Relay;
use super::scan::Extent;
use super::setback::Setback;
use super::takeover::{TakenOver, Takeover};
use super::transactor::{Attempt, Passage, Transactor};

/// A wait before a transaction is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// The same before a producer is replaced again: longer than an opening takes, so that of two instances that disturb each other the newer goes on.
const RETAKE_PAUSE: Duration = Duration::from_secs(1);
/// How long to try to abort what will not be committed.
const ABANDON_WAIT: Duration = Duration::from_secs(1);

/// A sink's topic and how its rows are written there.
pub(in crate::kafka) struct TopicOrder {
    /// The topic; made if it is missing.
    pub(in crate::kafka) topic: String,
    /// How many partitions it is made with.
    pub(in crate::kafka) partitions: u32,
    /// How rows become records.
    pub(in crate::kafka) plan: RowPlan,
}

/// Writes epochs with transactional producers.
///
/// The records of an epoch, of all topics, and for each sink a record in the pipeline's topic of progress that says how far the sink has come,
/// are one transaction. Who reads with `isolation.level=read_committed` sees all of it or nothing.
///
/// At the opening the producers' transactional ids are taken over first, which shuts earlier instances out and aborts what they have open.
/// Only then the progress is read, and it is written again with this instance's generation, through the [`Gate`]: an instance that was shut out
/// and comes once more finds the higher generation, and ends.
///
/// When it is not known whether a transaction was committed, its producer is never used again. A new one takes the id over, so that nothing
/// of the old one can follow, and the progress tells whether the epoch is there. It has its first turn behind the gate, too.
///
/// An epoch may be on its way before it may be committed: nobody sees it until then.
pub(in crate::kafka) struct ClusterWriter {
    cluster: Cluster,
    members: Vec<TopicMember>,
    gate: Gate,
    relay: Relay,
    begun: Option<Begun>,
    stop: StopFlag,
}

/// A transaction with an epoch that is on its way.
struct Begun {
    epoch: u64,
    /// Its producer.
    runner: usize,
    attempt: Attempt,
}

/// A sink that is written.
pub(super) struct TopicMember {
    pub(super) claim: Claim,
    pub(super) partitions: u32,
    pub(super) plan: RowPlan,
    /// What it holds.
    pub(super) mark: Mark,
    /// Up to where one of its partitions was written.
    pub(super) reach: Option<(u32, u64)>,
}

impl ClusterWriter {
    /// Takes over what earlier instances have written; makes topics that are missing.
    ///
    /// # Errors
    /// The brokers refuse or are out of reach, a later instance is there, or the progress belongs to rows of another meaning.
    pub(in crate::kafka) fn open(
        cluster: Cluster,
        members: Vec<(TopicOrder, &ConnectContext)>,
    ) -> Result<Self, MemberError> {
        let stop = members[0].1.stop.clone();
        let TakenOver { gate, transactional_id, transactor, members } = Takeover::new(&cluster, &members).run()?;
        Ok(Self { cluster, members, gate, relay: Relay::new(transactional_id, transactor), begun: None, stop })
    }

    /// What an epoch changes that is not there yet.
    fn lacking<'a>(&self, epoch: u64, changed: &'a [MemberChanges]) -> Vec<&'a MemberChanges> {
        changed.iter().filter(|changes| self.members[changes.member].mark.epoch < epoch).collect()
    }

    /// The records of an epoch, and of how far it takes the sinks; also those that it leaves alone, if there are producers to name.
    fn outgoing(&self, epoch: u64, changed: &[&MemberChanges]) -> Result<Vec<Outgoing>, MemberError> {
        let mut outgoing = Vec::new();
        for (place, member) in self.members.iter().enumerate() {
            let mut mark = member.mark;
            if let Some(MemberChanges { changes, digest, .. }) = changed.iter().find(|changes| changes.member == place)
            {
                let mut records = member.plan.records(changes).map_err(MemberError::of(place))?;
                mark_records(&mut records, &member.claim.writer, epoch, member.claim.generation);
                let records = (0_u64..).zip(records).map(|(turn, record)| Outgoing {
                    topic: member.claim.topic.clone(),
                    partition: partition_of_record(&record, epoch.wrapping_add(turn), member.partitions),
                    record,
                });
                outgoing.extend(records);
                mark = Mark { epoch, digest: *digest };
            } else if !self.relay.has_to_name() {
                continue;
            }
            outgoing.push(self.progress(member, mark));
        }
        Ok(outgoing)
    }

    /// Replaces producers that were given up, and looks then at how far the sinks have come.
    fn fill_gaps(&mut self) -> Result<(), MemberError> {
        while let Some(place) = self.relay.gap() {
            match self.fill(place)? {
                Ok(transactor) => self.relay.replace(place, transactor),
                Err(reason) if self.stop.is_set() => {
                    let what =
                        format!("stopped before {} had let a new producer begin: {reason}", self.cluster.brokers);
                    return Err(ConnectorError::unavailable(what, "start again when the brokers can be reached").into());
                }
                Err(reason) => {
                    tracing::warn!(
                        "a new producer on {} could not begin: {reason}; trying again",
                        self.cluster.brokers
                    );
                    thread::sleep(RETAKE_PAUSE);
                }
            }
        }
        Ok(())
    }

    /// Makes a producer for a place, or says why another has to be made.
    fn fill(&mut self, place: usize) -> Result<Result<Transactor, String>, MemberError> {
        // A look before anything is taken over spares a later instance the disturbance.
        self.look(Extent::Stable)?;
        let passing = self.gate.open(&self.cluster, None, &self.stop)?;
        let transactor = Transactor::open(&self.cluster, &self.relay.id(place), None, &self.stop)?;
        let found = self.look(Extent::Whole)?;
        for (member, progress) in self.members.iter_mut().zip(found).filter(|_| Safeguard::ProgressAsked.holds()) {
            member.mark = progress.map_or_else(Mark::default, |found| found.mark());
        }
        let through = if Safeguard::GatePassed.holds() { &passing } else { &transactor };
        match through.transact(&self.announcement()) {
            Ok(_) => Ok(Ok(transactor)),
            Err(Setback::Failed(topic, error)) => Err(self.failed(topic.as_deref(), error)),
            Err(Setback::Aborted(reason) | Setback::Lost(reason)) => Ok(Err(reason)),
        }
    }

    /// Says in the progress of each sink that this instance still is the newest.
    fn announcement(&self) -> Vec<Outgoing> {
        self.members.iter().map(|member| self.progress(member, member.mark)).collect()
    }

    /// How far an epoch takes a sink.
    fn progress(&self, member: &TopicMember, mark: Mark) -> Outgoing {
        progress_topic::record(&member.claim, &member.claim.progress(mark, self.relay.ids(), member.reach))
    }

    /// Puts an epoch on its way.
    fn begin(&mut self, epoch: u64, changed: &[&MemberChanges]) -> Result<Result<Begun, Setback>, MemberError> {
        let runner = self.relay.next(&self.cluster, &self.stop);
        let outgoing = self.outgoing(epoch, changed)?;
        let attempt = match self.relay.transactor(runner) {
            Some(transactor) => transactor.begin(&outgoing),
            None => Err(Setback::Lost("its producer was given up".into())),
        };
        if matches!(attempt, Err(Setback::Lost(_) | Setback::Failed(..))) {
            self.relay.give_up(runner);
        }
        Ok(attempt.map(|attempt| Begun { epoch, runner, attempt }))
    }

    /// One attempt to commit an epoch, unless it is there: what has come in between.
    fn attempt(&mut self, epoch: u64, changed: &[&MemberChanges]) -> Result<Option<Setback>, MemberError> {
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => {
                self.fill_gaps()?;
                if self.holds(epoch, changed)? {
                    return Ok(None);
                }
                match self.begin(epoch, changed)? {
                    Ok(begun) => begun,
                    Err(setback) => return Ok(Some(setback)),
                }
            }
        };
        Ok(self.complete(&begun, changed).err())
    }

    /// Gives a transaction up that is not to be committed.
    fn abandon(&mut self) {
        if let Some(Begun { runner, .. }) = self.begun.take() {
            self.relay.transactor(runner).inspect(|transactor| transactor.abort_before_the_end(ABANDON_WAIT));
            self.relay.give_up(runner);
        }
    }

    /// Commits an epoch that is on its way.
    fn complete(&mut self, begun: &Begun, changed: &[&MemberChanges]) -> Result<(), Setback> {
        let Begun { epoch, runner, attempt } = begun;
        let Some(transactor) = self.relay.transactor(*runner) else {
            return Err(Setback::Lost("its producer was given up".into()));
        };
        match transactor.complete(attempt) {
            Ok(passage) => {
                for MemberChanges { member, digest, .. } in changed {
                    let member = &mut self.members[*member];
                    member.mark = Mark { epoch: *epoch, digest: *digest };
                    member.reach = farther(member.reach, transactor.reach(&member.claim.topic));
                }
                self.relay.committed(*runner);
                if passage == Passage::Rough {
                    self.relay.give_up(*runner);
                }
                Ok(())
            }
            Err(setback) => {
                if matches!(setback, Setback::Lost(_)) {
                    self.relay.give_up(*runner);
                }
                Err(setback)
            }
        }
    }

    /// How far all sinks have come.
    fn look(&self, extent: Extent) -> Result<Vec<Option<Progress>>, MemberError> {
        let claims: Vec<&Claim> = self.members.iter().map(|member| &member.claim).collect();
        let found = progress_topic::read_patiently(&self.cluster, &claims, extent, &self.stop)?;
        for (place, (claim, found)) in claims.iter().zip(&found).enumerate() {
            claim.defend(found.as_ref()).map_err(MemberError::of(place))?;
        }
        Ok(found)
    }

    /// Whether all of these members hold the epoch already.
    fn holds(&self, epoch: u64, changed: &[&MemberChanges]) -> Result<bool, MemberError> {
        let held = changed.iter().map(|changes| self.members[changes.member].mark.epoch);
        match Outcome::of(epoch, held) {
            Outcome::Committed => Ok(true),
            Outcome::Missing => Ok(false),
            Outcome::Torn => Err(ConnectorError::diverged(
                format!("epoch {epoch} was committed in some topics on {} and not in others", self.cluster.brokers),
                "the brokers have torn a transaction apart; write to other topics from a new state directory",
            )
            .into()),
        }
    }

    /// Says of a failure which member's it is.
    fn failed(&self, topic: Option<&str>, error: ConnectorError) -> MemberError {
        let member = self.members.iter().position(|member| Some(member.claim.topic.as_str()) == topic);
        MemberError { member: member.unwrap_or(0), error }
    }
}

/// The one of two places that was written last.
pub(super) fn farther(one: Option<(u32, u64)>, other: Option<(u32, u64)>) -> Option<(u32, u64)> {
    one.into_iter().chain(other).max_by_key(|(_, end)| *end)
}

impl Writer for ClusterWriter {
    fn committed(&self) -> Vec<Committed> {
        self.members.iter().map(|member| Committed::Epoch(member.mark)).collect()
    }

    fn prepare(&mut self, epoch: u64, changed: &[MemberChanges]) {
        let changed = self.lacking(epoch, changed);
        if changed.is_empty() || self.begun.is_some() || self.relay.gap().is_some() {
            return;
        }
        // What has failed is tried again, and said, when the epoch is committed.
        self.begun = self.begin(epoch, &changed).ok().and_then(Result::ok);
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        let changed = self.lacking(epoch, changed);
        if changed.is_empty() {
            return Ok(());
        }
        if self.begun.as_ref().is_some_and(|begun| begun.epoch != epoch) {
            self.abandon();
        }
        let mut said = false;
        loop {
            let reason = match self.attempt(epoch, &changed)? {
                None => return Ok(()),
                Some(Setback::Failed(topic, error)) => return Err(self.failed(topic.as_deref(), error)),
                Some(Setback::Aborted(reason)) => {
                    thread::sleep(PAUSE);
                    reason
                }
                Some(Setback::Lost(reason)) => reason,
            };
            if self.stop.is_set() {
                return Err(ConnectorError::unavailable(
                    format!("stopped before epoch {epoch} was through on {}: {reason}", self.cluster.brokers),
                    "start again; whether it was committed is found out then",
                )
                .into());
            }
            if !std::mem::replace(&mut said, true) {
                tracing::warn!("a transaction on {} did not go through: {reason}; trying again", self.cluster.brokers);
            }
        }
    }
}

/// What was only begun holds up nobody.
impl Drop for ClusterWriter {
    fn drop(&mut self) {
        self.abandon();
    }
}
