//! What a librdkafka client says about itself: refusals, outages, how far partitions reach.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;

/// Hears a client's logs, errors and statistics. Says an outage once, and its end once.
pub(in crate::kafka) struct Watch {
    brokers: String,
    heard: Mutex<Heard>,
    disturbances: AtomicU64,
}

#[derive(Default)]
struct Heard {
    refusal: Option<(Instant, String)>,
    outage: Option<Instant>,
    /// The offset after the last committed record of each partition.
    ends: HashMap<(String, i32), u64>,
}

impl Watch {
    /// Watches a client of these brokers.
    pub(in crate::kafka) fn new(brokers: &str) -> Self {
        Self { brokers: brokers.to_owned(), heard: Mutex::default(), disturbances: AtomicU64::new(0) }
    }

    /// The brokers, for messages.
    pub(super) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// What the brokers say against our credentials or encryption, if they have said so for at least `since`.
    pub(super) fn refusal(&self, since: Duration) -> Option<String> {
        let heard = self.heard();
        heard.refusal.as_ref().filter(|(first, _)| first.elapsed() >= since).map(|(_, reason)| reason.clone())
    }

    /// The offset after the last committed record of a partition, as the client saw it within the last second.
    pub(super) fn end(&self, topic: &str, partition: i32) -> Option<u64> {
        self.heard().ends.get(&(topic.to_owned(), partition)).copied()
    }

    /// How many errors, and lost connections, the client has told of so far. Of the connection to a transaction's coordinator only the log tells, and
    /// before anything is sent again.
    pub(super) fn disturbances(&self) -> u64 {
        self.disturbances.load(Ordering::Acquire)
    }

    /// Whether all brokers are out of reach.
    pub(super) fn is_out(&self) -> bool {
        self.heard().outage.is_some()
    }

    /// A poisoned lock is used all the same: every change to what was heard is one assignment.
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How librdkafka marks lines of its log that tell of lost connections, from level `Info` on.
const CONNECTION_LOST: &str = "FAIL";

/// Whether a code says that trying again will not help.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL | Code::ClusterAuthorizationFailed)
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", ?level, "{facility}: {message}");
        if facility == CONNECTION_LOST {
            self.disturbances.fetch_add(1, Ordering::Release);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        self.disturbances.fetch_add(1, Ordering::Release);
        let mut heard = self.heard();
        // An end of the connection within the handshake is no code of its own: it is what a listener without TLS does.
        if is_refusal(code) || reason.contains("SSL handshake failed") {
            heard.refusal.get_or_insert_with(|| (Instant::now(), reason.to_owned()));
        } else if code == RDKafkaErrorCode::AllBrokersDown && heard.outage.is_none() {
            heard.outage = Some(Instant::now());
            tracing::warn!("no broker of {} can be reached; trying on", self.brokers);
        }
    }

    fn stats(&self, statistics: Statistics) {
        let mut heard = self.heard();
        let offset = |raw: i64| u64::try_from(raw).ok();
        for (topic, view) in statistics.topics {
            for (partition, view) in view.partitions {
                if let Some(end) = offset(view.ls_offset).or(offset(view.hi_offset)) {
                    heard.ends.insert((topic.clone(), partition), end);
                }
            }
        }
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            heard.refusal = None;
            if let Some(since) = heard.outage.take() {
                tracing::warn!("{} is back after {} s", self.brokers, since.elapsed().as_secs());
            }
        }
    }
}

impl ConsumerContext for Watch {}
