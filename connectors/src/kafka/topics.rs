//! Topics as the command line sees them: list, read, produce; on real brokers and on the embedded log alike.

use std::path::Path;
use std::time::Duration;

use engine::clock::now_micros;
use engine::connector::{ConnectContext, ConnectorError, StopFlag};
use engine::spec::{Text, Variables};

use crate::topic_log::{Durability, TopicRecord, TopicSummary, TopicWriter, partition_of_record};

use super::cluster::{Contact, Sender, Visible, create_topic};
use super::connection::{Connection, Endpoint};
use super::source::KafkaSource;

/// How long brokers may confirm nothing before a command gives up.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The topics of some brokers, or of the embedded log. To read one, open [`TopicAccess::source`] with [`TopicAccess::context`].
pub struct TopicAccess {
    connection: Connection,
    endpoint: Endpoint,
    context: ConnectContext,
}

impl TopicAccess {
    /// `brokers` is `embedded` or a list of brokers; `options` go to librdkafka as they are; `state_root` is where the embedded log lives.
    ///
    /// # Errors
    /// The connection cannot be described so. Nobody is asked yet.
    pub fn new(
        brokers: &str,
        options: &[(String, String)],
        state_root: &Path,
        stop: &StopFlag,
    ) -> Result<Self, ConnectorError> {
        let context = ConnectContext {
            pipeline: "topic".into(),
            name: "topic".into(),
            state_id: String::new(),
            generation: 0,
            fingerprint: String::new(),
            state_root: state_root.to_owned(),
            state_folder: state_root.to_owned(),
            taken_over: false,
            predecessor: None,
            variables: Variables::default(),
            stop: stop.clone(),
        };
        let connection = Connection::plain(brokers, options);
        Ok(Self { endpoint: connection.resolve(&context)?, connection, context })
    }

    /// A source of one topic; `start` as in YAML. Its records carry `_timestamp`, `_key` and `_headers` as their own
    /// metadata, in this order.
    #[must_use]
    pub fn source(&self, topic: &str, start: &str) -> KafkaSource {
        KafkaSource::of_topic(self.connection.clone(), topic, start)
    }

    /// For opening a source on the same brokers and state.
    #[must_use]
    pub fn context(&self) -> &ConnectContext {
        &self.context
    }

    /// All topics by name, with how far they reach. Kafka's own (`__…`) are left out.
    ///
    /// # Errors
    /// The brokers refuse or are out of reach; a log is damaged.
    pub fn list(&self) -> Result<Vec<TopicSummary>, ConnectorError> {
        match &self.endpoint {
            Endpoint::Embedded(topics) => topics.list(),
            Endpoint::Cluster(cluster) => {
                let contact = Contact::new(cluster, Visible::Committed, &self.context.stop)?;
                let names = contact.topics()?.into_iter().filter(|name| !name.starts_with("__"));
                names.map(|name| summary(&contact, name)).collect()
            }
        }
    }

    /// Opens a topic for writing, after making it with so many partitions if it is missing.
    ///
    /// # Errors
    /// The brokers refuse or are out of reach; the embedded topic has another writer.
    pub fn produce(&self, topic: &str, partitions: u32) -> Result<TopicProducer, ConnectorError> {
        let topic = self.connection.topic(&Text::literal(topic), "topic", &self.context.variables)?;
        let side = match &self.endpoint {
            Endpoint::Embedded(topics) => {
                topics.create(&topic, partitions)?;
                Side::Embedded(TopicWriter::open(topics, &topic, Durability::Buffered, None)?)
            }
            Endpoint::Cluster(cluster) => {
                let partitions = create_topic(cluster, &topic, partitions, &[], &self.context.stop)?;
                let sender = Sender::new(cluster, &self.context.stop)?.giving_up_after(SILENCE_MAX);
                Side::Cluster(sender, partitions)
            }
        };
        Ok(TopicProducer { side, topic, waiting: Vec::new(), bytes: 0, sent: 0 })
    }
}

fn summary(contact: &Contact, name: String) -> Result<TopicSummary, ConnectorError> {
    let count = contact.partition_count(&name)?.unwrap_or(0);
    let partitions = (0..count).map(|partition| contact.reach(&name, partition)).collect::<Result<_, _>>()?;
    Ok(TopicSummary { name, partitions })
}

/// The embedded log is appended to in batches of about this many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// Appends records to one topic. What was sent is safe after [`TopicProducer::flush`].
pub struct TopicProducer {
    side: Side,
    topic: String,
    waiting: Vec<TopicRecord>,
    bytes: usize,
    sent: u64,
}

enum Side {
    Embedded(TopicWriter),
    Cluster(Sender, u32),
}

impl TopicProducer {
    /// Sends a record with the present time. The key decides the partition; records without one go round robin.
    ///
    /// # Errors
    /// As [`TopicProducer::flush`].
    pub fn send(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), ConnectorError> {
        let timestamp = now_micros();
        self.send_record(TopicRecord {
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            headers: Vec::new(),
            timestamp,
        })
    }

    /// Sends a record as it is. Kafka keeps only the milliseconds of its time.
    ///
    /// # Errors
    /// As [`TopicProducer::flush`].
    pub fn send_record(&mut self, record: TopicRecord) -> Result<(), ConnectorError> {
        self.sent += 1;
        match &mut self.side {
            Side::Cluster(sender, partitions) => {
                sender.send(&self.topic, partition_of_record(&record, self.sent - 1, *partitions), &record)
            }
            Side::Embedded(log) => {
                self.bytes += record.value.as_ref().map_or(0, Vec::len) + record.key.as_ref().map_or(0, Vec::len);
                self.waiting.push(record);
                if self.bytes >= BATCH_BYTES {
                    self.bytes = 0;
                    log.append(&std::mem::take(&mut self.waiting))?;
                }
                Ok(())
            }
        }
    }

    /// Waits until everything sent is durable.
    ///
    /// # Errors
    /// A record was refused, the disk fails, or brokers have confirmed nothing for half a minute.
    pub fn flush(&mut self) -> Result<(), ConnectorError> {
        match &mut self.side {
            Side::Cluster(sender, _) => sender.flush(&self.topic),
            Side::Embedded(log) => {
                self.bytes = 0;
                log.append(&std::mem::take(&mut self.waiting))?;
                log.sync()
            }
        }
    }

    /// How many records were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }
}
