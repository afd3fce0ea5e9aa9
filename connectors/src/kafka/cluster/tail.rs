//! Finds what an interrupted commit has left in a topic.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, StopFlag};
use rdkafka::consumer::Consumer;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::kafka::connection::Cluster;
use crate::kafka::rows::{EPOCH_HEADER, SEQUENCE_HEADER, WRITER_HEADER};

use super::contact::{Contact, Visible};

/// How long nothing may come before the brokers count as out of reach.
const PATIENCE: Duration = Duration::from_secs(60);

/// The places, within their epochs, of records that a writer has in the topic already.
pub(super) type Found = BTreeMap<u64, BTreeSet<u64>>;

/// What to look for, and where.
pub(super) struct TailSearch<'a> {
    pub(super) topic: &'a str,
    pub(super) partitions: u32,
    /// Where to begin, by partition; others begin at their first record.
    pub(super) positions: &'a BTreeMap<u32, u64>,
    /// Whose records.
    pub(super) writer: &'a str,
    /// Of which epochs: those after this one.
    pub(super) after: u64,
}

impl TailSearch<'_> {
    /// Reads every partition from its position to its present end.
    ///
    /// # Errors
    /// The brokers refuse, or are out of reach.
    pub(super) fn run(&self, cluster: &Cluster, stop: &StopFlag) -> Result<Found, ConnectorError> {
        let contact = Contact::new(cluster, Visible::All, stop)?;
        let mut assignment = TopicPartitionList::new();
        let mut open: BTreeMap<i32, u64> = BTreeMap::new();
        for partition in 0..self.partitions {
            let (low, high) = contact.reach(self.topic, partition)?;
            let start = self.positions.get(&partition).copied().unwrap_or(0).max(low);
            if start > high {
                return Err(ConnectorError::diverged(
                    format!(
                        "partition {partition} of topic `{}` was written up to offset {start}, but ends at {high} now: \
                         the topic was made anew, or has lost records",
                        self.topic
                    ),
                    "write to another topic, or start with a new state directory, which writes everything anew",
                ));
            }
            if start < high {
                let offset = Offset::Offset(start as i64);
                assignment
                    .add_partition_offset(self.topic, partition as i32, offset)
                    .map_err(|error| lost(cluster, &error))?;
                open.insert(partition as i32, high);
            }
        }
        let mut found = Found::new();
        if open.is_empty() {
            return Ok(found);
        }
        contact.consumer.assign(&assignment).map_err(|error| lost(cluster, &error))?;
        let mut progress = Instant::now();
        while !open.is_empty() {
            match contact.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    progress = Instant::now();
                    if let Some((epoch, sequence)) = self.recognise(&message) {
                        found.entry(epoch).or_default().insert(sequence);
                    }
                    if open.get(&message.partition()).is_some_and(|end| message.offset() + 1 >= *end as i64) {
                        open.remove(&message.partition());
                    }
                }
                Some(Err(error)) if progress.elapsed() > PATIENCE => return Err(lost(cluster, &error)),
                Some(Err(_)) => {}
                None if stop.is_set() || progress.elapsed() > PATIENCE => return Err(lost(cluster, &"nothing comes")),
                None => self.pass_gaps(&contact, &mut open),
            }
        }
        Ok(found)
    }

    /// Closes partitions whose last offsets hold no record.
    fn pass_gaps(&self, contact: &Contact, open: &mut BTreeMap<i32, u64>) {
        let Ok(positions) = contact.consumer.position() else { return };
        open.retain(|partition, end| {
            let position =
                positions.find_partition(self.topic, *partition).and_then(|element| element.offset().to_raw());
            let view = contact.consumer.context().partition(self.topic, *partition).filter(|view| !view.queued);
            let caught_up = view.and_then(|view| view.caught_up_at).is_some_and(|at| at >= *end);
            !caught_up && position.is_none_or(|position| position < *end as i64)
        });
    }

    fn recognise(&self, message: &BorrowedMessage<'_>) -> Option<(u64, u64)> {
        let headers = message.headers()?;
        let value = |name| headers.iter().find(|header| header.key == name).and_then(|header| header.value);
        if value(WRITER_HEADER)? != self.writer.as_bytes() {
            return None;
        }
        let number = |name| std::str::from_utf8(value(name)?).ok()?.parse::<u64>().ok();
        let epoch = number(EPOCH_HEADER).filter(|epoch| *epoch > self.after)?;
        Some((epoch, number(SEQUENCE_HEADER)?))
    }
}

fn lost(cluster: &Cluster, error: &dyn std::fmt::Display) -> ConnectorError {
    ConnectorError::unavailable(
        format!("the end of the topic on {} cannot be read: {error}", cluster.brokers),
        "check the brokers and the user's right to read the topic, then start again",
    )
}
