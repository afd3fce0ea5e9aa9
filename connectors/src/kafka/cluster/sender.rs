//! Sends records to real brokers and waits until all replicas have them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, StopFlag};
use rdkafka::Message;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::statistics::Statistics;

use crate::kafka::connection::Cluster;
use crate::topic_log::TopicRecord;

use super::contact::{refused, set_defaults, unusable};
use super::watch::Watch;

/// The settings of every producer; the first block carries promises, the second can be changed by `options`.
const PRODUCER_MUST: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // Records wait for brokers as long as the run does.
    ("message.timeout.ms", "0"),
    ("statistics.interval.ms", "1000"),
];
const PRODUCER_MAY: &[(&str, &str)] = &[("linger.ms", "1"), ("compression.type", "lz4")];

/// How long records may still be under way after the run was asked to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// For how long brokers may refuse before that is believed.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(10);

/// An idempotent producer: each record is written once and in order, whatever the network does.
pub(in crate::kafka) struct Sender {
    producer: BaseProducer<Deliveries>,
    stop: StopFlag,
    /// How long brokers may confirm nothing; without end if the run itself decides.
    silence_max: Option<Duration>,
}

impl Sender {
    /// Makes a producer. Nothing is sent yet.
    ///
    /// # Errors
    /// An option is unknown or out of its range.
    pub(in crate::kafka) fn new(cluster: &Cluster, stop: &StopFlag) -> Result<Self, ConnectorError> {
        let mut config = cluster.config.clone();
        config.remove("allow.auto.create.topics");
        set_defaults(&mut config, PRODUCER_MAY);
        for (name, value) in PRODUCER_MUST {
            config.set(*name, *value);
        }
        let deliveries = Deliveries { watch: Watch::new(&cluster.brokers), delivered: Mutex::default() };
        let producer = config.create_with_context(deliveries).map_err(|error| unusable(&error))?;
        Ok(Self { producer, stop: stop.clone(), silence_max: None })
    }

    /// The same, but it gives up once brokers have confirmed nothing for so long.
    pub(in crate::kafka) fn giving_up_after(self, silence_max: Duration) -> Self {
        Self { silence_max: Some(silence_max), ..self }
    }

    /// Puts a record on its way; waits only while too many are.
    ///
    /// # Errors
    /// The record is too large, or the run is to stop while brokers are out of reach.
    pub(in crate::kafka) fn send(
        &self,
        topic: &str,
        partition: u32,
        record: &TopicRecord,
    ) -> Result<(), ConnectorError> {
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
        let mut patience = Patience::new(&self.stop);
        loop {
            match self.producer.send(message) {
                Ok(()) => {
                    self.producer.poll(Duration::ZERO);
                    return Ok(());
                }
                Err((KafkaError::MessageProduction(Code::QueueFull), returned)) => message = returned,
                Err((error, _)) => return Err(self.failure(topic, error.rdkafka_error_code().unwrap_or(Code::Fail))),
            }
            self.wait(topic, &mut patience)?;
        }
    }

    /// Waits until everything sent is written.
    ///
    /// # Errors
    /// A record was refused, or the run is to stop while brokers are out of reach.
    pub(in crate::kafka) fn flush(&self, topic: &str) -> Result<(), ConnectorError> {
        let mut patience = Patience::new(&self.stop);
        while self.producer.in_flight_count() > 0 {
            self.wait(topic, &mut patience)?;
        }
        self.producer.poll(Duration::ZERO);
        self.check(topic)
    }

    /// The offset after the last record written, by partition.
    pub(super) fn ends(&self) -> BTreeMap<u32, u64> {
        self.producer.context().delivered().ends.clone()
    }

    fn wait(&self, topic: &str, patience: &mut Patience<'_>) -> Result<(), ConnectorError> {
        self.producer.poll(patience.next_wait());
        self.check(topic)?;
        let watch = &self.producer.context().watch;
        if let Some(reason) = watch.refusal(REFUSAL_PATIENCE) {
            return Err(refused(watch.brokers(), &reason));
        }
        let silence = patience.silence(self.producer.in_flight_count());
        if self.silence_max.is_some_and(|silence_max| silence >= silence_max) {
            return Err(ConnectorError::unavailable(
                format!(
                    "no answer from {} for {} s; records for topic `{topic}` wait",
                    watch.brokers(),
                    silence.as_secs()
                ),
                "see whether the brokers run; records that were not confirmed may be missing",
            ));
        }
        if patience.is_over() {
            return Err(ConnectorError::unavailable(
                format!("stopped while records for topic `{topic}` waited for {}", watch.brokers()),
                "start again when the brokers are back; what was not confirmed is sent again",
            ));
        }
        Ok(())
    }

    fn check(&self, topic: &str) -> Result<(), ConnectorError> {
        let failure = self.producer.context().delivered().failure;
        failure.map_or(Ok(()), |code| Err(self.failure(topic, code)))
    }

    fn failure(&self, topic: &str, code: Code) -> ConnectorError {
        let brokers = self.producer.context().watch.brokers();
        let what = format!(
            "a record for topic `{topic}` on {brokers} was not written: {}",
            KafkaError::MessageProduction(code)
        );
        match code {
            Code::MessageSizeTooLarge => ConnectorError::refused(
                what,
                "raise the topic's `max.message.bytes` and `options: { message.max.bytes: … }`",
            ),
            Code::TopicAuthorizationFailed => ConnectorError::refused(what, "let this user write to the topic"),
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => ConnectorError::diverged(
                what,
                "the topic was deleted while it was written; make it again, then start anew",
            ),
            _ => ConnectorError::unavailable(what, "start again; what was not confirmed is sent again"),
        }
    }
}

/// Endless, until the run is asked to stop; with longer and longer waits.
struct Patience<'a> {
    stop: &'a StopFlag,
    waits: u32,
    since: Option<Instant>,
    /// How many records were under way when that last changed, and when it did.
    under_way: (i32, Instant),
}

impl<'a> Patience<'a> {
    fn new(stop: &'a StopFlag) -> Self {
        Self { stop, waits: 0, since: None, under_way: (0, Instant::now()) }
    }

    /// From 1 ms to 50 ms. A poll takes its whole time even if the last acknowledgement comes early in it.
    fn next_wait(&mut self) -> Duration {
        self.waits = self.waits.saturating_add(1);
        Duration::from_millis(u64::from(1 + self.waits / 20).min(50))
    }

    /// For how long nothing has been confirmed.
    fn silence(&mut self, under_way: i32) -> Duration {
        if self.under_way.0 != under_way {
            self.under_way = (under_way, Instant::now());
        }
        self.under_way.1.elapsed()
    }

    fn is_over(&mut self) -> bool {
        self.stop.is_set() && self.since.get_or_insert_with(Instant::now).elapsed() >= STOP_PATIENCE
    }
}

/// Hears what became of each record.
struct Deliveries {
    watch: Watch,
    delivered: Mutex<Delivered>,
}

#[derive(Default)]
struct Delivered {
    failure: Option<Code>,
    ends: BTreeMap<u32, u64>,
}

impl Deliveries {
    /// A poisoned lock is used all the same: every change is one assignment.
    fn delivered(&self) -> MutexGuard<'_, Delivered> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.watch.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.watch.stats(statistics);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut delivered = self.delivered();
        match result {
            Ok(message) => {
                let (Ok(partition), Ok(offset)) = (u32::try_from(message.partition()), u64::try_from(message.offset()))
                else {
                    return;
                };
                let end = delivered.ends.entry(partition).or_default();
                *end = (*end).max(offset + 1);
            }
            Err((error, _)) => {
                delivered.failure.get_or_insert(error.rdkafka_error_code().unwrap_or(Code::Fail));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_gives_up_when_brokers_confirm_nothing() {
        let mut config = rdkafka::ClientConfig::new();
        config.set("bootstrap.servers", "127.0.0.1:1");
        let cluster = Cluster { brokers: "127.0.0.1:1".to_owned(), config };
        let sender = Sender::new(&cluster, &StopFlag::default()).expect("known options");
        let sender = sender.giving_up_after(Duration::from_millis(50));
        let record = TopicRecord { key: None, value: Some(b"v".to_vec()), headers: Vec::new(), timestamp: 1 };
        sender.send("t", 0, &record).expect("room");
        let error = sender.flush("t").expect_err("nobody is there");
        assert!(
            matches!(&error, ConnectorError::Unavailable { what, .. } if what.contains("127.0.0.1:1")),
            "{error:?}"
        );
    }
}
