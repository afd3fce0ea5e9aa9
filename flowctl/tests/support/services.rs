//! What brokers and the server of the environment hold, without any word of flowctl.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mysql::prelude::{FromRow, Queryable};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

/// How long brokers may take; only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The key and value of a record.
type Record = (Option<String>, Option<String>);

/// The committed records of a topic of KAFKA_BROKERS, each partition in its order, once no transaction is open in it.
pub(crate) fn records(topic: &str) -> Vec<Record> {
    let (committed, all) = (consumer("read_committed"), consumer("read_uncommitted"));
    let metadata = committed.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut open: BTreeSet<i32> = metadata.topics()[0].partitions().iter().map(|partition| partition.id()).collect();
    let begun = Instant::now();
    let mut assignment = TopicPartitionList::new();
    for id in &open {
        let end = |consumer: &BaseConsumer| consumer.fetch_watermarks(topic, *id, PATIENCE).unwrap().1;
        while end(&committed) < end(&all) {
            assert!(begun.elapsed() < PATIENCE, "a transaction stays open in topic {topic}");
        }
        assignment.add_partition_offset(topic, *id, Offset::Beginning).unwrap();
    }
    committed.assign(&assignment).unwrap();
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
    let mut records = Vec::new();
    while !open.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "topic {topic} cannot be read to its end");
        match committed.poll(Duration::from_millis(100)) {
            Some(Ok(record)) => records.push((text(record.key()), text(record.payload()))),
            Some(Err(KafkaError::PartitionEOF(id))) => drop(open.remove(&id)),
            Some(Err(error)) => panic!("topic {topic}: {error}"),
            None => {}
        }
    }
    records
}

fn consumer(isolation: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", std::env::var("KAFKA_BROKERS").unwrap()).set("group.id", "not-joined");
    config.set("isolation.level", isolation).set("enable.partition.eof", "true").create().unwrap()
}

/// The newest values of the keys of a topic, without those that were taken back.
pub(crate) fn newest(topic: &str) -> Vec<String> {
    let newest: BTreeMap<Option<String>, Option<String>> = records(topic).into_iter().collect();
    newest.into_values().flatten().collect()
}

/// What a query of MYSQL_URL gives.
pub(crate) fn rows<T: FromRow>(sql: &str) -> Vec<T> {
    mysql::Conn::new(std::env::var("MYSQL_URL").unwrap().as_str()).unwrap().query(sql).unwrap()
}
