//! What a producer hears of its records, beside what every client hears.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::Message;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::statistics::Statistics;

use super::watch::Watch;

/// Hears what became of each record.
pub(super) struct Deliveries {
    /// What every client hears.
    pub(super) watch: Watch,
    delivered: Mutex<Delivered>,
}

/// What became of the records.
#[derive(Default)]
pub(super) struct Delivered {
    /// The first record that was not written: its topic, and why.
    pub(super) failure: Option<(String, Code)>,
    /// By topic: the farthest record written, as its partition and the offset after it.
    pub(super) ends: BTreeMap<String, (u32, u64)>,
}

impl Deliveries {
    /// Hears a producer of these brokers.
    pub(super) fn new(brokers: &str) -> Self {
        Self { watch: Watch::new(brokers), delivered: Mutex::default() }
    }

    /// What was heard so far. A poisoned lock is used all the same: every change is one assignment.
    pub(super) fn delivered(&self) -> MutexGuard<'_, Delivered> {
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
                match delivered.ends.get_mut(message.topic()) {
                    Some(farthest) if farthest.1 > offset => {}
                    Some(farthest) => *farthest = (partition, offset + 1),
                    None => drop(delivered.ends.insert(message.topic().to_owned(), (partition, offset + 1))),
                }
            }
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
                delivered.failure.get_or_insert_with(|| (message.topic().to_owned(), code));
            }
        }
    }
}
