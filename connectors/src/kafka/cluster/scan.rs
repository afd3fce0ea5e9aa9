//! Reads a topic once, from its beginning to a fixed end: what is committed of it, and nothing else.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, StopFlag};
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::kafka::connection::Cluster;

use super::contact::{Contact, Visible};

/// How long nothing may come before the brokers count as out of reach.
const PATIENCE: Duration = Duration::from_secs(60);
/// After how long it is said that an open transaction is waited for.
const NOTICE: Duration = Duration::from_secs(3);

/// Where to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// At the first transaction that is still open: nothing is waited for.
    Stable,
    /// At the last record that is there now. Of transactions that are open it is waited how they end, since later ones may be committed.
    Whole,
}

/// Hands over every committed record of a topic as it is now, each partition in its order. A topic that does not exist is empty.
///
/// # Errors
/// The brokers refuse, or are out of reach; the run is to stop; or an error of `take`.
pub(super) fn scan_topic(
    cluster: &Cluster,
    topic: &str,
    extent: Extent,
    stop: &StopFlag,
    take: &mut dyn FnMut(&BorrowedMessage<'_>) -> Result<(), ConnectorError>,
) -> Result<(), ConnectorError> {
    let contact = Contact::new(cluster, Visible::Committed, stop)?;
    let Some(partitions) = contact.partition_count(topic)? else { return Ok(()) };
    let whole = match extent {
        Extent::Stable => None,
        Extent::Whole => Some(Contact::new(cluster, Visible::All, stop)?),
    };
    let failed = |error: &dyn Display| lost(cluster, topic, error);
    let mut assignment = TopicPartitionList::new();
    let mut open = BTreeMap::new();
    for partition in 0..partitions {
        let (low, stable) = contact.reach(topic, partition)?;
        let end = match &whole {
            None => stable,
            Some(whole) => {
                let end = whole.reach(topic, partition)?.1;
                await_stability(&contact, topic, partition, end, stop)?;
                end
            }
        };
        if low < end {
            assignment
                .add_partition_offset(topic, partition as i32, Offset::Offset(low as i64))
                .map_err(|error| failed(&error))?;
            open.insert(partition as i32, end);
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    contact.consumer.assign(&assignment).map_err(|error| failed(&error))?;
    let mut progress = Instant::now();
    while !open.is_empty() {
        match contact.consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                progress = Instant::now();
                let Some(end) = open.get(&message.partition()) else { continue };
                let next = message.offset() + 1;
                let end = *end as i64;
                if next <= end {
                    take(&message)?;
                }
                if next >= end {
                    open.remove(&message.partition());
                }
            }
            // All that was stable when the client asked has come; the end was stable before that.
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
            Some(Err(error)) if progress.elapsed() > PATIENCE => return Err(failed(&error)),
            None if stop.is_set() || progress.elapsed() > PATIENCE => return Err(failed(&"nothing comes")),
            Some(Err(_)) | None => {}
        }
    }
    Ok(())
}

/// Waits until no transaction is open below `end`.
fn await_stability(
    contact: &Contact,
    topic: &str,
    partition: u32,
    end: u64,
    stop: &StopFlag,
) -> Result<(), ConnectorError> {
    let begun = Instant::now();
    let mut said = false;
    while contact.reach(topic, partition)?.1 < end {
        if stop.is_set() {
            return Err(ConnectorError::unavailable(
                format!("stopped while an open transaction in topic `{topic}` was waited for"),
                "start again; brokers end a transaction at the latest when its `transaction.timeout.ms` is over",
            ));
        }
        if !said && begun.elapsed() >= NOTICE {
            said = true;
            tracing::warn!("a transaction of another producer is open in topic `{topic}`; waiting for its end");
        }
        contact.pause();
    }
    Ok(())
}

fn lost(cluster: &Cluster, topic: &str, error: &dyn Display) -> ConnectorError {
    ConnectorError::unavailable(
        format!("topic `{topic}` on {} cannot be read to its end: {error}", cluster.brokers),
        "check the brokers and the user's right to read the topic, then start again",
    )
}
