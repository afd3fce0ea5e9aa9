//! Brokers or an embedded log for one test, and what can be done there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use connectors::kafka::{KafkaSinkKind, KafkaSourceKind, TopicAccess};
use connectors::topic_log::TopicRecord;
use engine::connector::{
    Anchor, Bound, CheckContext, ConnectContext, ConnectorError, OpenSource, Partition, Read, Reader, Sink, SinkInput,
    SinkKind, SinkMode, Source, StopFlag,
};
use engine::diagnostic::{Code, Diagnostics};
use engine::schema::Schema;
use engine::spec::{Entry, Node, Variables};
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use crate::admin::Admin;
use crate::yaml::{checked, list, map, scalar, schema};

/// Brokers, a state root and a topic of its own.
pub(crate) struct Place {
    pub(crate) brokers: String,
    pub(crate) root: PathBuf,
    pub(crate) topic: String,
    pub(crate) _folder: Option<TempDir>,
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

impl Place {
    pub(crate) fn new(brokers: String) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos();
        let topic = format!("test-{nanos}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = TempDir::new().expect("a temporary folder");
        Self { brokers, root: folder.path().to_owned(), topic, _folder: Some(folder) }
    }

    pub(crate) fn embedded() -> Self {
        Self::new("embedded".into())
    }

    pub(crate) fn real() -> Self {
        let brokers = std::env::var("KAFKA_BROKERS").unwrap_or_default();
        assert!(!brokers.is_empty() && brokers != "embedded", "set KAFKA_BROKERS to run this test");
        Self::new(brokers)
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.brokers == "embedded"
    }

    pub(crate) fn access(&self) -> TopicAccess {
        TopicAccess::new(&self.brokers, &[], &self.root, &StopFlag::default()).expect("an endpoint")
    }

    pub(crate) fn context(&self) -> ConnectContext {
        ConnectContext {
            pipeline: "p".into(),
            name: "s".into(),
            state_id: format!("state-of-{}", self.topic),
            generation: later(),
            fingerprint: "f".into(),
            state_root: self.root.clone(),
            state_folder: self.root.join("p"),
            taken_over: false,
            predecessor: None,
            variables: Variables::new([("BROKERS".to_owned(), self.brokers.clone())]),
            stop: StopFlag::default(),
        }
    }

    pub(crate) fn produce(&self, partitions: u32, records: &[(Option<&str>, Option<&str>, i64)]) {
        let mut producer = self.access().produce(&self.topic, partitions).expect("a topic");
        for (key, value, millis) in records {
            let record = TopicRecord {
                key: key.map(|key| key.as_bytes().to_vec()),
                value: value.map(|value| value.as_bytes().to_vec()),
                headers: Vec::new(),
                timestamp: millis * 1_000,
            };
            producer.send_record(record).expect("room");
        }
        producer.flush().expect("durable");
    }

    pub(crate) fn source(&self, start: &str) -> Box<dyn Source> {
        let node =
            map([("brokers", scalar("${BROKERS}")), ("topics", list([scalar(&self.topic)])), ("start", scalar(start))]);
        checked(&KafkaSourceKind, &node).expect("a good entry")
    }

    pub(crate) fn open(&self, start: &str, resume: &[(u32, u64)], bound: Bound) -> Result<Opened, ConnectorError> {
        let resume: BTreeMap<String, u64> =
            resume.iter().map(|(partition, offset)| (format!("{}/{partition}", self.topic), *offset)).collect();
        self.open_again(start, &resume, &BTreeMap::new(), bound)
    }

    pub(crate) fn open_again(
        &self,
        start: &str,
        resume: &BTreeMap<String, u64>,
        anchors: &BTreeMap<String, Anchor>,
        bound: Bound,
    ) -> Result<Opened, ConnectorError> {
        open(&*self.source(start), &self.context(), resume, anchors, bound)
    }

    /// What can be ordered from real brokers.
    pub(crate) fn admin(&self) -> Admin {
        Admin::of(&self.brokers)
    }

    /// Deletes the topic, and waits until it is gone.
    pub(crate) fn delete(&self) {
        if self.is_embedded() {
            return std::fs::remove_dir_all(self.root.join("topics").join(&self.topic)).expect("the topic's folder");
        }
        self.admin().delete(&self.topic);
        let begun = Instant::now();
        while self.access().list().expect("topics").iter().any(|summary| summary.name == self.topic) {
            assert!(begun.elapsed() < PATIENCE, "the topic stays");
        }
    }

    pub(crate) fn sink(&self, keys: &[(&str, &str)], mode: SinkMode) -> Result<Box<dyn Sink>, Vec<Code>> {
        self.sink_of(schema(), keys, mode)
    }

    /// A sink of rows of any schema.
    pub(crate) fn sink_of(
        &self,
        schema: Schema,
        keys: &[(&str, &str)],
        mode: SinkMode,
    ) -> Result<Box<dyn Sink>, Vec<Code>> {
        let mut pairs = vec![("brokers", scalar(&self.brokers)), ("topic", scalar(&self.topic))];
        pairs.extend(keys.iter().map(|(key, value)| (*key, scalar(value))));
        self.sink_at(&map(pairs), schema, mode)
    }

    /// A sink of an entry.
    pub(crate) fn sink_at(&self, node: &Node, schema: Schema, mode: SinkMode) -> Result<Box<dyn Sink>, Vec<Code>> {
        let input = SinkInput { name: "s".into(), schema, mode, order: Vec::new() };
        let mut diagnostics = Diagnostics::default();
        let variables = Variables::default();
        let entry = Entry::read(node, KafkaSinkKind.keys(), &variables, &mut diagnostics).expect("known keys");
        let folder = &self.root;
        let mut context = CheckContext { folder, variables: &variables, diagnostics: &mut diagnostics };
        let sink = KafkaSinkKind.check(&entry, &input, &mut context);
        sink.ok_or_else(|| diagnostics.sorted().iter().map(|found| found.code).collect())
    }

    /// The same brokers and root, with another topic.
    pub(crate) fn beside(&self, suffix: &str) -> Self {
        let topic = format!("{}{suffix}", self.topic);
        Self { brokers: self.brokers.clone(), root: self.root.clone(), topic, _folder: None }
    }

    /// Waits until no transaction is open in the topic: brokers say that one is committed before all partitions show it.
    pub(crate) fn settle(&self, settings: &[(&str, String)]) {
        if self.is_embedded() {
            return;
        }
        let ask = |isolation: &str| {
            let mut config = rdkafka::ClientConfig::new();
            config.set("bootstrap.servers", &self.brokers).set("isolation.level", isolation);
            for (name, value) in settings {
                config.set(*name, value);
            }
            config.create::<BaseConsumer>().expect("a client")
        };
        let (committed, all) = (ask("read_committed"), ask("read_uncommitted"));
        let metadata = all.fetch_metadata(Some(&self.topic), PATIENCE).expect("an answer");
        let begun = Instant::now();
        for partition in metadata.topics()[0].partitions() {
            let end = |consumer: &BaseConsumer| {
                consumer.fetch_watermarks(&self.topic, partition.id(), PATIENCE).expect("an answer").1
            };
            while end(&committed) < end(&all) {
                assert!(begun.elapsed() < PATIENCE, "a transaction stays open");
            }
        }
    }

    /// Everything that is in the topic once no transaction is open.
    pub(crate) fn settled(&self) -> Vec<Row> {
        self.settle(&[]);
        self.everything()
    }

    /// Everything that is in the topic now.
    pub(crate) fn everything(&self) -> Vec<Row> {
        self.open("earliest", &[], Bound::Now).expect("the topic").drain()
    }
}

/// A record as the engine sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) millis: i64,
    pub(crate) headers: String,
}

/// A generation that no start before had, in whichever process.
fn later() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as u64;
    LAST.fetch_max(now, Ordering::Relaxed);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// Opens a source to read all that is there now.
pub(crate) fn open_now(source: &dyn Source, context: &ConnectContext) -> Result<Opened, ConnectorError> {
    open(source, context, &BTreeMap::new(), &BTreeMap::new(), Bound::Now)
}

fn open(
    source: &dyn Source,
    context: &ConnectContext,
    resume: &BTreeMap<String, u64>,
    anchors: &BTreeMap<String, Anchor>,
    bound: Bound,
) -> Result<Opened, ConnectorError> {
    let (partitions, reader) = source.open(&OpenSource { resume, anchors, bound, wanted: &[true; 3], context })?;
    Ok(Opened { partitions, reader })
}

pub(crate) struct Opened {
    pub(crate) partitions: Vec<Partition>,
    pub(crate) reader: Box<dyn Reader>,
}

impl Opened {
    /// Reads until `enough` says so of a read.
    pub(crate) fn until(&mut self, mut enough: impl FnMut(&Read) -> bool) -> Vec<Row> {
        let begun = Instant::now();
        let mut rows = Vec::new();
        loop {
            assert!(begun.elapsed() < PATIENCE, "still waiting with {rows:?}");
            let read = self.reader.read(Duration::from_millis(200)).expect("nothing fails");
            if let Read::Records(records) = &read {
                let spans = records.spans();
                assert_eq!(spans.offsets.at(0), records.range.start);
                let times = records.metadata[0].as_primitive::<TimestampMicrosecondType>();
                let keys = records.metadata[1].as_string_view();
                let headers = records.metadata[2].as_string_view();
                for (at, span) in spans.values.iter().enumerate() {
                    let text = |span| String::from_utf8(records.value(span).to_vec()).expect("text");
                    rows.push(Row {
                        partition: records.partition.0,
                        offset: spans.offsets.at(at),
                        key: keys.is_valid(at).then(|| keys.value(at).to_owned()),
                        value: span.as_ref().map(text),
                        millis: times.value(at) / 1_000,
                        headers: headers.value(at).to_owned(),
                    });
                }
            }
            if enough(&read) {
                return rows;
            }
        }
    }

    pub(crate) fn drain(&mut self) -> Vec<Row> {
        self.until(|read| matches!(read, Read::End))
    }

    /// Reads until so many records have come.
    pub(crate) fn take(&mut self, mut count: usize) -> Vec<Row> {
        self.until(|read| {
            if let Read::Records(records) = read {
                count = count.saturating_sub(records.spans().values.len());
            }
            count == 0
        })
    }
}
