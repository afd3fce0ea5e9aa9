//! The source against the simulator, over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use engine::connector::{
    Bound, CheckContext, ConnectContext, ConnectorError, OpenSource, PartitionIndex, Read, Reader, Source, SourceKind,
    StopFlag,
};
use engine::diagnostic::{Diagnostics, FileId, Span};
use engine::spec::{Content, Entry, Node, Spanned, Variables};
use serde_json::Value;

use crate::simulator::{
    ClockMode, Fault, RunningSimulator, ScheduledFault, Simulator, SimulatorClient, SimulatorOptions,
};

use super::deliver::{offset, place};
use super::*;

const SPAN: Span = Span { file: FileId(0), start: 0, end: 1 };

fn node(content: Content) -> Node {
    Node { content, span: SPAN }
}

/// The source of these keys; lists are written with commas.
pub(super) fn source(keys: &[(&str, &str)]) -> Result<Box<dyn Source>, Diagnostics> {
    let scalar = |text: &str| node(Content::Scalar(text.to_owned()));
    let pairs = keys
        .iter()
        .map(|(name, value)| {
            let value = match value.split_once(',') {
                None => scalar(value),
                Some(_) => node(Content::List(value.split(',').map(scalar).collect())),
            };
            (Spanned::new((*name).to_owned(), SPAN), value)
        })
        .collect();
    let variables = Variables::default();
    let mut diagnostics = Diagnostics::default();
    let entry = Entry::read(&node(Content::Map(pairs)), TwitchSourceKind.keys(), &variables, &mut diagnostics);
    let mut context = CheckContext { folder: Path::new("."), variables: &variables, diagnostics: &mut diagnostics };
    entry.and_then(|entry| TwitchSourceKind.check(&entry, &mut context)).ok_or(diagnostics)
}

fn context() -> ConnectContext {
    ConnectContext {
        pipeline: "p".into(),
        name: "streams".into(),
        state_id: "s".into(),
        generation: 1,
        fingerprint: "f".into(),
        state_root: "unused".into(),
        state_folder: "unused".into(),
        taken_over: false,
        predecessor: None,
        variables: Variables::new([("SECRET".into(), "correct-horse-battery".into())]),
        stop: StopFlag::default(),
    }
}

fn open(source: &dyn Source, bound: Bound, resume: Option<u64>) -> Result<(u64, Box<dyn Reader>), ConnectorError> {
    let context = context();
    let resume: BTreeMap<String, u64> = resume.map(|offset| ("streams".to_owned(), offset)).into_iter().collect();
    let wanted = [true; 4];
    let (partitions, reader) = source.open(&OpenSource {
        resume: &resume,
        anchors: &BTreeMap::new(),
        bound,
        wanted: &wanted,
        context: &context,
    })?;
    assert_eq!(partitions.len(), 1);
    Ok((partitions[0].start, reader))
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    offset: u64,
    poll: i64,
    polled_at: i64,
    rank: i64,
    bytes: Vec<u8>,
}

impl Row {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a row is JSON")
    }
}

/// Reads until the end, or until `enough` says so; also returns where the last batch ended.
fn rows(reader: &mut dyn Reader, enough: impl Fn(&[Row]) -> bool) -> Result<(Vec<Row>, u64), ConnectorError> {
    let mut rows = Vec::new();
    let mut end = 0;
    while !enough(&rows) {
        match reader.read(Duration::from_millis(500))? {
            Read::Records(records) => {
                assert!(records.range.start >= end, "offsets ascend");
                end = records.range.end;
                let spans = records.spans();
                for (place, span) in spans.values.iter().enumerate() {
                    let int = |column: usize| records.metadata[column].as_primitive::<Int64Type>().value(place);
                    let at = |column: usize| {
                        records.metadata[column].as_primitive::<TimestampMicrosecondType>().value(place)
                    };
                    assert_eq!(at(1), at(3));
                    let bytes = records.value(span.as_ref().expect("rows have values")).to_vec();
                    rows.push(Row {
                        offset: spans.offsets.at(place),
                        poll: int(0),
                        polled_at: at(1),
                        rank: int(2),
                        bytes,
                    });
                }
                assert!(records.metadata.iter().all(|column| column.len() == spans.values.len()));
            }
            Read::Idle => {}
            Read::End => break,
            other => panic!("{other:?}"),
        }
    }
    Ok((rows, end))
}

fn all(reader: &mut dyn Reader) -> (Vec<Row>, u64) {
    rows(reader, |_| false).expect("no failure")
}

fn simulator(faults: Vec<ScheduledFault>) -> RunningSimulator {
    let options = SimulatorOptions {
        clock: "manual".parse::<ClockMode>().expect("a clock"),
        clients: vec![SimulatorClient { id: "me".into(), secret: "correct-horse-battery".into() }],
        faults,
        ..SimulatorOptions::default()
    };
    Simulator::start(options).expect("a free port")
}

/// A source on a simulator that the test has started.
fn outside(simulator: &RunningSimulator, more: &[(&str, &str)]) -> Box<dyn Source> {
    let mut keys = vec![("api", simulator.api_url.as_str()), ("client_id", "me"), ("client_secret", "${SECRET}")];
    keys.extend_from_slice(more);
    source(&keys).expect("sound keys")
}

fn once(source: &dyn Source) -> (Vec<Row>, u64) {
    all(&mut *open(source, Bound::Now, None).expect("open").1)
}

#[test]
fn a_simulated_day_has_a_poll_a_step_and_is_the_same_every_time() {
    let day = source(&[("every", "2h"), ("seed", "3")]).expect("sound keys");
    let (start, mut reader) = open(&*day, Bound::Now, None).expect("open");
    assert_eq!(start, offset(1, 0));
    let (rows, end) = all(&mut *reader);
    assert_eq!(end, offset(13, 0));
    let polls: BTreeSet<(i64, i64)> = rows.iter().map(|row| (row.poll, row.polled_at)).collect();
    let expected: BTreeSet<(i64, i64)> = (1..=12).map(|p| (p, (1_767_571_200 + (p - 1) * 7200) * 1_000_000)).collect();
    assert_eq!(polls, expected);
    for row in &rows {
        assert_eq!(place(row.offset), (row.poll as u64, row.rank as u64 - 1));
        let started = row.json()["started_at"].as_str().expect("text").to_owned();
        assert!(started.parse::<chrono::DateTime<chrono::Utc>>().expect("a time").timestamp_micros() <= row.polled_at);
    }
    let ids: BTreeSet<(i64, String)> = rows.iter().map(|row| (row.poll, row.json()["id"].to_string())).collect();
    assert_eq!(ids.len(), rows.len(), "a stream stands once in a poll");
    assert!(rows.len() > 12 * 250, "{}", rows.len());
    let (again, _) = once(&*day);
    assert_eq!(again, rows);
}

#[test]
fn an_interrupted_day_is_continued_exactly() {
    let day = source(&[("every", "4h")]).expect("sound keys");
    let (whole, end) = once(&*day);
    for cut in [offset(1, 0), offset(2, 7), offset(3, 0), offset(6, 100), end] {
        let (start, mut reader) = open(&*day, Bound::Now, Some(cut)).expect("open");
        assert_eq!(start, cut);
        let (rest, _) = all(&mut *reader);
        let expected: Vec<Row> = whole.iter().filter(|row| row.offset >= cut).cloned().collect();
        assert_eq!(rest, expected, "from {:?}", place(cut));
    }
}

#[test]
fn a_batch_on_an_outside_server_is_one_poll_with_every_stream() {
    let simulator = simulator(Vec::new());
    let (rows, end) = once(&*outside(&simulator, &[("first", "40")]));
    assert_eq!(end, offset(2, 0));
    let truth = reqwest_json(&format!("http://{}/sim/truth/streams", simulator.addr));
    let live: BTreeSet<String> =
        truth["data"].as_array().expect("a list").iter().map(|stream| stream["id"].to_string()).collect();
    let found: BTreeSet<String> = rows.iter().map(|row| row.json()["id"].to_string()).collect();
    assert!(found.is_subset(&live));
    assert!(live.len() - found.len() <= 5, "only the very newest streams are not yet listed");
    let requests = reqwest_json(&format!("http://{}/sim/requests", simulator.addr));
    for request in requests["data"].as_array().expect("a list") {
        assert!(request["user_agent"].as_str().expect("text").starts_with("flowctl/"));
        assert!(!request["query"].as_str().expect("text").contains("correct-horse"));
    }
}

fn reqwest_json(url: &str) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { reqwest::get(url).await.expect("a reply").json().await.expect("JSON") })
}

#[test]
fn page_limits_and_filters_reach_the_server() {
    let simulator = simulator(Vec::new());
    let (two_pages, end) = once(&*outside(&simulator, &[("max_pages", "2"), ("first", "30")]));
    assert!((50..=60).contains(&two_pages.len()) && end == offset(2, 0), "{}", two_pages.len());
    let (german, _) = once(&*outside(&simulator, &[("language", "de,fr")]));
    let languages: BTreeSet<String> = german.iter().map(|row| row.json()["language"].to_string()).collect();
    assert_eq!(languages, BTreeSet::from(["\"de\"".to_owned(), "\"fr\"".to_owned()]));
    let top = two_pages[0].json();
    let (login, game) = (top["user_login"].as_str().expect("text"), top["game_id"].as_str().expect("text"));
    let (one, _) = once(&*outside(&simulator, &[("user_login", login)]));
    assert_eq!(one.iter().map(|row| row.json()["id"].clone()).collect::<Vec<_>>(), [top["id"].clone()]);
    let (games, _) = once(&*outside(&simulator, &[("game_id", &format!("{game},1"))]));
    assert!(!games.is_empty() && games.iter().all(|row| row.json()["game_id"] == game));
}

#[test]
fn a_failed_page_makes_the_poll_incomplete_and_keeps_what_came() {
    for fault in [Fault::InvalidCursor, Fault::LoopCursor] {
        let simulator = simulator(vec![ScheduledFault::at(3, fault)]);
        let (rows, end) = once(&*outside(&simulator, &[]));
        assert!((180..=200).contains(&rows.len()), "{fault:?}: {}", rows.len());
        assert_eq!(end, offset(1, rows.len() as u64), "{fault:?}");
    }
}

#[test]
fn faults_that_pass_leave_no_trace_in_the_rows() {
    let payload = |faults: &[&str]| -> (Vec<Vec<u8>>, u64) {
        let faults = faults.iter().map(|fault| fault.parse().expect("a fault")).collect();
        let (rows, end) = once(&*outside(&simulator(faults), &[("first", "60")]));
        (rows.into_iter().map(|row| row.bytes).collect(), end)
    };
    assert_eq!(payload(&["15%:503", "15%:cut", "15%:reset", "50%:gzip"]), payload(&[]));
}

#[test]
fn odd_streams_are_delivered_as_they_come() {
    for (fault, part) in [
        (Fault::NullTags, "\"tags\":null"),
        (Fault::ExtraField, "\"a_new_field\":"),
        (Fault::TextViewerCount, "\"viewer_count\":\"many\""),
    ] {
        let simulator = simulator(vec![ScheduledFault::at(1, fault)]);
        let (rows, end) = once(&*outside(&simulator, &[]));
        assert_eq!(end, offset(2, 0), "{fault:?}");
        assert!(rows.iter().any(|row| String::from_utf8_lossy(&row.bytes).contains(part)), "{fault:?}");
        assert!(rows.len() > 250);
    }
}

#[test]
fn a_stream_goes_on_after_a_failed_poll_and_numbers_go_on_after_a_restart() {
    // The third call is the first poll's third page.
    let simulator = simulator(vec![ScheduledFault::at(3, Fault::InvalidCursor)]);
    let stream = outside(&simulator, &[("every", "1s")]);
    let (_, mut reader) = open(&*stream, Bound::Unbounded, None).expect("open");
    let (first, end) = rows(&mut *reader, |rows| !rows.is_empty()).expect("no failure");
    assert_eq!((first[0].poll, place(end).0), (1, 1));
    let (second, end) = rows(&mut *reader, |rows| !rows.is_empty()).expect("no failure");
    assert_eq!((second[0].poll, end), (2, offset(3, 0)));
    drop(reader);
    for (left, poll) in [(end, 3), (offset(3, 17), 4)] {
        let (_, mut reader) = open(&*stream, Bound::Unbounded, Some(left)).expect("open");
        let (third, _) = rows(&mut *reader, |rows| !rows.is_empty()).expect("no failure");
        assert_eq!((third[0].poll, third[0].rank), (poll, 1));
    }
}

#[test]
fn an_embedded_stream_polls_at_once_by_the_walls_clock() {
    let stream = source(&[]).expect("sound keys");
    let (_, mut reader) = open(&*stream, Bound::Unbounded, None).expect("open");
    let (found, _) = rows(&mut *reader, |rows| !rows.is_empty()).expect("no failure");
    assert!((found[0].polled_at - chrono::Utc::now().timestamp_micros()).abs() < 60_000_000);
    assert!(found.len() > 100);
}

#[test]
fn a_limit_holds_polls_back_until_it_is_raised() {
    let day = source(&[("every", "12h")]).expect("sound keys");
    let (_, mut reader) = open(&*day, Bound::Now, None).expect("open");
    reader.limit(PartitionIndex(0), Some(offset(2, 0)));
    let (first, _) = rows(&mut *reader, |rows| !rows.is_empty()).expect("no failure");
    assert!(first.iter().all(|row| row.poll == 1));
    assert!(matches!(reader.read(Duration::ZERO), Ok(Read::Reached(PartitionIndex(0), _))));
    assert!(matches!(reader.read(Duration::ZERO), Ok(Read::Idle)));
    reader.limit(PartitionIndex(0), None);
    let (second, _) = all(&mut *reader);
    assert!(!second.is_empty() && second.iter().all(|row| row.poll == 2));
}

#[test]
fn refusals_end_the_run_and_say_no_secret() {
    let simulator = simulator(Vec::new());
    let (api, auth) = (simulator.api_url.as_str(), simulator.auth_url.as_str());
    let wrong = [("api", api), ("auth", auth), ("client_id", "me"), ("client_secret", "wrong-secret")];
    let error = open(&*source(&wrong).expect("sound keys"), Bound::Now, None).err().expect("wrong secret");
    assert!(
        matches!(&error, ConnectorError::Refused { .. }) && !format!("{error:?}").contains("wrong-secret"),
        "{error:?}"
    );
    // Where the server is shows only at the opening.
    let late = source(&[("api", "http://127.0.0.1:1/${SECRET}")]).expect("sound as far as is known");
    let missing = open(&*late, Bound::Now, None).err().expect("no client id");
    assert!(matches!(&missing, ConnectorError::Unusable { what, .. } if what.contains("client_id")), "{missing:?}");
    let nobody = outside(&simulator, &[("user_login", "nobody_of_that_name")]);
    let mut reader = open(&*nobody, Bound::Unbounded, None).expect("open").1;
    let error = rows(&mut *reader, |_| false).expect_err("the login is unknown");
    assert!(
        matches!(&error, ConnectorError::Refused { what, .. } if what.contains("Malformed query params")),
        "{error:?}"
    );
    assert!(!format!("{:?}", source(&wrong).expect("sound keys")).contains("wrong-secret"));
}

#[test]
fn a_batch_that_gets_nothing_fails() {
    let simulator = simulator(vec![ScheduledFault::during(1..=99, Fault::InvalidCursor)]);
    let mut reader = open(&*outside(&simulator, &[]), Bound::Now, None).expect("open").1;
    assert!(rows(&mut *reader, |_| false).is_err());
}

#[test]
fn a_reader_stops_at_once_though_the_server_is_slow() {
    let simulator = simulator(vec![ScheduledFault::during(1..=99, Fault::Slow(Duration::from_secs(600)))]);
    let context = context();
    let request = OpenSource {
        resume: &BTreeMap::new(),
        anchors: &BTreeMap::new(),
        bound: Bound::Unbounded,
        wanted: &[false; 4],
        context: &context,
    };
    let begin = std::time::Instant::now();
    let (_, mut reader) = outside(&simulator, &[]).open(&request).expect("open");
    assert!(matches!(reader.read(Duration::from_millis(1)), Ok(Read::Idle)));
    context.stop.set();
    assert!(matches!(reader.read(Duration::from_secs(600)), Ok(Read::Idle)));
    drop(reader);
    drop(simulator);
    assert!(begin.elapsed() < Duration::from_secs(60));
}

/// Everything that is logged, as text.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<String>>);

impl tracing::Subscriber for Captured {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Text<'a>(&'a mut String);
        impl tracing::field::Visit for Text<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?}\n"));
            }
        }
        event.record(&mut Text(&mut self.0.lock().expect("no panic")));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn notices_tell_how_polls_ended_and_no_secret() {
    let captured = Captured::default();
    let simulator =
        simulator(vec![ScheduledFault::at(1, Fault::Unauthorized), ScheduledFault::at(4, Fault::InvalidCursor)]);
    tracing::subscriber::with_default(captured.clone(), || once(&*outside(&simulator, &[])));
    let text = captured.0.lock().expect("no panic").clone();
    assert!(text.contains("is incomplete with") && text.contains("invalid cursor"), "{text}");
    assert!(!text.contains("correct-horse") && !text.to_lowercase().contains("bearer "), "{text}");
}
