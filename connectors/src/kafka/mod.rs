//! Apache Kafka as source and sink.
