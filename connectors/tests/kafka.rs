//! Source, sink and topic access of `kafka`, on the embedded log and on real brokers: the same functions for both.
//!
//! The second half needs `KAFKA_BROKERS` and is ignored otherwise: `KAFKA_BROKERS=localhost:9092 cargo test -p flowctl-connectors
//! --test kafka -- --include-ignored`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::TimestampMicrosecondType;
use connectors::kafka::{KafkaSinkKind, KafkaSourceKind, TopicAccess};
use connectors::topic_log::{Header, TopicRecord, Topics};
use engine::connector::{
    Bound, Changes, CheckContext, Committed, ConnectContext, ConnectorError, OpenSource, Partition, PartitionIndex,
    Read, Reader, Sink, SinkInput, SinkKind, SinkMode, Source, SourceKind, StopFlag,
};
use engine::diagnostic::{Code, Diagnostics, FileId, Span};
use engine::schema::{Column, ColumnType, Schema};
use engine::spec::{Content, Entry, Key, Node, Spanned, Variables};
use tempfile::TempDir;

/// Brokers, a state root and a topic of its own.
struct Place {
    brokers: String,
    root: PathBuf,
    topic: String,
    _folder: Option<TempDir>,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Place {
    fn new(brokers: String) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos();
        let topic = format!("test-{nanos}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = TempDir::new().expect("a temporary folder");
        Self { brokers, root: folder.path().to_owned(), topic, _folder: Some(folder) }
    }

    fn embedded() -> Self {
        Self::new("embedded".into())
    }

    fn real() -> Self {
        let brokers = std::env::var("KAFKA_BROKERS").unwrap_or_default();
        assert!(!brokers.is_empty() && brokers != "embedded", "set KAFKA_BROKERS to run this test");
        Self::new(brokers)
    }

    fn is_embedded(&self) -> bool {
        self.brokers == "embedded"
    }

    fn access(&self) -> TopicAccess {
        TopicAccess::new(&self.brokers, &[], &self.root, &StopFlag::default()).expect("an endpoint")
    }

    fn context(&self) -> ConnectContext {
        ConnectContext {
            pipeline: "p".into(),
            name: "s".into(),
            state_id: format!("state-of-{}", self.topic),
            generation: 1,
            fingerprint: "f".into(),
            state_root: self.root.clone(),
            state_folder: self.root.join("p"),
            variables: Variables::new([("BROKERS".to_owned(), self.brokers.clone())]),
            stop: StopFlag::default(),
        }
    }

    fn produce(&self, partitions: u32, records: &[(Option<&str>, Option<&str>, i64)]) {
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

    fn source(&self, start: &str) -> Box<dyn Source> {
        let node =
            map([("brokers", scalar("${BROKERS}")), ("topics", list([scalar(&self.topic)])), ("start", scalar(start))]);
        checked(&KafkaSourceKind, &node).expect("a good entry")
    }

    fn open(&self, start: &str, resume: &[(u32, u64)], bound: Bound) -> Result<Opened, ConnectorError> {
        let resume: BTreeMap<String, u64> =
            resume.iter().map(|(partition, offset)| (format!("{}/{partition}", self.topic), *offset)).collect();
        let context = self.context();
        let request = OpenSource { resume: &resume, bound, wanted: &[true; 3], context: &context };
        let (partitions, reader) = self.source(start).open(&request)?;
        Ok(Opened { partitions, reader })
    }

    fn sink(&self, keys: &[(&str, &str)], mode: SinkMode) -> Result<Box<dyn Sink>, Vec<Code>> {
        let mut pairs = vec![("brokers", scalar(&self.brokers)), ("topic", scalar(&self.topic))];
        pairs.extend(keys.iter().map(|(key, value)| (*key, scalar(value))));
        let node = map(pairs);
        let input = SinkInput { name: "s".into(), schema: schema(), mode, order: Vec::new() };
        let mut diagnostics = Diagnostics::default();
        let variables = Variables::default();
        let entry = Entry::read(&node, KafkaSinkKind.keys(), &variables, &mut diagnostics).expect("known keys");
        let folder = &self.root;
        let mut context = CheckContext { folder, variables: &variables, diagnostics: &mut diagnostics };
        let sink = KafkaSinkKind.check(&entry, &input, &mut context);
        sink.ok_or_else(|| diagnostics.sorted().iter().map(|found| found.code).collect())
    }

    /// Everything that is in the topic now.
    fn everything(&self) -> Vec<Row> {
        self.open("earliest", &[], Bound::Now).expect("the topic").drain()
    }
}

/// A record as the engine sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    partition: u32,
    offset: u64,
    key: Option<String>,
    value: Option<String>,
    millis: i64,
    headers: String,
}

struct Opened {
    partitions: Vec<Partition>,
    reader: Box<dyn Reader>,
}

impl Opened {
    /// Reads until `enough` says so of a read.
    fn until(&mut self, mut enough: impl FnMut(&Read) -> bool) -> Vec<Row> {
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

    fn drain(&mut self) -> Vec<Row> {
        self.until(|read| matches!(read, Read::End))
    }

    /// Reads until so many records have come.
    fn take(&mut self, mut count: usize) -> Vec<Row> {
        self.until(|read| {
            if let Read::Records(records) = read {
                count = count.saturating_sub(records.spans().values.len());
            }
            count == 0
        })
    }
}

const NOWHERE: Span = Span { file: FileId(0), start: 0, end: 0 };

fn scalar(text: &str) -> Node {
    Node { content: Content::Scalar(text.to_owned()), span: NOWHERE }
}

fn list(nodes: impl IntoIterator<Item = Node>) -> Node {
    Node { content: Content::List(nodes.into_iter().collect()), span: NOWHERE }
}

fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
    let pairs = pairs.into_iter().map(|(key, value)| (Spanned::new(key.to_owned(), NOWHERE), value)).collect();
    Node { content: Content::Map(pairs), span: NOWHERE }
}

fn checked(kind: &dyn SourceKind, node: &Node) -> Result<Box<dyn Source>, Vec<Code>> {
    let keys: &'static [Key] = kind.keys();
    let (variables, mut diagnostics) = (Variables::default(), Diagnostics::default());
    let entry = Entry::read(node, keys, &variables, &mut diagnostics);
    let folder = std::path::Path::new(".");
    let source = entry.and_then(|entry| {
        kind.check(&entry, &mut CheckContext { folder, variables: &variables, diagnostics: &mut diagnostics })
    });
    source.ok_or_else(|| diagnostics.sorted().iter().map(|found| found.code).collect())
}

fn schema() -> Schema {
    Schema::new(vec![Column::new("name", ColumnType::String), Column::nullable("n", ColumnType::Int)])
}

fn changes(rows: &[(&str, i64, i64)]) -> Changes {
    let names: ArrayRef = Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| row.0)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)));
    let rows_batch = RecordBatch::try_new(schema().arrow(), vec![names, numbers]).expect("fits");
    Changes { rows: rows_batch, diffs: rows.iter().map(|row| row.2).collect() }
}

fn values(rows: &[Row]) -> Vec<String> {
    let mut values: Vec<String> = rows.iter().filter_map(|row| row.value.clone()).collect();
    values.sort();
    values
}

fn what_is_produced_is_read_with_its_metadata(place: &Place) {
    let sent = [
        (Some("a"), Some("1"), 1_700_000_000_000),
        (Some("b"), None, 1_700_000_000_001),
        (None, Some(""), 1_700_000_000_002),
        (Some("a"), Some("2"), 1_700_000_000_003),
    ];
    place.produce(3, &sent);
    let mut opened = place.open("earliest", &[], Bound::Now).expect("the topic");
    assert_eq!(opened.partitions.len(), 3);
    assert_eq!(opened.partitions[2].id, format!("{}/2", place.topic));
    assert_eq!(opened.partitions.iter().map(|partition| partition.end.expect("bounded")).sum::<u64>(), 4);
    let rows = opened.drain();
    assert!(rows.iter().all(|row| row.headers == "{}"));
    let mut found: Vec<_> = rows.iter().map(|row| (row.key.as_deref(), row.value.as_deref(), row.millis)).collect();
    found.sort_by_key(|row| row.2);
    assert_eq!(found, sent);
    let homes: Vec<_> = rows.iter().filter(|row| row.key.as_deref() == Some("a")).map(|row| row.partition).collect();
    assert_eq!(homes[0], homes[1]);
    let listed = place.access().list().expect("topics");
    let summary = listed.iter().find(|summary| summary.name == place.topic).expect("listed");
    assert_eq!(summary.partitions.iter().map(|(start, end)| end - start).sum::<u64>(), 4);
}

fn reading_goes_on_where_it_was_left(place: &Place) {
    place.produce(1, &(0..100).map(|_| (None, Some("x"), 1_000)).collect::<Vec<_>>());
    let mut opened = place.open("earliest", &[(0, 40)], Bound::Unbounded).expect("the topic");
    let rows = opened.take(60);
    assert_eq!(rows.iter().map(|row| row.offset).collect::<Vec<_>>(), (40..100).collect::<Vec<_>>());
    place.produce(1, &[(None, Some("y"), 1_000)]);
    assert_eq!(opened.take(1)[0].offset, 100);
    let past = place.open("earliest", &[(0, 500)], Bound::Unbounded);
    assert!(matches!(past, Err(ConnectorError::Diverged { .. })));
}

fn nothing_passes_a_limit_until_it_is_raised(place: &Place) {
    place.produce(
        2,
        &(0..60_000).map(|_| (None, Some("0123456789012345678901234567890123456789"), 1_000)).collect::<Vec<_>>(),
    );
    let mut opened = place.open("earliest", &[], Bound::Now).expect("the topic");
    let first = PartitionIndex(0);
    let mut rows = Vec::new();
    for limit in [1, 7, 8, 15_000, 29_999] {
        opened.reader.limit(first, Some(limit));
        rows.extend(opened.until(|read| matches!(read, Read::Reached(index) if *index == first)));
        let last = rows.iter().filter(|row| row.partition == 0).map(|row| row.offset).max();
        assert_eq!(last, Some(limit - 1));
    }
    opened.reader.limit(first, None);
    rows.extend(opened.drain());
    for partition in 0..2 {
        let offsets: Vec<u64> = rows.iter().filter(|row| row.partition == partition).map(|row| row.offset).collect();
        assert_eq!(offsets, (0..30_000).collect::<Vec<_>>());
    }
}

fn many_small_limits_cost_no_waiting(place: &Place) {
    place.produce(1, &(0..2_000).map(|_| (None, Some("x"), 1_000)).collect::<Vec<_>>());
    let mut opened = place.open("earliest", &[], Bound::Unbounded).expect("the topic");
    let begun = Instant::now();
    let mut count = 0;
    for limit in (5..=2_000).step_by(5) {
        opened.reader.limit(PartitionIndex(0), Some(limit));
        count += opened.until(|read| matches!(read, Read::Reached(_))).len() as u64;
        assert_eq!(count, limit);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

fn starts_are_resolved_at_the_opening(place: &Place) {
    place.produce(1, &(0..10).map(|second| (None, Some("x"), second * 1_000)).collect::<Vec<_>>());
    let at = |start: &str| place.open(start, &[], Bound::Now).expect("the topic").partitions[0].start;
    assert_eq!(at("1970-01-01T00:00:04Z"), 4);
    assert_eq!(at("1970-01-01T00:00:04.000001Z"), 5);
    assert_eq!(at("2100-01-01T00:00:00Z"), 10);
    let mut latest = place.open("latest", &[], Bound::Unbounded).expect("the topic");
    assert_eq!(latest.partitions[0].start, 10);
    place.produce(1, &[(None, Some("new"), 1)]);
    assert_eq!(latest.take(1)[0].value.as_deref(), Some("new"));
    assert_eq!(place.open("latest", &[(0, 3)], Bound::Now).expect("the topic").drain().len(), 8);
}

fn a_missing_topic_is_refused_and_not_made(place: &Place) {
    for _ in 0..2 {
        assert!(matches!(place.open("earliest", &[], Bound::Now), Err(ConnectorError::Refused { .. })));
    }
}

fn an_empty_topic_ends_at_once(place: &Place) {
    place.produce(3, &[]);
    assert_eq!(place.everything(), []);
}

fn epochs_are_appended_once(place: &Place) {
    let sink = place.sink(&[("partitions", "2")], SinkMode::Appends).expect("a good entry");
    let first = changes(&[("a", 1, 1), ("b", 2, 2), ("c", 3, 1)]);
    let second = changes(&[("d", 4, 1), ("e", 5, 1)]);
    {
        let mut writer = sink.open(&place.context()).expect("a topic");
        assert_eq!(writer.committed(), Committed::Epoch(0));
        writer.commit(3, &first).expect("room");
        assert_eq!(writer.committed(), Committed::Epoch(3));
    }
    let marker = place.root.join("p/sinks/s.epoch");
    let before = std::fs::read(&marker).expect("a marker");
    sink.open(&place.context()).expect("the topic").commit(5, &second).expect("room");
    // As after a crash between the last acknowledgement and the marker.
    std::fs::write(&marker, &before).expect("a marker");
    let mut writer = sink.open(&place.context()).expect("the topic");
    assert!(matches!(writer.committed(), Committed::Epoch(3 | 5)));
    writer.commit(5, &second).expect("room");
    assert_eq!(writer.committed(), Committed::Epoch(5));
    writer.commit(6, &changes(&[("f", 6, 1)])).expect("room");
    drop(writer);
    let rows = place.everything();
    let expected =
        ["a\",\"n\":1", "b\",\"n\":2", "b\",\"n\":2", "c\",\"n\":3", "d\",\"n\":4", "e\",\"n\":5", "f\",\"n\":6"];
    assert_eq!(values(&rows), expected.map(|row| format!("{{\"name\":\"{row}}}")));
    let other = ConnectContext { fingerprint: "g".into(), ..place.context() };
    assert!(matches!(sink.open(&other), Err(ConnectorError::Diverged { .. })));
}

/// Tells a copy of this test program that it is to write epochs, and where: brokers, root and topic.
const CHILD: &str = "FLOWCTL_TEST_EPOCH_WRITER";

fn a_killed_writer_loses_and_doubles_nothing(place: &Place) {
    let (epochs, first_kill, later) = if place.is_embedded() { (1_500, 30, 20) } else { (1_000, 250, 100) };
    let name = |number: u64| format!("{number:06}");
    let sink = |place: &Place| place.sink(&[("partitions", "2")], SinkMode::Appends).expect("a good entry");
    if let Ok(orders) = std::env::var(CHILD) {
        let [brokers, root, topic] = orders.split('|').collect::<Vec<_>>()[..] else { panic!("three words") };
        let place = Place { brokers: brokers.into(), root: root.into(), topic: topic.into(), _folder: None };
        let mut writer = sink(&place).open(&place.context()).expect("a topic");
        let Committed::Epoch(committed) = writer.committed() else { panic!("topics last") };
        for epoch in committed + 1..=epochs {
            let names: Vec<String> = (0..10).map(|row| name(epoch * 10 + row)).collect();
            let rows: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 1)).collect();
            writer.commit(epoch, &changes(&rows)).expect("room");
        }
        return;
    }
    let test = std::thread::current().name().expect("tests have names").to_owned();
    let orders = format!("{}|{}|{}", place.brokers, place.root.display(), place.topic);
    let write = || {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--include-ignored", "--exact", &test]).env(CHILD, &orders).stdout(Stdio::null());
        command.spawn().expect("a process")
    };
    for round in 0..10 {
        let mut child = write();
        std::thread::sleep(Duration::from_millis(first_kill + later * round));
        child.kill().expect("a process");
        child.wait().expect("a process");
    }
    assert!(write().wait().expect("a process").success());
    let expected: Vec<String> =
        (10..epochs * 10 + 10).map(|row| format!("{{\"name\":\"{}\",\"n\":1}}", name(row))).collect();
    assert!(values(&place.everything()) == expected, "rows are lost or doubled");
}

fn upserts_end_in_tombstones(place: &Place) {
    let sink = place.sink(&[("mode", "upsert"), ("key", "name")], SinkMode::Changes).expect("a good entry");
    let mut writer = sink.open(&place.context()).expect("a topic");
    writer.commit(1, &changes(&[("a", 1, 1), ("b", 1, 1)])).expect("room");
    writer.commit(2, &changes(&[("a", 1, -1), ("a", 2, 1), ("b", 1, -1)])).expect("room");
    drop(writer);
    let last: BTreeMap<_, _> = place.everything().into_iter().map(|row| (row.key.expect("keyed"), row.value)).collect();
    assert_eq!(last["a"].as_deref(), Some("{\"name\":\"a\",\"n\":2}"));
    assert_eq!(last["b"], None);
}

fn a_partition_that_is_added_is_discovered(place: &Place) {
    place.produce(1, &[(None, Some("x"), 1)]);
    let mut opened = place.open("latest", &[], Bound::Unbounded).expect("the topic");
    grow(place, 2);
    place.produce(2, &[(None, Some("y"), 1), (None, Some("z"), 1)]);
    let mut discovered = None;
    let mut rows = opened.until(|read| match read {
        Read::Discovered(partitions) => {
            discovered = Some(partitions.clone());
            true
        }
        _ => false,
    });
    let discovered = discovered.expect("found");
    assert_eq!((discovered[0].id.as_str(), discovered[0].start), (format!("{}/1", place.topic).as_str(), 0));
    rows.extend(opened.take(2 - rows.len()));
    assert_eq!(values(&rows), ["y", "z"]);
    // One that appears while nobody looks is read from its first record too.
    let resumed = place.open("latest", &[(0, 2)], Bound::Now).expect("the topic").drain();
    assert_eq!(resumed.iter().map(|row| row.partition).collect::<Vec<_>>(), [1]);
}

fn grow(place: &Place, partitions: usize) {
    use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
    if place.is_embedded() {
        Topics::below(&place.root).add_partitions(&place.topic, partitions as u32).expect("room");
        return;
    }
    let admin: AdminClient<_> =
        rdkafka::ClientConfig::new().set("bootstrap.servers", &place.brokers).create().expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let wish = NewPartitions::new(&place.topic, partitions);
    let results = runtime.block_on(admin.create_partitions([&wish], &AdminOptions::new())).expect("an answer");
    results.into_iter().for_each(|result| drop(result.expect("more partitions")));
    let grown = |summary: &connectors::topic_log::TopicSummary| {
        summary.name == place.topic && summary.partitions.len() == partitions
    };
    let begun = Instant::now();
    while !place.access().list().is_ok_and(|topics| topics.iter().any(grown)) {
        assert!(begun.elapsed() < PATIENCE, "the new partition does not show");
    }
}

macro_rules! on_both {
    ($($name:ident,)+) => {
        mod embedded {
            $(#[test]
            fn $name() {
                super::$name(&super::Place::embedded());
            })+
        }
        mod real {
            $(#[test]
            #[ignore = "needs KAFKA_BROKERS"]
            fn $name() {
                super::$name(&super::Place::real());
            })+
        }
    };
}

on_both! {
    what_is_produced_is_read_with_its_metadata,
    reading_goes_on_where_it_was_left,
    nothing_passes_a_limit_until_it_is_raised,
    many_small_limits_cost_no_waiting,
    starts_are_resolved_at_the_opening,
    a_missing_topic_is_refused_and_not_made,
    an_empty_topic_ends_at_once,
    epochs_are_appended_once,
    a_killed_writer_loses_and_doubles_nothing,
    upserts_end_in_tombstones,
    a_partition_that_is_added_is_discovered,
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn half_an_epoch_is_completed_and_not_doubled() {
    let place = Place::real();
    let sink = place.sink(&[("partitions", "2")], SinkMode::Appends).expect("a good entry");
    sink.open(&place.context()).expect("a topic").commit(1, &changes(&[("a", 1, 1)])).expect("room");
    let writer = format!("p/s/{}", place.context().state_id);
    let header = |name: &str, value: &str| Header { name: name.to_owned(), value: Some(value.as_bytes().to_vec()) };
    let mut producer = place.access().produce(&place.topic, 2).expect("the topic");
    for (name, whose, sequence) in [("c", writer.as_str(), "1"), ("stranger", "p/s/other", "0")] {
        let headers = vec![header("fc-writer", whose), header("fc-epoch", "2"), header("fc-seq", sequence)];
        let value = Some(format!("{{\"name\":\"{name}\",\"n\":3}}").into_bytes());
        producer.send_record(TopicRecord { key: None, value, headers, timestamp: 1_000 }).expect("room");
    }
    producer.flush().expect("durable");
    let mut opened = sink.open(&place.context()).expect("the topic");
    opened.commit(2, &changes(&[("b", 2, 1), ("c", 3, 1), ("d", 4, 1)])).expect("room");
    let names: Vec<String> =
        values(&place.everything()).iter().map(|row| row[9..].split('"').next().expect("a name").to_owned()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "stranger"]);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn aborted_transactions_are_gaps_that_hold_nothing_up() {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    let place = Place::real();
    place.produce(1, &[(None, Some("plain"), 1)]);
    let producer: BaseProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &place.brokers)
        .set("transactional.id", &place.topic)
        .create()
        .expect("a client");
    producer.init_transactions(PATIENCE).expect("transactions");
    let transact = |value: &str| {
        producer.begin_transaction().expect("a transaction");
        producer
            .send(BaseRecord::<str, str>::to(&place.topic).payload(value))
            .map_err(|(error, _)| error)
            .expect("room");
        producer.flush(PATIENCE).expect("written");
    };
    transact("aborted");
    producer.abort_transaction(PATIENCE).expect("aborted");
    transact("committed");
    producer.commit_transaction(PATIENCE).expect("committed");
    transact("aborted");
    producer.abort_transaction(PATIENCE).expect("aborted");
    let mut opened = place.open("earliest", &[], Bound::Now).expect("the topic");
    assert_eq!(opened.partitions[0].end, Some(7));
    assert_eq!(values(&opened.drain()), ["committed", "plain"]);
    let mut limited = place.open("earliest", &[], Bound::Unbounded).expect("the topic");
    for (limit, expected) in [(1, vec!["plain"]), (3, vec![]), (4, vec!["committed"]), (7, vec![])] {
        limited.reader.limit(PartitionIndex(0), Some(limit));
        assert_eq!(values(&limited.until(|read| matches!(read, Read::Reached(_)))), expected, "{limit}");
    }
    transact("open");
    assert_eq!(values(&place.everything()), ["committed", "plain"]);
    producer.abort_transaction(PATIENCE).expect("aborted");
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn offsets_that_are_gone_diverge() {
    use rdkafka::admin::{AdminClient, AdminOptions};
    use rdkafka::{Offset, TopicPartitionList};
    let place = Place::real();
    place.produce(1, &(0..10).map(|_| (None, Some("x"), 1_000)).collect::<Vec<_>>());
    let admin: AdminClient<_> =
        rdkafka::ClientConfig::new().set("bootstrap.servers", &place.brokers).create().expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut below = TopicPartitionList::new();
    below.add_partition_offset(&place.topic, 0, Offset::Offset(6)).expect("an offset");
    let deleted = runtime.block_on(admin.delete_records(&below, &AdminOptions::new())).expect("an answer");
    assert!(deleted.elements().iter().all(|element| element.error().is_ok()));
    assert!(matches!(place.open("earliest", &[(0, 3)], Bound::Now), Err(ConnectorError::Diverged { .. })));
    assert_eq!(place.everything().len(), 4);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_topic_that_is_deleted_while_it_is_read_diverges() {
    use rdkafka::admin::{AdminClient, AdminOptions};
    let place = Place::real();
    place.produce(1, &[(None, Some("x"), 1)]);
    let mut opened = place.open("earliest", &[], Bound::Unbounded).expect("the topic");
    assert_eq!(opened.take(1).len(), 1);
    let admin: AdminClient<_> =
        rdkafka::ClientConfig::new().set("bootstrap.servers", &place.brokers).create().expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let results = runtime.block_on(admin.delete_topics(&[&place.topic], &AdminOptions::new())).expect("an answer");
    results.into_iter().for_each(|result| drop(result.expect("deleted")));
    let begun = Instant::now();
    let error = loop {
        assert!(begun.elapsed() < PATIENCE, "the deletion does not show");
        if let Err(error) = opened.reader.read(Duration::from_millis(200)) {
            break error;
        }
    };
    assert!(matches!(error, ConnectorError::Diverged { .. }), "{error}");
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn wrong_security_is_refused_quickly() {
    let place = Place::real();
    place.produce(1, &[]);
    let security = map([("protocol", scalar("ssl"))]);
    let node = map([("brokers", scalar("${BROKERS}")), ("topics", scalar(&place.topic)), ("security", security)]);
    let source = checked(&KafkaSourceKind, &node).expect("a good entry");
    let (context, resume) = (place.context(), BTreeMap::new());
    let begun = Instant::now();
    let opened = source.open(&OpenSource { resume: &resume, bound: Bound::Now, wanted: &[], context: &context });
    let error = opened.map(|_| ()).expect_err("no TLS there");
    assert!(matches!(error, ConnectorError::Refused { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[test]
fn brokers_out_of_reach_are_unavailable() {
    let place = Place::new("127.0.0.1:1".into());
    let context = place.context();
    context.stop.set();
    let resume = BTreeMap::new();
    let request = OpenSource { resume: &resume, bound: Bound::Now, wanted: &[], context: &context };
    let opened = place.source("earliest").open(&request);
    assert!(matches!(opened.map(|_| ()), Err(ConnectorError::Unavailable { .. })));
}

#[test]
fn an_unknown_option_is_unusable_and_keeps_its_value_to_itself() {
    let node = map([
        ("brokers", scalar("127.0.0.1:1")),
        ("topics", scalar("t")),
        ("options", map([("no.such.option", scalar("hunter2"))])),
    ]);
    let source = checked(&KafkaSourceKind, &node).expect("known only to librdkafka");
    let (context, resume) = (Place::embedded().context(), BTreeMap::new());
    let opened = source.open(&OpenSource { resume: &resume, bound: Bound::Now, wanted: &[], context: &context });
    let error = opened.map(|_| ()).expect_err("unknown");
    assert!(matches!(error, ConnectorError::Unusable { .. }));
    assert!(error.to_string().contains("no.such.option") && !error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn entries_that_cannot_work_are_found_by_the_check() {
    let source = |pairs: Vec<(&str, Node)>| checked(&KafkaSourceKind, &map(pairs)).map(|_| ()).expect_err("wrong");
    let topics = || ("topics", scalar("t"));
    assert_eq!(source(vec![("topics", list([]))]), [Code::BadValue]);
    assert_eq!(source(vec![("topics", list([scalar("t"), scalar("t")]))]), [Code::BadValue]);
    assert_eq!(source(vec![topics(), ("start", scalar("yesterday"))]), [Code::BadValue]);
    assert_eq!(source(vec![topics(), ("options", map([("group.id", scalar("g"))]))]), [Code::Conflict]);
    assert_eq!(source(vec![topics(), ("security", map([("username", scalar("u"))]))]), [Code::MissingKey]);
    let place = Place::embedded();
    let sink = |keys: &[(&str, &str)], mode| place.sink(keys, mode).map(|_| ()).expect_err("wrong");
    assert_eq!(sink(&[], SinkMode::Changes), [Code::SinkCannotTake]);
    assert_eq!(sink(&[("mode", "upsert")], SinkMode::Changes), [Code::SinkCannotTake]);
    assert_eq!(sink(&[("mode", "upsert"), ("key", "n")], SinkMode::Changes), [Code::SinkCannotTake]);
    assert_eq!(sink(&[("key", "nam")], SinkMode::Appends), [Code::UnknownColumn]);
    assert_eq!(sink(&[("timestamp", "name")], SinkMode::Appends), [Code::TypeMismatch]);
}
