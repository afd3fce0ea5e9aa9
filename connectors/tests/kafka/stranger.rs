//! A producer that is not the engine's, whose transactions go as a test wants.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::place::{PATIENCE, Place};

pub(crate) struct Stranger(BaseProducer);

impl Stranger {
    /// At the place's brokers, with a transactional id.
    pub(crate) fn at(place: &Place, id: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &place.brokers).set("transactional.id", id);
        let producer: BaseProducer = config.create().expect("a client");
        producer.init_transactions(PATIENCE).expect("transactions");
        Self(producer)
    }

    pub(crate) fn begin(&self) {
        self.0.begin_transaction().expect("a transaction");
    }

    /// Writes a record within the transaction.
    pub(crate) fn write(&self, record: BaseRecord<'_, str, str>) {
        self.0.send(record).map_err(|(error, _)| error).expect("room");
        self.0.flush(PATIENCE).expect("written");
    }

    pub(crate) fn commit(&self) -> KafkaResult<()> {
        self.0.commit_transaction(PATIENCE)
    }

    pub(crate) fn abort(&self) {
        self.0.abort_transaction(PATIENCE).expect("aborted");
    }
}
