//! Commits a sink's epochs to a topic on real brokers.

use std::collections::{BTreeMap, BTreeSet};

use engine::connector::{Committed, ConnectContext, ConnectorError, Mark, MemberChanges, MemberError, Writer};
use engine::digest::Digest;

use crate::kafka::connection::Cluster;
use crate::kafka::marker::Marker;
use crate::kafka::rows::{RowPlan, mark_records, writer_id};
use crate::topic_log::partition_of_record;

use super::contact::{Contact, Visible};
use super::creation::create_topic;
use super::sender::Sender;
use super::tail::{Found, TailSearch};

/// Writes epochs with an idempotent producer.
///
/// An epoch is complete when all its records are acknowledged by all in-sync replicas; only then is its number saved in the state folder.
/// Each record says which writer, epoch and place in the epoch it is. After a crash the topic is read from where the last complete
/// epoch ended, and of the epoch that follows only the records that are missing are sent.
///
/// Promised: while the brokers keep what they acknowledged and keep it until the next start, every row is in the topic exactly once after
/// that epoch's commit has returned. Not promised: that a reader sees an epoch all at once (it can group by `fc-epoch`); and a process
/// that was killed may have bytes under way that reach a broker after the next start has read the topic's end, which
/// doubles those records (a reader can tell by equal `fc-writer`, `fc-epoch`, `fc-seq`).
pub(in crate::kafka) struct ClusterWriter {
    sender: Sender,
    topic: String,
    partitions: u32,
    plan: RowPlan,
    writer: String,
    marker: Marker,
    /// Records of epochs after the marker's that are there already.
    found: Found,
}

impl ClusterWriter {
    /// Makes the topic if it is missing, and looks for what was left unfinished.
    ///
    /// # Errors
    /// The brokers refuse or are out of reach, or the marker belongs to another run.
    pub(in crate::kafka) fn open(
        cluster: &Cluster,
        topic: String,
        partitions: u32,
        plan: RowPlan,
        context: &ConnectContext,
    ) -> Result<Self, ConnectorError> {
        let marker = Marker::load(context, &topic)?;
        let partitions = create_topic(cluster, &topic, partitions, &context.stop)?;
        let writer = writer_id(context);
        let (marker, found) = match marker {
            Some(marker) => {
                let search = TailSearch {
                    topic: &topic,
                    partitions,
                    positions: marker.positions(),
                    writer: &writer,
                    after: marker.epoch(),
                };
                let found = search.run(cluster, &context.stop)?;
                (marker, found)
            }
            None => (Marker::begin(context, &topic, ends(cluster, &topic, partitions, context)?)?, Found::new()),
        };
        let sender = Sender::new(cluster, &context.stop)?;
        Ok(Self { sender, topic, partitions, plan, writer, marker, found })
    }
}

fn ends(
    cluster: &Cluster,
    topic: &str,
    partitions: u32,
    context: &ConnectContext,
) -> Result<BTreeMap<u32, u64>, ConnectorError> {
    let contact = Contact::new(cluster, Visible::All, &context.stop)?;
    (0..partitions).map(|partition| Ok((partition, contact.reach(topic, partition)?.1))).collect()
}

impl Writer for ClusterWriter {
    fn committed(&self) -> Vec<Committed> {
        vec![Committed::Epoch(Mark { epoch: self.marker.epoch(), digest: Digest::default() })]
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        let [MemberChanges { changes, .. }] = changed else { return Ok(()) };
        if epoch <= self.marker.epoch() {
            return Ok(());
        }
        let mut records = self.plan.records(changes)?;
        mark_records(&mut records, &self.writer, epoch);
        let present: BTreeSet<u64> = self.found.remove(&epoch).unwrap_or_default();
        for (place, record) in (0_u64..).zip(&records) {
            if !present.contains(&place) {
                let partition = partition_of_record(record, epoch.wrapping_add(place), self.partitions);
                self.sender.send(&self.topic, partition, record)?;
            }
        }
        self.sender.flush(&self.topic)?;
        // Positions only shorten the next search: what is of this epoch or before is passed over there.
        Ok(self.marker.advance(epoch, self.sender.ends())?)
    }
}
