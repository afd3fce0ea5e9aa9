//! Makes topics on real brokers.

use engine::connector::{ConnectorError, StopFlag};
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::error::KafkaError;

use crate::kafka::connection::Cluster;

use super::admin::Admin;
use super::contact::{Contact, Visible};

/// Makes a topic if there is none of its name, with the brokers' own replication and these settings, and returns how many partitions it has.
///
/// # Errors
/// The brokers refuse, or are out of reach.
pub(in crate::kafka) fn create_topic(
    cluster: &Cluster,
    topic: &str,
    partitions: u32,
    settings: &[(&str, &str)],
    stop: &StopFlag,
) -> Result<u32, ConnectorError> {
    let contact = Contact::new(cluster, Visible::Committed, stop)?;
    if let Some(count) = contact.partition_count(topic)? {
        return Ok(count);
    }
    request(cluster, topic, partitions, settings)?;
    // A broker may answer before it has heard of the new topic.
    for _ in 0..50 {
        if let Some(count) = contact.partition_count(topic)? {
            return Ok(count);
        }
        contact.pause();
    }
    Err(ConnectorError::unavailable(
        format!("topic `{topic}` was created on {}, but does not show", cluster.brokers),
        "look at the brokers' logs, then start again",
    ))
}

fn request(cluster: &Cluster, topic: &str, partitions: u32, settings: &[(&str, &str)]) -> Result<(), ConnectorError> {
    let mut wish = NewTopic::new(topic, partitions as i32, TopicReplication::Fixed(-1));
    for (name, value) in settings {
        wish = wish.set(name, value);
    }
    Admin::new(cluster)?.create(&wish).map_err(|error| failed(cluster, topic, &error))
}

fn failed(cluster: &Cluster, topic: &str, error: &KafkaError) -> ConnectorError {
    ConnectorError::refused(
        format!("topic `{topic}` cannot be created on {}: {error}", cluster.brokers),
        "create it with Kafka's own tools, or let this user create topics",
    )
}
