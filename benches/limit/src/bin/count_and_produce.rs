//! The least between two topics: a record is taken, counted under its game, and the count is sent. count_and_produce --brokers B --in T --out T

use std::collections::HashMap;
use std::time::Duration;

use limit::{fail, required};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line<'a> {
    game_name: &'a str,
    sent: i64,
}

fn main() {
    let (brokers, input, output) = (required("--brokers"), required("--in"), required("--out"));
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &brokers)
        .set("group.id", "bench-loop")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "10");
    let consumer: BaseConsumer = config.create().unwrap_or_else(|error| fail(&format!("no consumer: {error}")));
    let producer: ThreadedProducer<DefaultProducerContext> =
        (ClientConfig::new().set("bootstrap.servers", &brokers).set("linger.ms", "1").set("acks", "1"))
            .create()
            .unwrap_or_else(|error| fail(&format!("no producer: {error}")));
    let metadata =
        consumer.fetch_metadata(Some(&input), Duration::from_secs(10)).unwrap_or_else(|error| fail(&error.to_string()));
    let mut places = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        places
            .add_partition_offset(&input, partition.id(), Offset::Beginning)
            .unwrap_or_else(|error| fail(&error.to_string()));
    }
    consumer.assign(&places).unwrap_or_else(|error| fail(&error.to_string()));
    let mut games: HashMap<String, (u64, i64)> = HashMap::new();
    loop {
        let Some(Ok(message)) = consumer.poll(Duration::from_secs(1)) else { continue };
        let payload = message.payload().unwrap_or_default();
        let line: Line<'_> =
            serde_json::from_slice(payload).unwrap_or_else(|error| fail(&format!("a record is not JSON: {error}")));
        let entry = match games.get_mut(line.game_name) {
            Some(entry) => entry,
            None => games.entry(line.game_name.to_owned()).or_default(),
        };
        *entry = (entry.0 + 1, entry.1.max(line.sent));
        let result = format!("{{\"game_name\":\"{}\",\"n\":{},\"newest\":{}}}", line.game_name, entry.0, entry.1);
        if let Err((error, _)) = producer.send(BaseRecord::to(&output).key(line.game_name).payload(&result)) {
            fail(&format!("{output}: {error}"));
        }
    }
}
