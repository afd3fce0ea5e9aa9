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

use super::outgoing::Outgoing;
use super::progress::{Claim, Outcome, Progress};
use super::progress_topic;
use super::scan::Extent;
use super::setback::Setback;
use super::takeover::Takeover;
use super::transactor::{Passage, Transactor};

/// A wait before a transaction is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// A sink's topic and how its rows are written there.
pub(in crate::kafka) struct TopicOrder {
    /// The topic; made if it is missing.
    pub(in crate::kafka) topic: String,
    /// How many partitions it is made with.
    pub(in crate::kafka) partitions: u32,
    /// How rows become records.
    pub(in crate::kafka) plan: RowPlan,
}

/// Writes epochs with a transactional producer.
///
/// The records of an epoch, of all topics, and for each sink a record in the pipeline's topic of progress that says how far the sink has come,
/// are one transaction. Who reads with `isolation.level=read_committed` sees all of it or nothing.
///
/// At the opening the producer's transactional id is taken over first, which shuts earlier instances out and aborts what they have open.
/// Only then the progress is read, and it is written again with this instance's generation: an instance that was shut out and takes
/// the id over once more finds the higher generation, and ends.
///
/// When it is not known whether a transaction was committed, its producer is never used again. A new one takes the id over, so that nothing
/// of the old one can follow, and the progress tells whether the epoch is there.
pub(in crate::kafka) struct ClusterWriter {
    cluster: Cluster,
    transactional_id: String,
    members: Vec<TopicMember>,
    /// `None` after a transaction of which nobody knows how it ended.
    transactor: Option<Transactor>,
    stop: StopFlag,
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
        let takeover = Takeover::new(&cluster, &members);
        let (transactor, members, transactional_id) = takeover.run()?;
        Ok(Self { cluster, transactional_id, members, transactor: Some(transactor), stop })
    }

    /// The records of an epoch, and of how far it takes each sink.
    fn outgoing(&self, epoch: u64, changed: &[&MemberChanges]) -> Result<Vec<Outgoing>, MemberError> {
        let mut outgoing = Vec::new();
        for MemberChanges { member: place, changes, digest } in changed {
            let member = &self.members[*place];
            let mut records = member.plan.records(changes).map_err(MemberError::of(*place))?;
            mark_records(&mut records, &member.claim.writer, epoch, member.claim.generation);
            let records = (0_u64..).zip(records).map(|(turn, record)| Outgoing {
                topic: member.claim.topic.clone(),
                partition: partition_of_record(&record, epoch.wrapping_add(turn), member.partitions),
                record,
            });
            outgoing.extend(records);
            let mark = Mark { epoch, digest: *digest };
            let progress = member.claim.progress(mark, &self.transactional_id, member.reach);
            outgoing.push(progress_topic::record(&member.claim, &progress));
        }
        Ok(outgoing)
    }

    /// A producer that may begin. If the one before was given up, another takes its place and looks at how far the sinks have come.
    fn transactor(&mut self) -> Result<Transactor, MemberError> {
        if let Some(transactor) = self.transactor.take() {
            return Ok(transactor);
        }
        // A look before the id is taken over spares a later instance the disturbance.
        self.look(Extent::Stable)?;
        let transactor = Transactor::open(&self.cluster, &self.transactional_id, None, &self.stop)?;
        let found = self.look(Extent::Whole)?;
        for (member, progress) in self.members.iter_mut().zip(found).filter(|_| Safeguard::ProgressAsked.holds()) {
            member.mark = progress.map_or_else(Mark::default, |found| found.mark());
        }
        Ok(transactor)
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

    /// Remembers what was committed.
    fn note(&mut self, epoch: u64, changed: &[&MemberChanges], transactor: &Transactor) {
        for MemberChanges { member, digest, .. } in changed {
            let member = &mut self.members[*member];
            member.mark = Mark { epoch, digest: *digest };
            member.reach = farther(member.reach, transactor.reach(&member.claim.topic));
        }
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

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        let lacks = |changes: &&MemberChanges| self.members[changes.member].mark.epoch < epoch;
        let changed: Vec<&MemberChanges> = changed.iter().filter(lacks).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let outgoing = self.outgoing(epoch, &changed)?;
        let mut said = false;
        loop {
            let transactor = self.transactor()?;
            if self.holds(epoch, &changed)? {
                self.transactor = Some(transactor);
                return Ok(());
            }
            let reason = match transactor.transact(&outgoing) {
                Ok(passage) => {
                    self.note(epoch, &changed, &transactor);
                    self.transactor = (passage == Passage::Smooth).then_some(transactor);
                    return Ok(());
                }
                Err(Setback::Failed(topic, error)) => return Err(self.failed(topic.as_deref(), error)),
                Err(Setback::Aborted(reason)) => {
                    self.transactor = Some(transactor);
                    thread::sleep(PAUSE);
                    reason
                }
                Err(Setback::Lost(reason)) => reason,
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
