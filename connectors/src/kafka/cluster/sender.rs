//! Sends records to real brokers outside of transactions, for the command line.

use std::time::Duration;

use engine::connector::{ConnectorError, StopFlag};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, Producer};

use crate::kafka::connection::Cluster;
use crate::topic_log::TopicRecord;

use super::contact::{refused, set_defaults, unusable};
use super::deliveries::Deliveries;
use super::message::{message, not_written};
use super::patience::Patience;

/// The settings of every producer; the first block carries promises, the second can be changed by `options`.
const PRODUCER_MUST: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // Records wait for brokers as long as the run does.
    ("message.timeout.ms", "0"),
    ("statistics.interval.ms", "1000"),
];
const PRODUCER_MAY: &[(&str, &str)] = &[("linger.ms", "1"), ("compression.type", "lz4")];

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
        let producer =
            config.create_with_context(Deliveries::new(&cluster.brokers)).map_err(|error| unusable(&error))?;
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
        let mut message = message(topic, partition, record);
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

    fn wait(&self, topic: &str, patience: &mut Patience<'_>) -> Result<(), ConnectorError> {
        patience.listen(|wait| self.producer.poll(wait));
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
        let failure = self.producer.context().delivered().failure.clone();
        failure.map_or(Ok(()), |(_, code)| Err(self.failure(topic, code)))
    }

    fn failure(&self, topic: &str, code: Code) -> ConnectorError {
        not_written(self.producer.context().watch.brokers(), topic, code)
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
