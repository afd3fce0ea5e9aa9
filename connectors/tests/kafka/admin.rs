//! Orders to real brokers: topics made and deleted, partitions added, records deleted.

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::runtime::{Builder, Runtime};

/// A client that gives orders, and waits for each.
pub(crate) struct Admin {
    client: AdminClient<DefaultClientContext>,
    runtime: Runtime,
}

impl Admin {
    pub(crate) fn of(brokers: &str) -> Self {
        let client = ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
        Self { client, runtime: Builder::new_current_thread().build().expect("a runtime") }
    }

    pub(crate) fn create(&self, topic: &NewTopic<'_>) {
        let made = self.runtime.block_on(self.client.create_topics([topic], &AdminOptions::new()));
        made.expect("an answer").into_iter().for_each(|result| drop(result.expect("made")));
    }

    /// Returns when the brokers have agreed; the topic may still be seen for a while.
    pub(crate) fn delete(&self, topic: &str) {
        let deleted = self.runtime.block_on(self.client.delete_topics(&[topic], &AdminOptions::new()));
        deleted.expect("an answer").into_iter().for_each(|result| drop(result.expect("deleted")));
    }

    /// Adds partitions to a topic, until it has so many.
    pub(crate) fn grow(&self, topic: &str, partitions: usize) {
        let wish = NewPartitions::new(topic, partitions);
        let grown = self.runtime.block_on(self.client.create_partitions([&wish], &AdminOptions::new()));
        grown.expect("an answer").into_iter().for_each(|result| drop(result.expect("more partitions")));
    }

    /// Deletes the records of partition 0 below an offset.
    pub(crate) fn delete_below(&self, topic: &str, offset: i64) {
        let mut below = TopicPartitionList::new();
        below.add_partition_offset(topic, 0, Offset::Offset(offset)).expect("an offset");
        let deleted = self.runtime.block_on(self.client.delete_records(&below, &AdminOptions::new()));
        assert!(deleted.expect("an answer").elements().iter().all(|element| element.error().is_ok()));
    }
}
