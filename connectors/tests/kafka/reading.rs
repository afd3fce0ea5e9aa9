//! Reading: order, places, limits, starts, partitions that come.

use std::time::{Duration, Instant};

use connectors::topic_log::{TopicSummary, Topics};
use engine::connector::{Bound, ConnectorError, PartitionIndex, Read};

use crate::place::{PATIENCE, Place};
use crate::yaml::values;

pub(crate) fn what_is_produced_is_read_with_its_metadata(place: &Place) {
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

pub(crate) fn reading_goes_on_where_it_was_left(place: &Place) {
    place.produce(1, &(0..100).map(|_| (None, Some("x"), 1_000)).collect::<Vec<_>>());
    let mut opened = place.open("earliest", &[(0, 40)], Bound::Unbounded).expect("the topic");
    let rows = opened.take(60);
    assert_eq!(rows.iter().map(|row| row.offset).collect::<Vec<_>>(), (40..100).collect::<Vec<_>>());
    place.produce(1, &[(None, Some("y"), 1_000)]);
    assert_eq!(opened.take(1)[0].offset, 100);
    let past = place.open("earliest", &[(0, 500)], Bound::Unbounded);
    assert!(matches!(past, Err(ConnectorError::Diverged { .. })));
}

pub(crate) fn nothing_passes_a_limit_until_it_is_raised(place: &Place) {
    place.produce(
        2,
        &(0..60_000).map(|_| (None, Some("0123456789012345678901234567890123456789"), 1_000)).collect::<Vec<_>>(),
    );
    let mut opened = place.open("earliest", &[], Bound::Now).expect("the topic");
    let first = PartitionIndex(0);
    let mut rows = Vec::new();
    for limit in [1, 7, 8, 15_000, 29_999] {
        opened.reader.limit(first, Some(limit));
        rows.extend(opened.until(|read| matches!(read, Read::Reached(index, _) if *index == first)));
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

/// More than a partition holds back, and then its end: what comes to stand there afterwards must be read, and nothing be missed before.
pub(crate) fn what_follows_an_end_behind_a_limit_is_read(place: &Place) {
    let text = "0123456789abcdef".repeat(64);
    place.produce(1, &(0..1_200).map(|_| (None, Some(text.as_str()), 1_000)).collect::<Vec<_>>());
    let mut opened = place.open("earliest", &[], Bound::Unbounded).expect("the topic");
    opened.reader.limit(PartitionIndex(0), Some(0));
    // The client comes to the end before anything is taken from it.
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        opened.reader.read(Duration::from_millis(50)).expect("nothing is wrong");
    }
    opened.reader.limit(PartitionIndex(0), None);
    let rows = opened.take(1_200);
    assert!(rows.iter().map(|row| row.offset).eq(0..1_200));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        opened.reader.read(Duration::from_millis(50)).expect("nothing is wrong at the end of the partition");
    }
    place.produce(1, &[(None, Some("y"), 1_000)]);
    assert_eq!(opened.take(1)[0].offset, 1_200);
}

pub(crate) fn many_small_limits_cost_no_waiting(place: &Place) {
    place.produce(1, &(0..2_000).map(|_| (None, Some("x"), 1_000)).collect::<Vec<_>>());
    let mut opened = place.open("earliest", &[], Bound::Unbounded).expect("the topic");
    let begun = Instant::now();
    let mut count = 0;
    for limit in (5..=2_000).step_by(5) {
        opened.reader.limit(PartitionIndex(0), Some(limit));
        count += opened.until(|read| matches!(read, Read::Reached(_, _))).len() as u64;
        assert_eq!(count, limit);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

pub(crate) fn starts_are_resolved_at_the_opening(place: &Place) {
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

pub(crate) fn a_missing_topic_is_refused_and_not_made(place: &Place) {
    for _ in 0..2 {
        assert!(matches!(place.open("earliest", &[], Bound::Now), Err(ConnectorError::Refused { .. })));
    }
}

pub(crate) fn an_empty_topic_ends_at_once(place: &Place) {
    place.produce(3, &[]);
    assert_eq!(place.everything(), []);
}

pub(crate) fn a_partition_that_is_added_is_discovered(place: &Place) {
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
    if place.is_embedded() {
        Topics::below(&place.root).add_partitions(&place.topic, partitions as u32).expect("room");
        return;
    }
    place.admin().grow(&place.topic, partitions);
    let grown = |summary: &TopicSummary| summary.name == place.topic && summary.partitions.len() == partitions;
    let begun = Instant::now();
    while !place.access().list().is_ok_and(|topics| topics.iter().any(grown)) {
        assert!(begun.elapsed() < PATIENCE, "the new partition does not show");
    }
}
