//! Questions to the brokers whose answers are needed at once, each tried for a bounded time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, StopFlag};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::kafka::connection::Cluster;
use crate::kafka::options::{OPTIONS_HINT, complaint};

use super::watch::Watch;

/// How long an opening tries.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one question waits for its answer.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// The settings of every consumer; the first block carries promises, the second can be changed by `options`.
const CONSUMER_MUST: &[(&str, &str)] = &[
    // librdkafka wants a group's name before it assigns; the group is never joined.
    ("group.id", "flowctl-not-joined"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
    ("statistics.interval.ms", "1000"),
    ("log.connection.close", "true"),
];
const CONSUMER_MAY: &[(&str, &str)] = &[
    ("fetch.message.max.bytes", "8388608"),
    ("fetch.max.bytes", "67108864"),
    ("fetch.wait.max.ms", "50"),
    ("fetch.queue.backoff.ms", "10"),
    ("queued.min.messages", "1000000"),
    ("queued.max.messages.kbytes", "65536"),
];

/// Which records a consumer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Visible {
    /// Those that are committed.
    Committed,
    /// All, also those of open and aborted transactions.
    All,
}

/// A consumer and the patience to ask it.
pub(in crate::kafka) struct Contact {
    /// Asks, and reads.
    pub(super) consumer: Arc<BaseConsumer<Watch>>,
    stop: StopFlag,
}

impl Contact {
    /// Makes a consumer. Nothing is sent yet.
    ///
    /// # Errors
    /// An option is unknown or out of its range.
    pub(in crate::kafka) fn new(cluster: &Cluster, visible: Visible, stop: &StopFlag) -> Result<Self, ConnectorError> {
        let mut config = cluster.config.clone();
        set_defaults(&mut config, CONSUMER_MAY);
        for (name, value) in CONSUMER_MUST {
            config.set(*name, *value);
        }
        config
            .set("isolation.level", if visible == Visible::Committed { "read_committed" } else { "read_uncommitted" });
        // Of lost connections the log tells, from here on.
        config.set_log_level(RDKafkaLogLevel::Info);
        let consumer = config.create_with_context(Watch::new(&cluster.brokers)).map_err(|error| unusable(&error))?;
        Ok(Self { consumer: Arc::new(consumer), stop: stop.clone() })
    }

    /// How many partitions a topic has; `None` if it does not exist.
    ///
    /// # Errors
    /// The brokers refuse, or are out of reach.
    pub(in crate::kafka) fn partition_count(&self, topic: &str) -> Result<Option<u32>, ConnectorError> {
        self.ask(|| count_partitions(&self.consumer, topic, ANSWER_WAIT))
    }

    /// As [`Contact::partition_count`], asked once: `None` if there is no answer now.
    pub(super) fn glance(&self, topic: &str) -> Option<Option<u32>> {
        count_partitions(&self.consumer, topic, ANSWER_WAIT).ok()
    }

    /// How many replicas a topic's first partition has; `None` if there is no answer now.
    pub(super) fn replicas(&self, topic: &str) -> Option<usize> {
        let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER_WAIT).ok()?;
        Some(metadata.topics().first()?.partitions().first()?.replicas().len())
    }

    /// The names of all topics.
    ///
    /// # Errors
    /// The brokers refuse, or are out of reach.
    pub(in crate::kafka) fn topics(&self) -> Result<Vec<String>, ConnectorError> {
        let metadata = self.ask(|| self.consumer.fetch_metadata(None, ANSWER_WAIT))?;
        let mut names: Vec<String> = metadata.topics().iter().map(|topic| topic.name().to_owned()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// A partition's first offset and the offset after its last visible record.
    ///
    /// # Errors
    /// The brokers refuse, or are out of reach.
    pub(in crate::kafka) fn reach(&self, topic: &str, partition: u32) -> Result<(u64, u64), ConnectorError> {
        let (low, high) = self.ask(|| self.consumer.fetch_watermarks(topic, partition as i32, ANSWER_WAIT))?;
        Ok((low.max(0) as u64, high.max(0) as u64))
    }

    /// The offset of the first record whose time is `millis` or later; `None` if there is none.
    ///
    /// # Errors
    /// The brokers refuse, or are out of reach.
    pub(super) fn offset_at(&self, topic: &str, partition: u32, millis: i64) -> Result<Option<u64>, ConnectorError> {
        let found = self.ask(|| {
            let mut times = TopicPartitionList::new();
            times.add_partition_offset(topic, partition as i32, Offset::Offset(millis))?;
            let found = self.consumer.offsets_for_times(times, ANSWER_WAIT)?;
            let element = found.find_partition(topic, partition as i32).ok_or(KafkaError::NoMessageReceived)?;
            element.error().map(|()| element.offset())
        })?;
        Ok(match found {
            Offset::Offset(offset) => u64::try_from(offset).ok(),
            _ => None,
        })
    }

    /// Waits a moment, in which what the client has to say is heard.
    pub(super) fn pause(&self) {
        let _events = self.consumer.poll(Duration::from_millis(100));
    }

    /// Asks until there is an answer, a refusal, or no patience.
    fn ask<T>(&self, mut question: impl FnMut() -> KafkaResult<T>) -> Result<T, ConnectorError> {
        let brokers = self.consumer.context().brokers();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match question() {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Errors reach the watch when the queue is polled.
            self.pause();
            if let Some(reason) = self.consumer.context().refusal(Duration::ZERO) {
                return Err(refused(brokers, &reason));
            }
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) {
                return Err(refused(brokers, "this user may not use the topic"));
            }
            if self.stop.is_set() {
                return Err(ConnectorError::unavailable(
                    format!("stopped before {brokers} had answered: {error}"),
                    "start again when the brokers can be reached",
                ));
            }
            if Instant::now() >= deadline {
                return Err(ConnectorError::unavailable(
                    format!("no answer from {brokers} within {} s: {error}", PATIENCE.as_secs()),
                    "check that the brokers run and that `brokers` and `security` are right; `embedded` needs no brokers",
                ));
            }
        }
    }
}

fn count_partitions(consumer: &BaseConsumer<Watch>, topic: &str, wait: Duration) -> KafkaResult<Option<u32>> {
    let metadata = consumer.fetch_metadata(Some(topic), wait)?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
    match found.error().map(RDKafkaErrorCode::from) {
        None if found.partitions().is_empty() => Ok(None),
        None => Ok(Some(found.partitions().len() as u32)),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(None),
        Some(code) => Err(KafkaError::MetadataFetch(code)),
    }
}

/// Sets what `options` has not set.
pub(super) fn set_defaults(config: &mut ClientConfig, defaults: &[(&str, &str)]) {
    for (name, value) in defaults {
        if config.get(name).is_none() {
            config.set(*name, *value);
        }
    }
}

/// A client could not be made of the options. The value is left out: it may be secret.
pub(super) fn unusable(error: &KafkaError) -> ConnectorError {
    ConnectorError::unusable(complaint(error), OPTIONS_HINT)
}

/// The brokers turn us away.
pub(super) fn refused(brokers: &str, reason: &str) -> ConnectorError {
    let hint = if reason.contains("SASL") {
        "check `username`, `password` and `mechanism` in `security`"
    } else if reason.contains("certificate verify failed") || reason.contains("unable to get local issuer") {
        "let `ca` in `security` name the certificate of the authority that signed the brokers' certificates"
    } else if reason.contains("SSL") {
        "check `protocol`, `ca`, `cert` and `key` in `security`: is this the brokers' port for TLS?"
    } else {
        "check `security`: protocol, certificates, mechanism, username and password, and the user's rights"
    };
    ConnectorError::refused(format!("{brokers} refuses: {reason}"), hint)
}
