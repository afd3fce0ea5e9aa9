//! Looks again at the last record that was read of each partition, before a topic is read on: another topic may stand in its place.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::connector::{Anchor, ConnectorError, StopFlag};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::kafka::connection::Cluster;
use crate::kafka::record_buffer::digest_of;
use crate::kafka::source::made_anew;

use super::contact::{Contact, Visible};
use super::lane::micros;
use super::reader::GONE_HINT;
use super::topic_settings::TopicSettings;

/// How long nothing may come before the brokers count as out of reach.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a partition may seem to end before its anchor until that is believed: a broker that has just become its leader shows less than there is.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// Of each partition one record is looked at, so no more than one batch of its log shall be sent.
const SPARING: &[(&str, &str)] = &[("fetch.message.max.bytes", "1024"), ("queued.min.messages", "1")];

/// Refuses a topic of which a partition holds another record where the last one was read, or none without being compacted.
///
/// # Errors
/// The topic is not what it was, the brokers are out of reach, or the run is to stop.
pub(super) fn require_anchors(
    cluster: &Cluster,
    topic: &str,
    mut open: BTreeMap<u32, Anchor>,
    stop: &StopFlag,
) -> Result<(), ConnectorError> {
    if open.is_empty() {
        return Ok(());
    }
    let contact = look_from(cluster, topic, &open, stop)?;
    let (mut gone, mut ended) = (Vec::new(), BTreeMap::new());
    let begun = Instant::now();
    while !open.is_empty() {
        let believed = ended.extract_if(.., |_, since: &mut Instant| since.elapsed() >= END_PATIENCE);
        gone.extend(believed.filter_map(|(partition, _)| open.remove_entry(&partition)));
        match contact.consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let partition = message.partition() as u32;
                let Some(anchor) = open.remove(&partition) else { continue };
                if !is_at(&message, anchor) {
                    gone.push((partition, anchor));
                } else if digest_of(micros(message.timestamp().to_millis()), message.key(), message.payload())
                    != anchor.digest
                {
                    return Err(made_anew(topic, partition, anchor, "another record stands", GONE_HINT));
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ended.entry(partition as u32).or_insert_with(Instant::now);
            }
            Some(Err(error)) if is_out_of_range(&error) => {
                for (partition, anchor) in open.clone() {
                    let (low, high) = contact.reach(topic, partition)?;
                    // Retention may have gone on since the partition was asked for its reach.
                    if low > anchor.start {
                        open.remove(&partition);
                    } else if high <= anchor.start {
                        gone.extend(open.remove_entry(&partition));
                    }
                }
            }
            Some(Err(error)) if begun.elapsed() > PATIENCE => return Err(unseen(cluster, topic, &error)),
            None if stop.is_set() || begun.elapsed() > PATIENCE => {
                return Err(unseen(cluster, topic, &KafkaError::NoMessageReceived));
            }
            Some(Err(_)) | None => {}
        }
    }
    if gone.is_empty() { Ok(()) } else { excuse(cluster, topic, &gone) }
}

/// A consumer that begins at the anchors.
fn look_from(
    cluster: &Cluster,
    topic: &str,
    anchors: &BTreeMap<u32, Anchor>,
    stop: &StopFlag,
) -> Result<Contact, ConnectorError> {
    let mut sparing = Cluster { brokers: cluster.brokers.clone(), config: cluster.config.clone() };
    for (name, value) in SPARING {
        sparing.config.set(*name, *value);
    }
    let contact = Contact::new(&sparing, Visible::Committed, stop)?;
    let mut assignment = TopicPartitionList::new();
    for (partition, anchor) in anchors {
        assignment
            .add_partition_offset(topic, *partition as i32, Offset::Offset(anchor.start as i64))
            .map_err(|error| unseen(cluster, topic, &error))?;
    }
    contact.consumer.assign(&assignment).map_err(|error| unseen(cluster, topic, &error))?;
    Ok(contact)
}

fn is_at(message: &BorrowedMessage<'_>, anchor: Anchor) -> bool {
    u64::try_from(message.offset()) == Ok(anchor.start)
}

fn is_out_of_range(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::AutoOffsetReset | Code::OffsetOutOfRange))
}

/// Records that were read are gone from the middle of partitions, which is as it should be where only the last record of each key is kept.
fn excuse(cluster: &Cluster, topic: &str, gone: &[(u32, Anchor)]) -> Result<(), ConnectorError> {
    let Some((partition, anchor)) = gone.first() else { return Ok(()) };
    match TopicSettings::ask(cluster, topic) {
        Some(settings) if settings.compacts() => Ok(()),
        Some(_) => Err(made_anew(topic, *partition, *anchor, "no record stands", GONE_HINT)),
        None => {
            tracing::warn!(
                "the record at offset {} of partition {partition} of topic `{topic}`, which was read, is gone, and {} do not say whether \
                 the topic is compacted; reading goes on",
                anchor.start,
                cluster.brokers
            );
            Ok(())
        }
    }
}

fn unseen(cluster: &Cluster, topic: &str, error: &KafkaError) -> ConnectorError {
    ConnectorError::unavailable(
        format!("what was read of topic `{topic}` on {} cannot be looked at again: {error}", cluster.brokers),
        "check the brokers and the user's right to read the topic, then start again",
    )
}
