//! The kind of sink named `kafka`.

use std::any::Any;

use engine::connector::{
    CheckContext, Committed, ConnectContext, ConnectorError, Held, Member, MemberError, Sink, SinkInput, SinkKind,
    SinkMode, Writer,
};
use engine::diagnostic::{Code, nearest};
use engine::schema::ColumnType;
use engine::spec::{Entry, Key, Kind, Spanned, Text, Variables};

use super::cluster::{self, ClusterWriter, TopicOrder};
use super::connection::{self, BROKERS, Connection, Endpoint};
use super::embedded::{self, EmbeddedWriter};
use super::options::OPTIONS;
use super::rows::{RowPlan, TopicMode};
use super::security::SECURITY;

/// Writes rows as JSON to a topic of Kafka, or of the embedded topic log. The topic is made if it is missing.
///
/// In `mode: append` a row is a record. In `mode: upsert` a key's last record is its present row; a tombstone (a record without
/// a value) says that it has none.
///
/// | brokers | promise |
/// |---|---|
/// | `embedded` | an epoch is there exactly once, across crashes; a reader may see some partitions' shares of it before others |
/// | real ones | exactly once, across crashes, instances that were taken for dead and replies that were lost, for readers with `isolation.level=read_committed`: an epoch is one transaction, and is visible as a whole, over all topics that the pipeline writes there |
///
/// On real brokers every record carries the headers `fc-writer`, `fc-epoch`, `fc-seq` (its place in the epoch) and `fc-gen` (the instance), and the
/// topic `flowctl-progress-NAME`, one a pipeline, keeps how far each sink has come. It is made if it is missing; who deletes it has everything written
/// again.
/// An epoch must be through within `options: { transaction.timeout.ms: … }`, by default two minutes.
#[derive(Debug)]
pub struct KafkaSinkKind;

const TOPIC: Key = Key::required("topic", Kind::Text, "the topic to write; made if it is missing");
const KEY: Key = Key::optional(
    "key",
    Kind::List(&Kind::Column),
    "the columns that make a record's key: one is written as its text, several as a JSON object",
);
const MODE: Key = Key::default(
    "mode",
    Kind::Choice(&["append", "upsert"]),
    "append",
    "`append` writes every row; `upsert` writes each key's present row, and a tombstone when it is gone",
);
const FORMAT: Key = Key::default("format", Kind::Choice(&["json"]), "json", "how rows are written");
const PARTITIONS: Key =
    Key::default("partitions", Kind::Int(1, 10_000), "3", "how many partitions the topic is made with");
const TIMESTAMP: Key = Key::optional(
    "timestamp",
    Kind::Column,
    "the column that becomes the record's time; without it, or where it is null, the time of the commit",
);

impl SinkKind for KafkaSinkKind {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn about(&self) -> &'static str {
        "writes rows as JSON to a topic of Apache Kafka, or of the embedded topic log"
    }

    fn keys(&self) -> &'static [Key] {
        const KEYS: &[Key] = &[BROKERS, TOPIC, KEY, MODE, FORMAT, PARTITIONS, TIMESTAMP, SECURITY, OPTIONS];
        KEYS
    }

    fn takes_back(&self, entry: &Entry) -> bool {
        entry.word(MODE.name).value == "upsert"
    }

    fn check(&self, entry: &Entry, input: &SinkInput, context: &mut CheckContext<'_>) -> Option<Box<dyn Sink>> {
        let connection = Connection::check(entry, context);
        let topic = entry.text(TOPIC.name);
        let sound = connection::check_topic(&topic, entry.span_of(TOPIC.name), entry, context);
        let key = columns(&entry.words(KEY.name), input, context);
        let timestamp = match entry.word_if(TIMESTAMP.name) {
            Some(column) => time_column(&column, input, context).map(Some),
            None => Some(None),
        };
        let mode = if entry.word(MODE.name).value == "upsert" { TopicMode::Upsert } else { TopicMode::Append };
        let key = key?;
        check_mode(mode, &key, entry, input, context)?;
        let sink = KafkaSink {
            connection: connection?,
            topic,
            partitions: u32::try_from(entry.int(PARTITIONS.name)).ok()?,
            plan: RowPlan { schema: input.schema.clone(), key, mode, timestamp: timestamp? },
        };
        sound.then(|| Box::new(sink) as Box<dyn Sink>)
    }
}

/// Where these columns stand in the input.
fn columns(names: &[Spanned<String>], input: &SinkInput, context: &mut CheckContext<'_>) -> Option<Vec<usize>> {
    let found: Vec<_> = names.iter().map(|name| column(name, input, context)).collect();
    found.into_iter().collect()
}

fn column(name: &Spanned<String>, input: &SinkInput, context: &mut CheckContext<'_>) -> Option<usize> {
    let found = input.schema.index_of(&name.value);
    if found.is_none() {
        let message = format!("unknown column `{}`", name.value);
        let found = context.diagnostics.error(Code::UnknownColumn, name.span, message);
        match nearest(&name.value, input.schema.names()) {
            Some(near) => found.did_you_mean(Some(near)),
            None => found.hint(format!("columns here: {}", input.schema.names().collect::<Vec<_>>().join(", "))),
        };
    }
    found
}

fn time_column(name: &Spanned<String>, input: &SinkInput, context: &mut CheckContext<'_>) -> Option<usize> {
    let found = column(name, input, context)?;
    let column_type = &input.schema.columns[found].column_type;
    if *column_type == ColumnType::Timestamp {
        return Some(found);
    }
    let message = format!("`timestamp` needs a column of type timestamp; `{}` is {column_type}", name.value);
    context
        .diagnostics
        .error(Code::TypeMismatch, name.span, message)
        .hint(format!("name another column, or convert it before: `cast({} as timestamp)`", name.value));
    None
}

fn check_mode(
    mode: TopicMode,
    key: &[usize],
    entry: &Entry,
    input: &SinkInput,
    context: &mut CheckContext<'_>,
) -> Option<()> {
    let nullable = key.iter().map(|column| &input.schema.columns[*column]).find(|column| column.nullable);
    let (message, hint) = match (mode, input.mode) {
        (TopicMode::Append, SinkMode::Changes) => (
            format!("sink `{}` appends, but its input takes rows back", input.name),
            "use `mode: upsert` and `key`, so that a later record replaces an earlier one".to_owned(),
        ),
        (TopicMode::Upsert, _) if key.is_empty() => {
            ("`mode: upsert` needs `key`".to_owned(), "add `key: [columns that tell rows apart]`".to_owned())
        }
        (TopicMode::Upsert, _) => match nullable {
            Some(column) => (
                format!("column `{}` may be null, so it cannot be a key of `mode: upsert`", column.name),
                format!("filter such rows out first: `filter: {} is not null`", column.name),
            ),
            None => return Some(()),
        },
        _ => return Some(()),
    };
    let at = if entry.has(KEY.name) && mode == TopicMode::Upsert { KEY.name } else { MODE.name };
    let code = if mode == TopicMode::Upsert && key.is_empty() { Code::MissingKey } else { Code::SinkCannotTake };
    context.diagnostics.error(code, entry.span_of(at), message).hint(hint);
    None
}

/// A checked Kafka sink.
#[derive(Debug)]
struct KafkaSink {
    connection: Connection,
    topic: Text,
    partitions: u32,
    plan: RowPlan,
}

impl Sink for KafkaSink {
    fn describe(&self) -> String {
        format!("kafka {} on {}", self.topic, self.connection.describe())
    }

    fn domain(&self, variables: &Variables) -> Option<String> {
        self.connection.identity(variables)
    }

    fn open(&self, members: &[Member<'_>]) -> Result<Box<dyn Writer>, MemberError> {
        match self.connection.resolve(members[0].context)? {
            Endpoint::Embedded(topics) => {
                let context = members[0].context;
                let topic = self.topic_name(context)?;
                Ok(Box::new(EmbeddedWriter::open(&topics, &topic, self.partitions, self.plan.clone(), context)?))
            }
            Endpoint::Cluster(cluster) => {
                let orders = members.iter().enumerate().map(|(place, member)| {
                    let order = order_of(*member).map_err(MemberError::of(place))?;
                    Ok((order, member.context))
                });
                Ok(Box::new(ClusterWriter::open(cluster, orders.collect::<Result<_, MemberError>>()?)?))
            }
        }
    }

    fn read_back(
        &self,
        context: &ConnectContext,
        take: &mut dyn FnMut(Held) -> Result<(), ConnectorError>,
    ) -> Result<Option<Committed>, ConnectorError> {
        let topic = self.topic_name(context)?;
        let mark = match self.connection.resolve(context)? {
            Endpoint::Embedded(topics) => embedded::read_back(&topics, &topic, &self.plan, context, take)?,
            Endpoint::Cluster(cluster) => cluster::read_back(&cluster, &topic, &self.plan, context, take)?,
        };
        Ok(Some(Committed::Epoch(mark)))
    }
}

impl KafkaSink {
    fn topic_name(&self, context: &ConnectContext) -> Result<String, ConnectorError> {
        self.connection.topic(&self.topic, TOPIC.name, &context.variables)
    }
}

/// What a sink of the domain writes, and where.
fn order_of(member: Member<'_>) -> Result<TopicOrder, ConnectorError> {
    let sink: &dyn Any = member.sink;
    let sink = sink.downcast_ref::<KafkaSink>().expect("the sinks of a domain are of one type");
    let topic = sink.topic_name(member.context)?;
    Ok(TopicOrder { topic, partitions: sink.partitions, plan: sink.plan.clone() })
}
