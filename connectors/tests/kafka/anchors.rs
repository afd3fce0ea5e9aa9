//! Whether a topic that is read on is the one that was read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::connector::{Anchor, Bound, ConnectorError, Read};
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::BaseRecord;

use crate::place::{PATIENCE, Place};
use crate::stranger::Stranger;

/// What an engine keeps of a topic that was read to its end: where its partitions stand, and their anchors.
#[derive(Clone, Debug, Default, PartialEq)]
struct Left {
    resume: BTreeMap<String, u64>,
    anchors: BTreeMap<String, Anchor>,
}

/// Reads what has come since, and notes where that ends.
fn read_on(place: &Place, left: &mut Left) -> Result<usize, ConnectorError> {
    let mut opened = place.open_again("earliest", &left.resume, &left.anchors, Bound::Now)?;
    let mut count = 0;
    loop {
        match opened.reader.read(Duration::from_millis(200)).expect("nothing fails") {
            Read::Records(records) => {
                let id = opened.partitions[records.partition.0 as usize].id.clone();
                count += records.spans().values.len();
                left.resume.insert(id.clone(), records.range.end);
                left.anchors.insert(id, records.anchor.expect("left by every batch"));
            }
            Read::End => return Ok(count),
            _ => {}
        }
    }
}

fn refusal(place: &Place, left: &Left) -> String {
    match read_on(place, &mut left.clone()) {
        Err(ConnectorError::Diverged { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

fn records(value: &str, count: usize) -> Vec<(Option<&str>, Option<&str>, i64)> {
    (0..count as i64).map(|at| (Some("k"), Some(value), 1_000 + at)).collect()
}

pub(crate) fn a_topic_that_was_made_anew_is_refused(place: &Place) {
    place.produce(1, &records("old", 5));
    let mut left = Left::default();
    assert_eq!(read_on(place, &mut left).expect("the topic"), 5);
    place.delete();
    place.produce(1, &records("new", 4));
    let fewer = refusal(place, &left);
    assert!(fewer.contains("was read up to offset 5, but ends at 4 now"), "{fewer}");
    // As many, and more; nothing of what was read need be read again.
    for more in [1, 10] {
        place.produce(1, &records("new", more));
        let other = refusal(place, &left);
        let expected = format!(
            "partition 0 of topic `{}` was read up to offset 5, but another record stands at offset 4 now: the topic was made \
             anew, or has lost records",
            place.topic
        );
        assert_eq!(other, expected);
    }
    // Also when some has to be read again.
    let behind = Left { resume: BTreeMap::from([(format!("{}/0", place.topic), 2)]), ..left.clone() };
    assert!(refusal(place, &behind).contains("another record stands at offset 4"));
    // The same content at other times is another record.
    place.delete();
    place.produce(1, &[(Some("k"), Some("old"), 7); 9]);
    assert!(refusal(place, &left).contains("another record stands at offset 4"));
}

pub(crate) fn an_untouched_topic_goes_on(place: &Place) {
    place.produce(3, &[(Some("a"), Some("1"), 1_000), (None, None, 1_001), (None, Some(""), 1_002)]);
    place.produce(3, &records("x", 30));
    let mut left = Left::default();
    assert_eq!(read_on(place, &mut left).expect("the topic"), 33);
    let idle = left.clone();
    for _ in 0..3 {
        assert_eq!(read_on(place, &mut left).expect("untouched"), 0);
    }
    assert_eq!(left, idle);
    place.produce(3, &records("y", 2));
    assert_eq!(read_on(place, &mut left).expect("grown"), 2);
    // What was read may have to be read again, in part.
    let behind = Left { resume: idle.resume.keys().map(|id| (id.clone(), 0)).collect(), ..left };
    assert_eq!(read_on(place, &mut behind.clone()).expect("untouched"), 35);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_record_that_retention_has_taken_is_not_missed() {
    let place = Place::real();
    place.produce(1, &records("x", 10));
    let mut left = Left::default();
    read_on(&place, &mut left).expect("the topic");
    place.produce(1, &records("y", 3));
    place.admin().delete_below(&place.topic, 10);
    assert_eq!(read_on(&place, &mut left.clone()).expect("the next record is there"), 3);
    place.admin().delete_below(&place.topic, 11);
    assert!(refusal(&place, &left).contains("offset 10 of partition 0"));
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn markers_of_transactions_are_no_anchors_and_no_records() {
    let place = Place::real();
    place.produce(1, &records("x", 1));
    let stranger = Stranger::at(&place, &place.topic);
    let transact = |value: &str, commit: bool| {
        stranger.begin();
        stranger.write(BaseRecord::to(&place.topic).payload(value));
        if commit {
            stranger.commit().expect("committed")
        } else {
            stranger.abort()
        }
        place.settle(&[]);
    };
    transact("y", true);
    transact("z", false);
    let mut left = Left::default();
    assert_eq!(read_on(&place, &mut left).expect("the topic"), 2);
    assert_eq!(left.anchors[&format!("{}/0", place.topic)].start, 1);
    // The engine goes on behind what is no record.
    left.resume.insert(format!("{}/0", place.topic), 5);
    assert_eq!(read_on(&place, &mut left).expect("untouched"), 0);
    // In another topic a marker stands where the record was.
    place.delete();
    place.produce(1, &[]);
    for _ in 0..3 {
        transact("y", true);
    }
    assert!(refusal(&place, &left).contains("no record stands at offset 1 now"));
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_record_that_compaction_has_taken_is_not_missed() {
    let place = Place::real();
    let topic = NewTopic::new(&place.topic, 1, TopicReplication::Fixed(1))
        .set("cleanup.policy", "compact")
        .set("segment.ms", "100")
        .set("min.cleanable.dirty.ratio", "0.01")
        .set("delete.retention.ms", "0");
    place.admin().create(&topic);
    place.produce(1, &records("x", 2));
    let mut left = Left::default();
    read_on(&place, &mut left).expect("the topic");
    let anchor = left.anchors[&format!("{}/0", place.topic)];
    let begun = Instant::now();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &place.brokers)
        .set("group.id", "not-joined")
        .create()
        .expect("a client");
    for millis in (10_000..).step_by(1_000) {
        assert!(begun.elapsed() < PATIENCE, "nothing is compacted");
        // Segments are closed, and then compacted, when later records come.
        place.produce(1, &[(Some("k"), Some("y"), millis)]);
        let (low, _) = consumer.fetch_watermarks(&place.topic, 0, PATIENCE).expect("an answer");
        assert_eq!(low, 0, "compaction moves no start");
        let rows = place.everything();
        if rows.iter().all(|row| row.offset != anchor.start) {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(read_on(&place, &mut left).expect("compacted as it should be") > 0);
}
