//! A transactional producer: writes records of several topics, all of them or none.

use std::time::{Duration, Instant};

use engine::connector::{ConnectorError, StopFlag};
use engine::failpoint::{Failpoint, hit};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, Producer};

use crate::kafka::connection::Cluster;

use super::contact::{refused, set_defaults, unusable};
use super::deliveries::Deliveries;
use super::message::{is_final, message, not_written};
use super::outgoing::Outgoing;
use super::patience::Patience;
use super::setback::{Setback, Standing};

/// The settings of every transactional producer; the first block carries promises, the second can be changed by `options`.
const PRODUCER_MUST: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("statistics.interval.ms", "1000"),
    ("log.connection.close", "true"),
];
const PRODUCER_MAY: &[(&str, &str)] = &[
    // Records gather anyway until brokers know that their partitions take part.
    ("linger.ms", "0"),
    ("compression.type", "lz4"),
    // An epoch must be through by then, else the brokers abort it. librdkafka lets no record wait for longer.
    ("transaction.timeout.ms", "120000"),
];

/// How long one call waits for the brokers' answer before what is heard meanwhile is looked at.
const CALL_WAIT: Duration = Duration::from_secs(1);
/// The same for an abort, for which it has to be heard what becomes of each record.
const ABORT_WAIT: Duration = Duration::from_millis(100);
/// How long to listen for what the client has to say already.
const HEARING: Duration = Duration::from_millis(1);
/// How many things a client may have to say after a smooth commit.
const SAYINGS: usize = 16;
/// How long a commit may take before its outcome counts as unknown. Records were acknowledged before.
const COMMIT_WAIT: Duration = Duration::from_secs(10);
/// For how long brokers may refuse before that is believed.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(10);

/// The one living producer of a transactional id.
pub(super) struct Transactor {
    producer: BaseProducer<Deliveries>,
    stop: StopFlag,
}

/// A transaction that was begun.
pub(super) struct Attempt {
    /// How many disturbances of the client were heard of before.
    heard: u64,
}

/// How a transaction was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Without incident: the same producer may begin the next.
    Smooth,
    /// The connection was disturbed, so that the order to commit may be on its way twice. The second could hit a transaction that
    /// this producer began next, but not one of a producer made anew.
    Rough,
}

impl Transactor {
    /// Makes a producer and waits until the brokers know it. Then all earlier producers of this id are shut out, and what they had open is
    /// aborted.
    ///
    /// # Errors
    /// The brokers refuse, or do not answer for `limit`; without a limit it is tried until the run is to stop.
    pub(super) fn open(
        cluster: &Cluster,
        transactional_id: &str,
        limit: Option<Duration>,
        stop: &StopFlag,
    ) -> Result<Self, ConnectorError> {
        let begun = Instant::now();
        loop {
            let transactor = Self::make(cluster, transactional_id, stop)?;
            if transactor.initialise(begun, limit)? {
                return Ok(transactor);
            }
            tracing::warn!("{} have not let a producer begin transactions; trying with another", cluster.brokers);
        }
    }

    fn make(cluster: &Cluster, transactional_id: &str, stop: &StopFlag) -> Result<Self, ConnectorError> {
        let mut config = cluster.config.clone();
        config.remove("allow.auto.create.topics");
        set_defaults(&mut config, PRODUCER_MAY);
        for (name, value) in PRODUCER_MUST {
            config.set(*name, *value);
        }
        config.set("transactional.id", transactional_id);
        // Lost connections are heard of there.
        config.set_log_level(RDKafkaLogLevel::Info);
        let producer =
            config.create_with_context(Deliveries::new(&cluster.brokers)).map_err(|error| unusable(&error))?;
        Ok(Self { producer, stop: stop.clone() })
    }

    /// Whether the brokers know the producer now; if not, another has to be made.
    fn initialise(&self, begun: Instant, limit: Option<Duration>) -> Result<bool, ConnectorError> {
        loop {
            let answer = self.producer.init_transactions(CALL_WAIT);
            self.producer.poll(HEARING);
            let error = match answer {
                Ok(()) => return Ok(true),
                Err(error) => error,
            };
            let watch = &self.producer.context().watch;
            let (brokers, code) = (watch.brokers(), Standing::of(&error).code);
            if let Some(reason) = watch.refusal(REFUSAL_PATIENCE) {
                return Err(refused(brokers, &reason));
            }
            match code {
                Code::TransactionalIdAuthorizationFailed | Code::ClusterAuthorizationFailed => {
                    return Err(ConnectorError::refused(
                        format!("{brokers} lets this user write no transactions: {error}"),
                        "let it describe and write transactional ids that begin with `flowctl.`",
                    ));
                }
                Code::InvalidTransactionTimeout => {
                    return Err(ConnectorError::refused(
                        format!("{brokers} allows no transactions as long as ours may take: {error}"),
                        "raise the brokers' `transaction.max.timeout.ms`, or set `options: { transaction.timeout.ms: … }`",
                    ));
                }
                Code::UnsupportedFeature => {
                    return Err(ConnectorError::refused(
                        format!("{brokers} know no transactions: {error}"),
                        "use brokers of Kafka 0.11 or later",
                    ));
                }
                _ => {}
            }
            if self.stop.is_set() || limit.is_some_and(|limit| begun.elapsed() >= limit) {
                return Err(ConnectorError::unavailable(
                    format!(
                        "{brokers} have not let us begin transactions for {} s: {error}",
                        begun.elapsed().as_secs()
                    ),
                    "check that the brokers run, and that enough replicas of `__transaction_state` do",
                ));
            }
            if Standing::of(&error).is_fatal {
                self.producer.poll(CALL_WAIT);
                return Ok(false);
            }
        }
    }

    /// Writes these records in one transaction. When it returns, they are committed durably.
    ///
    /// # Errors
    /// Says what is left to do.
    pub(super) fn transact(&self, records: &[Outgoing]) -> Result<Passage, Setback> {
        let attempt = self.begin(records)?;
        self.complete(&attempt)
    }

    /// Begins a transaction, and puts its records on their way.
    ///
    /// # Errors
    /// Says what is left to do.
    pub(super) fn begin(&self, records: &[Outgoing]) -> Result<Attempt, Setback> {
        // What was under way when a transaction before was aborted has been heard of by now.
        self.producer.context().delivered().failure = None;
        let heard = self.producer.context().watch.disturbances();
        self.producer.begin_transaction().map_err(|error| Setback::Lost(error.to_string()))?;
        self.or_abort(self.send(records))?;
        Ok(Attempt { heard })
    }

    /// Commits a transaction. When it returns, that is durable.
    ///
    /// # Errors
    /// Says what is left to do.
    pub(super) fn complete(&self, attempt: &Attempt) -> Result<Passage, Setback> {
        self.or_abort(self.settle())?;
        pass(Failpoint::TopicsWritten)?;
        match self.producer.commit_transaction(COMMIT_WAIT) {
            Ok(()) => {
                pass(Failpoint::TopicsCommitted)?;
                (0..SAYINGS).for_each(|_| self.producer.poll(Duration::ZERO));
                let quiet = self.producer.context().watch.disturbances() == attempt.heard;
                Ok(if quiet { Passage::Smooth } else { Passage::Rough })
            }
            Err(error) => match Setback::of_commit(Standing::of(&error), error.to_string()) {
                Setback::Aborted(reason) => Err(self.abort(reason)),
                lost => Err(lost),
            },
        }
    }

    /// By topic, the farthest record that this producer has written: its partition, and the offset after it.
    pub(super) fn reach(&self, topic: &str) -> Option<(u32, u64)> {
        self.producer.context().delivered().ends.get(topic).copied()
    }

    /// Puts records on their way; waits only while too many are.
    fn send(&self, records: &[Outgoing]) -> Result<(), Setback> {
        let mut patience = Patience::new(&self.stop);
        for Outgoing { topic, partition, record } in records {
            let mut message = message(topic, *partition, record);
            loop {
                match self.producer.send(message) {
                    Ok(()) => break,
                    Err((KafkaError::MessageProduction(Code::QueueFull), returned)) => message = returned,
                    Err((error, _)) => {
                        return Err(self.unwritten(topic, error.rdkafka_error_code().unwrap_or(Code::Fail)));
                    }
                }
                self.wait(&mut patience)?;
            }
            self.producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until all records are acknowledged.
    fn settle(&self) -> Result<(), Setback> {
        let mut patience = Patience::new(&self.stop);
        while self.producer.in_flight_count() > 0 {
            self.wait(&mut patience)?;
        }
        self.producer.poll(Duration::ZERO);
        self.check()
    }

    fn or_abort(&self, done: Result<(), Setback>) -> Result<(), Setback> {
        match done {
            Err(Setback::Aborted(reason)) => Err(self.abort(reason)),
            Err(failed @ Setback::Failed(..)) => {
                self.abort_before_the_end(COMMIT_WAIT);
                Err(failed)
            }
            other => other,
        }
    }

    fn wait(&self, patience: &mut Patience<'_>) -> Result<(), Setback> {
        patience.listen(|wait| self.producer.poll(wait));
        self.check()?;
        let watch = &self.producer.context().watch;
        if let Some(reason) = watch.refusal(REFUSAL_PATIENCE) {
            return Err(Setback::Failed(None, refused(watch.brokers(), &reason)));
        }
        if patience.is_over() { Err(Setback::Failed(None, self.stopped())) } else { Ok(()) }
    }

    fn check(&self) -> Result<(), Setback> {
        let failure = self.producer.context().delivered().failure.clone();
        failure.map_or(Ok(()), |(topic, code)| Err(self.unwritten(&topic, code)))
    }

    fn unwritten(&self, topic: &str, code: Code) -> Setback {
        let error = not_written(self.producer.context().watch.brokers(), topic, code);
        if is_final(code) {
            Setback::Failed(Some(topic.to_owned()), error)
        } else {
            Setback::Aborted(error.to_string())
        }
    }

    fn stopped(&self) -> ConnectorError {
        ConnectorError::unavailable(
            format!("stopped while an epoch waited for {}", self.producer.context().watch.brokers()),
            "start again when the brokers are back; what was not committed is sent again",
        )
    }

    /// Aborts before the end of the run: left open, the transaction would hold up everybody else for as long as brokers bear it. Brokers that do
    /// not answer hold the end up for no longer than `limit`.
    pub(super) fn abort_before_the_end(&self, limit: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            let answer = self.producer.abort_transaction(ABORT_WAIT);
            self.producer.poll(HEARING);
            if !answer.is_err_and(|error| Standing::of(&error).is_retriable) {
                return;
            }
        }
    }

    /// Aborts the transaction, however long that takes.
    fn abort(&self, reason: String) -> Setback {
        let mut patience = Patience::new(&self.stop);
        loop {
            let answer = self.producer.abort_transaction(ABORT_WAIT);
            // What becomes of the records is heard here; before it is of all, the abort is not through.
            self.producer.poll(HEARING);
            match answer {
                Ok(()) => return Setback::Aborted(reason),
                Err(error) if Standing::of(&error).is_retriable => {}
                Err(error) => return Setback::Lost(format!("{reason}; and {error}")),
            }
            if patience.is_over() {
                return Setback::Failed(None, self.stopped());
            }
        }
    }
}

/// Passes a place at which tests let something fail.
pub(super) fn pass(point: Failpoint) -> Result<(), Setback> {
    let failed = |error| ConnectorError::unavailable(format!("the transaction failed: {error}"), "start again");
    hit(point).map_err(|error| Setback::Failed(None, failed(error)))
}
