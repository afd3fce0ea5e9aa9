//! What is left to do when a transaction has not gone through.

use engine::connector::ConnectorError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// A transaction that has not gone through.
#[derive(Debug)]
pub(super) enum Setback {
    /// Nothing of it is there, and the same producer may try again.
    Aborted(String),
    /// Nobody knows how it ended, or it was another producer that ended it. This producer must not begin again.
    Lost(String),
    /// Trying again does not help; perhaps because of this topic.
    Failed(Option<String>, ConnectorError),
}

/// What librdkafka says of an error in a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) code: Code,
    /// The same call may succeed later.
    pub(super) is_retriable: bool,
    /// The transaction must be aborted, and the producer lives.
    pub(super) requires_abort: bool,
    /// The producer is of no more use.
    pub(super) is_fatal: bool,
}

impl Standing {
    /// Reads an error. One that is no transaction's own (records that could not be flushed) says nothing about the producer.
    pub(super) fn of(error: &KafkaError) -> Self {
        match error {
            KafkaError::Transaction(error) => Self {
                code: error.code(),
                is_retriable: error.is_retriable(),
                requires_abort: error.txn_requires_abort(),
                is_fatal: error.is_fatal(),
            },
            other => Self {
                code: other.rdkafka_error_code().unwrap_or(Code::Fail),
                is_retriable: false,
                requires_abort: false,
                is_fatal: false,
            },
        }
    }
}

impl Setback {
    /// What an error of a commit means. Only where librdkafka asks for an abort is it known that nothing was committed. To call again
    /// after a time-out, as librdkafka allows, would let two orders to commit be under way, of which the later may hit the next transaction.
    pub(super) fn of_commit(standing: Standing, reason: String) -> Self {
        if standing.requires_abort && !standing.is_fatal { Self::Aborted(reason) } else { Self::Lost(reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_outcome_lets_the_producer_live() {
        for is_retriable in [false, true] {
            for (requires_abort, is_fatal, aborts) in
                [(false, false, false), (false, true, false), (true, false, true), (true, true, false)]
            {
                let standing = Standing { code: Code::OperationTimedOut, is_retriable, requires_abort, is_fatal };
                let setback = Setback::of_commit(standing, String::new());
                assert_eq!(matches!(setback, Setback::Aborted(_)), aborts, "{standing:?}");
                assert_eq!(matches!(setback, Setback::Lost(_)), !aborts, "{standing:?}");
            }
        }
    }
}
