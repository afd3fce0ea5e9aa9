//! Makes topics on real brokers.

use std::time::Duration;

use engine::connector::{ConnectorError, StopFlag};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::connection::Cluster;

use super::contact::{Contact, Visible, unusable};

/// How long the brokers may take.
const CREATION_WAIT: Duration = Duration::from_secs(15);

/// Makes a topic if there is none of its name, with the brokers' own replication, and returns how many partitions it has.
///
/// # Errors
/// The brokers refuse, or are out of reach.
pub(in crate::kafka) fn create_topic(
    cluster: &Cluster,
    topic: &str,
    partitions: u32,
    stop: &StopFlag,
) -> Result<u32, ConnectorError> {
    let contact = Contact::new(cluster, Visible::Committed, stop)?;
    if let Some(count) = contact.partition_count(topic)? {
        return Ok(count);
    }
    request(cluster, topic, partitions)?;
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

fn request(cluster: &Cluster, topic: &str, partitions: u32) -> Result<(), ConnectorError> {
    let mut config = cluster.config.clone();
    config.remove("allow.auto.create.topics");
    let admin: AdminClient<DefaultClientContext> = config.create().map_err(|error| unusable(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| {
        ConnectorError::unavailable(
            format!("no thread to create a topic with: {error}"),
            "raise the limits of this process",
        )
    })?;
    let wish = NewTopic::new(topic, partitions as i32, TopicReplication::Fixed(-1));
    let options = AdminOptions::new().request_timeout(Some(CREATION_WAIT)).operation_timeout(Some(CREATION_WAIT));
    let results = runtime.block_on(admin.create_topics([&wish], &options));
    match results.map(|results| results.into_iter().next()) {
        Ok(Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | Some(Ok(_)) | None) => Ok(()),
        Ok(Some(Err((_, code)))) => Err(failed(cluster, topic, &KafkaError::AdminOp(code))),
        Err(error) => Err(failed(cluster, topic, &error)),
    }
}

fn failed(cluster: &Cluster, topic: &str, error: &KafkaError) -> ConnectorError {
    ConnectorError::refused(
        format!("topic `{topic}` cannot be created on {}: {error}", cluster.brokers),
        "create it with Kafka's own tools, or let this user create topics",
    )
}
