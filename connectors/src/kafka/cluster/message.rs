//! A record as librdkafka takes it, and what it means if it was not written.

use engine::connector::ConnectorError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use crate::topic_log::TopicRecord;

/// The record on its way to a partition.
pub(super) fn message<'a>(topic: &'a str, partition: u32, record: &'a TopicRecord) -> BaseRecord<'a, [u8], [u8]> {
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for header in &record.headers {
        headers = headers.insert(Header { key: &header.name, value: header.value.as_deref() });
    }
    // To librdkafka, zero means "now".
    let millis = record.timestamp.div_euclid(1_000).max(1);
    let mut message: BaseRecord<'_, [u8], [u8]> =
        BaseRecord::to(topic).partition(partition as i32).timestamp(millis).headers(headers);
    message.key = record.key.as_deref();
    message.payload = record.value.as_deref();
    message
}

/// Whether a record that failed so would fail again.
pub(super) fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidTimestamp
            | Code::InvalidRecord
            | Code::InvalidRequest
            | Code::InvalidRequiredAcks
            | Code::InvalidArgument
            | Code::PolicyViolation
            | Code::UnsupportedVersion
            | Code::UnsupportedFeature
            | Code::UnsupportedForMessageFormat
            | Code::UnsupportedCompressionType
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::InvalidTopic
    ) || is_gone(code)
}

fn is_gone(code: Code) -> bool {
    matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition)
}

/// That a record was not written, and what to do.
pub(super) fn not_written(brokers: &str, topic: &str, code: Code) -> ConnectorError {
    let what =
        format!("a record for topic `{topic}` on {brokers} was not written: {}", KafkaError::MessageProduction(code));
    match code {
        Code::MessageSizeTooLarge => ConnectorError::refused(
            what,
            "raise the topic's `max.message.bytes` and `options: { message.max.bytes: … }`",
        ),
        Code::MessageBatchTooLarge => {
            ConnectorError::refused(what, "raise the topic's `segment.bytes`, or lower `options: { batch.size: … }`")
        }
        Code::InvalidTimestamp => ConnectorError::refused(
            what,
            "the time of a row is too far from now: raise the topic's `message.timestamp.after.max.ms` or `message.timestamp.before.max.ms`, \
             or filter such rows",
        ),
        Code::InvalidRecord => ConnectorError::refused(
            what,
            "a topic with `cleanup.policy=compact` takes only records with a key: give the sink `key: COLUMN`, or write to another topic",
        ),
        Code::UnsupportedCompressionType => {
            ConnectorError::refused(what, "choose another `options: { compression.type: … }`")
        }
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => {
            ConnectorError::refused(what, "let this user write to the topic, with transactions")
        }
        code if is_gone(code) => {
            ConnectorError::diverged(what, "the topic was deleted while it was written; make it again, then start anew")
        }
        code if is_final(code) => {
            ConnectorError::refused(what, "compare the settings of the topic and the brokers with those of the sink")
        }
        _ => ConnectorError::unavailable(what, "start again; what was not confirmed is sent again"),
    }
}
