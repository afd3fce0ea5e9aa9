//! Questions and orders to the brokers about topics as such.

use std::time::Duration;

use engine::connector::ConnectorError;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use tokio::runtime::Runtime;

use crate::kafka::connection::Cluster;

use super::contact::unusable;

/// How long the brokers may take.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// A client for them.
pub(super) struct Admin {
    client: AdminClient<DefaultClientContext>,
    runtime: Runtime,
}

impl Admin {
    /// Makes a client. Nothing is sent yet.
    ///
    /// # Errors
    /// An option is unknown or out of its range.
    pub(super) fn new(cluster: &Cluster) -> Result<Self, ConnectorError> {
        let mut config = cluster.config.clone();
        config.remove("allow.auto.create.topics");
        let client = config.create().map_err(|error| unusable(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| {
            ConnectorError::unavailable(
                format!("no thread to ask {} with: {error}", cluster.brokers),
                "raise the limits of this process",
            )
        })?;
        Ok(Self { client, runtime })
    }

    /// Makes a topic; one that exists is left as it is.
    pub(super) fn create(&self, wish: &NewTopic<'_>) -> KafkaResult<()> {
        let options = options().operation_timeout(Some(ANSWER_WAIT));
        let results = self.runtime.block_on(self.client.create_topics([wish], &options))?;
        match results.into_iter().next() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | Some(Ok(_)) | None => Ok(()),
            Some(Err((_, code))) => Err(KafkaError::AdminOp(code)),
        }
    }

    /// A topic's settings; `None` if the brokers do not tell.
    pub(super) fn settings(&self, topic: &str) -> Option<ConfigResource> {
        let asked = [ResourceSpecifier::Topic(topic)];
        self.runtime.block_on(self.client.describe_configs(&asked, &options())).ok()?.into_iter().next()?.ok()
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_WAIT))
}
