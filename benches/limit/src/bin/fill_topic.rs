//! Makes a topic and fills it with the lines of files: fill_topic --brokers B --topic T [--partitions N] [--key KEY] FILE...

use std::time::Duration;

use limit::{fail, number, option, required};
use memchr::memchr_iter;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

/// How many lines in a row go to one partition.
const RUN: usize = 1000;

fn main() {
    let (brokers, topic) = (required("--brokers"), required("--topic"));
    let partitions: i32 = number("--partitions", 3);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &brokers).set("linger.ms", "50").set("batch.size", "1000000");
    config.set("batch.num.messages", "100000").set("queue.buffering.max.messages", "2000000");
    config.set("compression.type", option("--compression").as_deref().unwrap_or("none"));
    create(&config, &topic, partitions);
    let producer: ThreadedProducer<_> = config.create().unwrap_or_else(|error| fail(&format!("no producer: {error}")));
    let mut sent = 0;
    for path in std::env::args().skip(1).filter(|argument| argument.ends_with(".jsonl")) {
        let bytes = std::fs::read(&path).unwrap_or_else(|error| fail(&format!("{path}: {error}")));
        let mut start = 0;
        for end in memchr_iter(b'\n', &bytes) {
            send(&producer, &topic, (sent / RUN % partitions as usize) as i32, &bytes[start..end]);
            sent += 1;
            start = end + 1;
        }
    }
    producer.flush(Duration::from_secs(120)).unwrap_or_else(|error| fail(&format!("not all was written: {error}")));
    println!("{{\"sent\":{sent}}}");
}

fn create(config: &ClientConfig, topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> =
        config.create().unwrap_or_else(|error| fail(&format!("no client: {error}")));
    let fresh = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap_or_else(|error| fail(&error.to_string()));
    match runtime.block_on(admin.create_topics(&[fresh], &AdminOptions::new())) {
        Ok(results) if results.iter().all(Result::is_ok) => {}
        other => fail(&format!("{topic}: not made: {other:?}")),
    }
}

fn send(
    producer: &ThreadedProducer<rdkafka::producer::DefaultProducerContext>,
    topic: &str,
    partition: i32,
    line: &[u8],
) {
    let mut record = BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(line);
    loop {
        record = match producer.send(record) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), record)) => {
                std::thread::sleep(Duration::from_millis(5));
                record
            }
            Err((error, _)) => fail(&format!("{topic}: {error}")),
        };
    }
}
