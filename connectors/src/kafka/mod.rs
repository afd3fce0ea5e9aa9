//! Apache Kafka as source and sink, with the embedded topic log as its stand-in.
//!
//! `brokers: embedded` goes to [`crate::topic_log`], anything else to real brokers through librdkafka. Both sides read by the
//! same rules ([`KafkaSourceKind`]) and write the same records ([`KafkaSinkKind`]); [`TopicAccess`] serves the command line.

mod brokers;
mod cluster;
mod connection;
mod course;
mod embedded;
mod header_json;
mod held_rows;
mod marker;
mod options;
mod record_buffer;
mod rows;
mod security;
mod sink;
mod source;
mod start;
mod topics;

pub use sink::KafkaSinkKind;
pub use source::{KafkaSource, KafkaSourceKind};
pub use start::Start;
pub use topics::{TopicAccess, TopicProducer};
