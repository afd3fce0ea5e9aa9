//! The embedded stand-in for Kafka: durable topics in local files.
