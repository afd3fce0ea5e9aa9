//! The least that reading a topic through librdkafka costs: batches are taken, counted and given back. count_topic --brokers B --topic T

use std::ffi::CString;
use std::ptr;
use std::time::Duration;

use limit::{fail, number, required};
use rdkafka::ClientConfig;
use rdkafka::bindings::{
    RD_KAFKA_OFFSET_BEGINNING, rd_kafka_consume_batch_queue, rd_kafka_consume_start_queue, rd_kafka_message_destroy,
    rd_kafka_message_t, rd_kafka_queue_new, rd_kafka_resp_err_t, rd_kafka_topic_new,
};
use rdkafka::consumer::{BaseConsumer, Consumer};

/// Everything that fetching can be told to hurry.
const SETTINGS: [(&str, &str); 9] = [
    ("group.id", "bench-count"),
    ("queued.min.messages", "1000000"),
    ("queued.max.messages.kbytes", "524288"),
    ("fetch.message.max.bytes", "8388608"),
    ("fetch.max.bytes", "67108864"),
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.wait.max.ms", "50"),
    ("socket.receive.buffer.bytes", "4194304"),
    ("enable.auto.commit", "false"),
];

fn main() {
    let (brokers, topic) = (required("--brokers"), required("--topic"));
    let batch: usize = number("--batch", 20_000);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &brokers);
    for (name, value) in SETTINGS {
        config.set(name, value);
    }
    let consumer: BaseConsumer = config.create().unwrap_or_else(|error| fail(&format!("no consumer: {error}")));
    let metadata =
        consumer.fetch_metadata(Some(&topic), Duration::from_secs(10)).unwrap_or_else(|error| fail(&error.to_string()));
    let partitions: Vec<i32> = metadata.topics()[0].partitions().iter().map(|partition| partition.id()).collect();
    let total: i64 = (partitions.iter())
        .map(|&partition| consumer.fetch_watermarks(&topic, partition, Duration::from_secs(10)))
        .map(|marks| marks.map_or_else(|error| fail(&error.to_string()), |(low, high)| high - low))
        .sum();
    if total != number("--expect", total) {
        fail(&format!("the topic has {total} messages"));
    }
    let name = CString::new(topic.as_str()).unwrap_or_else(|_| fail("the topic has a zero in its name"));
    let (mut seen, mut bytes) = (0i64, 0usize);
    let mut messages: Vec<*mut rd_kafka_message_t> = vec![ptr::null_mut(); batch];
    // SAFETY: the client outlives the queue and the topic, and every message is given back exactly once.
    unsafe {
        let client = consumer.client().native_ptr();
        let queue = rd_kafka_queue_new(client);
        let handle = rd_kafka_topic_new(client, name.as_ptr(), ptr::null_mut());
        for partition in &partitions {
            if rd_kafka_consume_start_queue(handle, *partition, i64::from(RD_KAFKA_OFFSET_BEGINNING), queue) != 0 {
                fail("a partition cannot be read");
            }
        }
        while seen < total {
            let count = rd_kafka_consume_batch_queue(queue, 1000, messages.as_mut_ptr(), batch);
            for message in &messages[..usize::try_from(count).unwrap_or_else(|_| fail("reading failed"))] {
                if (**message).err == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    seen += 1;
                    bytes += (**message).len;
                }
                rd_kafka_message_destroy(*message);
            }
        }
    }
    println!("{{\"records\":[[{seen}]],\"bytes\":[[{bytes}]]}}");
    // Closing takes a while and is not what is measured.
    std::process::exit(0);
}
