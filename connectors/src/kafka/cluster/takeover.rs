//! The opening of a transactional writer: shuts earlier instances out, and only then looks at what they have left.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use engine::connector::{ConnectContext, ConnectorError, Mark, MemberError};
use engine::failpoint::Failpoint;
use engine::safeguard::Safeguard;

use crate::kafka::connection::Cluster;
use crate::kafka::rows::TopicMode;

use super::contact::{Contact, Visible};
use super::creation::create_topic;
use super::gate::Gate;
use super::outgoing::Outgoing;
use super::progress::{Claim, Progress};
use super::progress_topic;
use super::relay::RUNNERS_MAX;
use super::scan::Extent;
use super::setback::Setback;
use super::topic_settings::TopicSettings;
use super::transactor::{Transactor, pass};
use super::writer::{TopicMember, TopicOrder};

/// How long an opening tries to reach the brokers.
const PATIENCE: Duration = Duration::from_secs(60);
/// A wait before it begins anew.
const PAUSE: Duration = Duration::from_millis(200);

/// An instance that takes over.
pub(super) struct Takeover<'a> {
    cluster: &'a Cluster,
    orders: &'a [(TopicOrder, &'a ConnectContext)],
    claims: Vec<Claim>,
    gate: Gate,
    transactional_id: String,
}

/// What a takeover comes to.
pub(super) struct TakenOver {
    /// The way in for all instances.
    pub(super) gate: Gate,
    /// What the ids of this instance's producers begin with.
    pub(super) transactional_id: String,
    /// The first of them, for which all earlier ones have made way.
    pub(super) transactor: Transactor,
    /// What each sink holds.
    pub(super) members: Vec<TopicMember>,
}

impl<'a> Takeover<'a> {
    /// Prepares it. Nothing is sent yet.
    pub(super) fn new(cluster: &'a Cluster, orders: &'a [(TopicOrder, &'a ConnectContext)]) -> Self {
        let claims = orders.iter().map(|(order, context)| Claim::new(context, &order.topic)).collect();
        let gate = Gate::new(orders[0].1);
        let transactional_id = gate.behind(orders.iter().map(|(_, context)| context.name.as_str()));
        Self { cluster, orders, claims, gate, transactional_id }
    }

    /// Takes over.
    ///
    /// # Errors
    /// The brokers refuse or are out of reach, a later instance is there, or the progress belongs to rows of another meaning.
    pub(super) fn run(mut self) -> Result<TakenOver, MemberError> {
        let stop = &self.orders[0].1.stop;
        progress_topic::prepare(self.cluster, &self.claims[0].progress_topic, stop)?;
        // What an announcement before this one says, if it is not known whether it is there.
        let mut tried = vec![None; self.claims.len()];
        loop {
            let passing = self.gate.open(self.cluster, Some(PATIENCE), stop)?;
            let transactor = Transactor::open(self.cluster, &self.transactional_id, Some(PATIENCE), stop)?;
            let found = self.fence_all()?;
            for (place, (claim, found)) in self.claims.iter_mut().zip(&found).enumerate() {
                claim.succeed(found.as_ref(), tried[place]).map_err(MemberError::of(place))?;
                tried[place] = Some(claim.generation);
            }
            let members = self.members(&found)?;
            let through = if Safeguard::GatePassed.holds() { &passing } else { &transactor };
            let announced = pass(Failpoint::TopicsFenced).and_then(|()| through.transact(&self.announcement(&members)));
            match announced {
                Ok(_) => {
                    let Self { gate, transactional_id, .. } = self;
                    return Ok(TakenOver { gate, transactional_id, transactor, members });
                }
                Err(Setback::Failed(_, error)) => return Err(error.into()),
                // Another instance opens at the same time, or the brokers do not answer: all is looked at anew.
                Err(Setback::Aborted(reason) | Setback::Lost(reason)) if stop.is_set() => {
                    let what = format!("stopped before the first transaction on {}: {reason}", self.cluster.brokers);
                    return Err(ConnectorError::unavailable(what, "start again when the brokers can be reached").into());
                }
                Err(Setback::Aborted(reason) | Setback::Lost(reason)) => {
                    tracing::warn!("the first transaction on {} failed: {reason}; trying again", self.cluster.brokers);
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Shuts out all producers that may write the sinks' progress, also those of instances that committed them together with others and so under
    /// another id, and gives the progress as it then is, for good.
    fn fence_all(&self) -> Result<Vec<Option<Progress>>, MemberError> {
        let stop = &self.orders[0].1.stop;
        let claims: Vec<&Claim> = self.claims.iter().collect();
        let mut fenced = BTreeSet::from([self.transactional_id.clone()]);
        // A producer that died within a transaction is named before it, and holds up who reads on.
        let mut extent = Extent::Stable;
        loop {
            let found = progress_topic::read(self.cluster, &claims, extent, stop)?;
            for (place, (claim, found)) in claims.iter().zip(&found).enumerate() {
                claim.defend(found.as_ref()).map_err(MemberError::of(place))?;
            }
            let named = if Safeguard::RunnersFenced.holds() { RUNNERS_MAX } else { 1 };
            let ids = found.iter().flatten().flat_map(|found| found.transactional_ids().take(named));
            let others: BTreeSet<String> = ids.filter(|id| !fenced.contains(id)).collect();
            if others.is_empty() && extent == Extent::Whole {
                return Ok(found);
            }
            if others.is_empty() {
                extent = Extent::Whole;
            }
            for id in others {
                Transactor::open(self.cluster, &id, Some(PATIENCE), stop)?;
                fenced.insert(id);
            }
        }
    }

    /// Makes topics that are missing, looks at those that are there, and says what each sink holds.
    fn members(&self, found: &[Option<Progress>]) -> Result<Vec<TopicMember>, MemberError> {
        let places = self.orders.iter().zip(&self.claims).zip(found).enumerate();
        places
            .map(|(place, (((order, _), claim), found))| {
                let partitions = self.topic(order, found.as_ref()).map_err(MemberError::of(place))?;
                Ok(TopicMember {
                    claim: claim.clone(),
                    partitions,
                    plan: order.plan.clone(),
                    mark: found.as_ref().map_or_else(Mark::default, Progress::mark),
                    reach: found.as_ref().and_then(|found| found.reach),
                })
            })
            .collect()
    }

    /// How many partitions the topic has.
    fn topic(&self, order: &TopicOrder, found: Option<&Progress>) -> Result<u32, ConnectorError> {
        let stop = &self.orders[0].1.stop;
        let TopicOrder { topic, partitions, plan } = order;
        let settings: &[(&str, &str)] = match plan.mode {
            TopicMode::Append => &[],
            TopicMode::Upsert => &[("cleanup.policy", "compact")],
        };
        let partitions = create_topic(self.cluster, topic, *partitions, settings, stop)?;
        let contact = Contact::new(self.cluster, Visible::All, stop)?;
        if let Some((partition, reach)) = found.and_then(|found| found.reach) {
            let end = if partition < partitions { contact.reach(topic, partition)?.1 } else { 0 };
            if end < reach {
                return Err(ConnectorError::diverged(
                    format!(
                        "partition {partition} of topic `{topic}` was written up to offset {reach}, but ends at {end} now: \
                         the topic was made anew, or has lost records"
                    ),
                    "write to another topic, or start with a new state directory, which writes everything anew",
                ));
            }
        }
        if let Some(settings) = TopicSettings::ask(self.cluster, topic) {
            for warning in settings.warnings(topic, plan.mode, contact.replicas(topic)) {
                tracing::warn!("{warning}");
            }
        }
        Ok(partitions)
    }

    /// Says in the progress of each sink that this instance is the newest.
    fn announcement(&self, members: &[TopicMember]) -> Vec<Outgoing> {
        let progress = |member: &TopicMember| {
            let progress = member.claim.progress(member.mark, (&self.transactional_id, 1), member.reach);
            progress_topic::record(&member.claim, &progress)
        };
        members.iter().map(progress).collect()
    }
}
