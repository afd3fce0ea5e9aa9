//! Commits a sink's epochs to the embedded log.

use engine::connector::{Committed, ConnectContext, ConnectorError, Mark, MemberChanges, MemberError, Writer};

use crate::kafka::marker::claim_marker;
use crate::kafka::rows::{RowPlan, writer_id};
use crate::topic_log::{Durability, TopicWriter, Topics};

/// Writes epochs exactly once: a partition's share of an epoch and the epoch's number and digest are one frame.
pub(in crate::kafka) struct EmbeddedWriter {
    log: TopicWriter,
    plan: RowPlan,
    writer: String,
}

impl EmbeddedWriter {
    /// Makes the topic if it is missing, and takes its lock.
    ///
    /// # Errors
    /// Another writer has the topic, it is damaged, or rows of another meaning were written from this state.
    pub(in crate::kafka) fn open(
        topics: &Topics,
        topic: &str,
        partitions: u32,
        plan: RowPlan,
        context: &ConnectContext,
    ) -> Result<Self, ConnectorError> {
        topics.create(topic, partitions)?;
        let log = TopicWriter::open(topics, topic, Durability::Synced, context.predecessor.as_ref())?;
        // The epochs are in the log itself; the marker keeps what the rows mean.
        claim_marker(context, topic)?;
        Ok(Self { log, plan, writer: writer_id(context) })
    }
}

impl Writer for EmbeddedWriter {
    fn committed(&self) -> Vec<Committed> {
        vec![Committed::Epoch(self.log.committed(&self.writer))]
    }

    /// Partitions are files of their own.
    fn is_atomic(&self) -> bool {
        false
    }

    fn commit(&mut self, epoch: u64, changed: &[MemberChanges]) -> Result<(), MemberError> {
        let [MemberChanges { changes, digest, .. }] = changed else { return Ok(()) };
        let records = self.plan.records(changes)?;
        Ok(self.log.commit(&self.writer, Mark { epoch, digest: *digest }, &records)?)
    }
}
