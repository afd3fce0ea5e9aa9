//! The kind of source named `kafka`.

use std::collections::BTreeMap;

use engine::connector::{
    Anchor, Bound, CheckContext, ConnectContext, ConnectorError, Constant, MetadataColumn, MetadataOrigin, OpenSource,
    Partition, Reader, Replay, Source, SourceKind,
};
use engine::diagnostic::Code;
use engine::schema::{Column, ColumnType};
use engine::spec::{Entry, Key, Kind, Text, Variables};

use super::cluster::ClusterReader;
use super::connection::{self, BROKERS, Connection, Endpoint};
use super::embedded::EmbeddedReader;
use super::options::OPTIONS;
use super::record_buffer::Wanted;
use super::security::SECURITY;
use super::start::Start;

/// Reads topics of Kafka, or of the embedded topic log.
///
/// All partitions of all topics are assigned by hand; no consumer group is joined and no offset committed there, so nobody else's
/// reading changes this one's. Only committed records are read.
///
/// | situation | outcome |
/// |---|---|
/// | a topic is missing, credentials are wrong | refused at the opening |
/// | brokers are out of reach at the opening | tried for 30 s, then unavailable |
/// | brokers are lost later | waited out, said once, and said once when they are back |
/// | an offset is gone, or lies past the topic's end; a topic is deleted | diverged |
/// | another record, or none, stands where the last one was read: the topic was made anew | diverged |
/// | that record is gone by retention or compaction, and the next offset is not | goes on |
/// | a partition is added | discovered within about 30 s and read from its first record |
/// | a topic was read before and has a partition that was not | that partition is read from its first record, whatever `start` says |
/// | a key is not UTF-8 | `_key` is null |
/// | headers | `_headers` is an object of text by name: the last of a name counts, what is not UTF-8 is null |
/// | a record has no time (written before Kafka 0.10) | `_timestamp` is 1970-01-01T00:00:00Z |
#[derive(Debug)]
pub struct KafkaSourceKind;

/// `topics:`
const TOPICS: Key = Key::required("topics", Kind::List(&Kind::Text), "the topics to read, all partitions of each");
/// `start:`
const START: Key = Key::default(
    "start",
    Kind::Text,
    "earliest",
    "where partitions begin that were not read before: `earliest`, `latest` or an RFC 3339 time",
);

impl SourceKind for KafkaSourceKind {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn about(&self) -> &'static str {
        "reads topics of Apache Kafka, or of the embedded topic log"
    }

    fn keys(&self) -> &'static [Key] {
        const KEYS: &[Key] = &[BROKERS, TOPICS, START, SECURITY, OPTIONS];
        KEYS
    }

    fn check(&self, entry: &Entry, context: &mut CheckContext<'_>) -> Option<Box<dyn Source>> {
        let connection = Connection::check(entry, context);
        let topics = entry.spanned_texts(TOPICS.name);
        let mut sound = true;
        if topics.is_empty() {
            context
                .diagnostics
                .error(Code::BadValue, entry.span_of(TOPICS.name), "`topics` is empty")
                .hint("name at least one topic");
            sound = false;
        }
        let before = |at: usize| topics[..at].iter().map(|topic| &topic.value);
        if let Some((_, twice)) =
            topics.iter().enumerate().find(|(at, topic)| before(*at).any(|other| *other == topic.value))
        {
            let message = format!("topic `{}` stands twice in `topics`", twice.value);
            context.diagnostics.error(Code::BadValue, twice.span, message).hint("name each topic once");
            sound = false;
        }
        for topic in &topics {
            sound &= connection::check_topic(&topic.value, topic.span, entry, context);
        }
        let start = entry.text(START.name);
        if !start.has_variables() && Start::parse(&start.to_string()).is_none() {
            context
                .diagnostics
                .error(Code::BadValue, entry.span_of(START.name), format!("`{start}` is no place to start"))
                .hint(START_FORMS);
            sound = false;
        }
        let topics = topics.into_iter().map(|topic| topic.value).collect();
        let source = KafkaSource { connection: connection?, topics, start };
        sound.then(|| Box::new(source) as Box<dyn Source>)
    }
}

const START_FORMS: &str = "write `earliest`, `latest` or a time with its zone, as `2026-01-31T08:00:00Z`";

/// A checked Kafka source.
#[derive(Debug)]
pub struct KafkaSource {
    connection: Connection,
    topics: Vec<Text>,
    start: Text,
}

impl KafkaSource {
    /// A source of one topic, for the command line.
    pub(super) fn of_topic(connection: Connection, topic: &str, start: &str) -> Self {
        Self { connection, topics: vec![Text::literal(topic)], start: Text::literal(start) }
    }
}

/// What is to be read, with all variables resolved.
pub(super) struct ReadOrder<'a> {
    /// The topics, each once.
    pub(super) topics: Vec<String>,
    /// Where partitions begin that are new.
    start: Start,
    resume: &'a BTreeMap<String, u64>,
    anchors: &'a BTreeMap<String, Anchor>,
    /// Whether to end at what is there now.
    pub(super) bounded: bool,
    /// What somebody uses.
    pub(super) wanted: Wanted,
    /// The rest.
    pub(super) context: &'a ConnectContext,
}

/// Where a partition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// At the place where it was left.
    Resumed(u64),
    /// Where the entry says.
    Fresh(Start),
}

impl ReadOrder<'_> {
    /// Where a partition begins. One that appeared while nobody looked, in a topic that was read before, begins at its first record.
    pub(super) fn beginning(&self, topic: &str, partition: u32) -> Beginning {
        if let Some(offset) = self.resume.get(&partition_id(topic, partition)) {
            return Beginning::Resumed(*offset);
        }
        let known = |id: &String| id.rsplit_once('/').is_some_and(|(known, _)| known == topic);
        Beginning::Fresh(if self.resume.keys().any(known) { Start::Earliest } else { self.start })
    }

    /// The last record that was read of a partition.
    pub(super) fn anchor(&self, topic: &str, partition: u32) -> Option<Anchor> {
        self.anchors.get(&partition_id(topic, partition)).copied()
    }
}

/// That a partition is not the one that was read, since other things, or nothing, stand where the last record was.
pub(super) fn made_anew(topic: &str, partition: u32, anchor: Anchor, stands: &str, hint: &str) -> ConnectorError {
    let Anchor { start, end, .. } = anchor;
    let what = format!(
        "partition {partition} of topic `{topic}` was read up to offset {end}, but {stands} at offset {start} now: \
         the topic was made anew, or has lost records"
    );
    ConnectorError::diverged(what, hint)
}

/// How a partition is announced to the engine.
pub(super) fn announce(topic: &str, partition: u32, start: u64, end: Option<u64>) -> Partition {
    Partition {
        id: partition_id(topic, partition),
        constants: vec![Constant::Text(topic.to_owned()), Constant::Int(i64::from(partition))],
        start,
        end,
    }
}

fn partition_id(topic: &str, partition: u32) -> String {
    format!("{topic}/{partition}")
}

impl Source for KafkaSource {
    fn describe(&self) -> String {
        let topics: Vec<String> = self.topics.iter().map(Text::to_string).collect();
        format!("kafka {} on {}", topics.join(", "), self.connection.describe())
    }

    fn meaning(&self) -> String {
        let topics: Vec<String> = self.topics.iter().map(Text::to_string).collect();
        format!("kafka {} from {:?}", topics.join(", "), self.start)
    }

    fn is_embedded(&self, variables: &Variables) -> bool {
        self.connection.is_embedded(variables)
    }

    fn metadata(&self) -> Vec<MetadataColumn> {
        let column = |column, origin| MetadataColumn { column, origin };
        vec![
            column(Column::new("_topic", ColumnType::String), MetadataOrigin::Partition(0)),
            column(Column::new("_partition", ColumnType::Int), MetadataOrigin::Partition(1)),
            column(Column::new("_offset", ColumnType::Int), MetadataOrigin::Offset),
            column(Column::new("_timestamp", ColumnType::Timestamp), MetadataOrigin::Record(0)),
            column(Column::nullable("_key", ColumnType::String), MetadataOrigin::Record(1)),
            column(Column::new("_headers", ColumnType::Json), MetadataOrigin::Record(2)),
        ]
    }

    fn replay(&self) -> Replay {
        Replay::Seek
    }

    fn open(&self, request: &OpenSource<'_>) -> Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError> {
        let variables = &request.context.variables;
        let mut topics = Vec::new();
        for topic in &self.topics {
            let topic = self.connection.topic(topic, TOPICS.name, variables)?;
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        let start = self.start.resolve(variables)?;
        let start = Start::parse(&start)
            .ok_or_else(|| ConnectorError::unusable(format!("`start`: `{start}` is no place to start"), START_FORMS))?;
        let order = ReadOrder {
            topics,
            start,
            resume: request.resume,
            anchors: request.anchors,
            bounded: request.bound == Bound::Now,
            wanted: Wanted::of(request.wanted),
            context: request.context,
        };
        match self.connection.resolve(request.context)? {
            Endpoint::Embedded(log) => EmbeddedReader::open(log, &order),
            Endpoint::Cluster(cluster) => ClusterReader::open(cluster, &order),
        }
    }
}
