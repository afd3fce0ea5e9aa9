//! Several producers of one writer that take turns, and rows that are on their way before their epoch is committed.

use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use engine::connector::{ConnectContext, ConnectorError, Member, Sink, SinkMode, Writer};

use crate::epochs::{change, commit, held, mark, open};
use crate::place::{PATIENCE, Place};
use crate::transactions::{generation, names, progress, progress_of, sink};
use crate::yaml::changes;

/// How many producers there are at most.
const RUNNERS: u64 = 3;

/// Commits epochs as fast as they come, until all producers have joined and had their turns; gives the last epoch.
fn hurry(place: &Place, writer: &mut dyn Writer, first: u64) -> u64 {
    let begun = Instant::now();
    let mut commit_some = |from: u64| {
        (from..from + 20).for_each(|epoch| {
            commit(writer, epoch, changes(&[(&format!("{epoch:04}"), 1, 1)])).expect("room");
        });
        from + 19
    };
    let mut last = commit_some(first);
    while runners(place) < RUNNERS {
        assert!(begun.elapsed() < PATIENCE, "no other producer has joined");
        last = commit_some(last + 1);
    }
    commit_some(last + 1)
}

fn runners(place: &Place) -> u64 {
    progress(place)["runners"].as_u64().unwrap_or(1)
}

/// Whether the topic has one row an epoch, in their order.
fn is_complete(place: &Place, last: u64) -> bool {
    let rows = place.settled().into_iter().filter_map(|row| row.value);
    rows.map(|row| row[9..13].parse::<u64>().expect("an epoch")).eq(1..=last)
}

/// Waits until so many records are written, whether committed or not.
fn await_written(place: &Place, count: i64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &place.brokers)
        .set("isolation.level", "read_uncommitted")
        .create()
        .expect("a client");
    let begun = Instant::now();
    let end = |partition| consumer.fetch_watermarks(&place.topic, partition, PATIENCE).expect("an answer").1;
    while end(0) + end(1) < count {
        assert!(begun.elapsed() < PATIENCE, "nothing is written");
    }
}

fn one_partition(place: &Place) -> Box<dyn Sink> {
    place.sink(&[("partitions", "1")], SinkMode::Appends).expect("a good entry")
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn producers_that_take_turns_keep_the_order() {
    let place = Place::real();
    let sink = one_partition(&place);
    let mut writer = open(&*sink, &place.context()).expect("a topic");
    let last = hurry(&place, &mut *writer, 1);
    assert_eq!(held(&*writer), [mark(last)]);
    assert!(is_complete(&place, last));
    drop(writer);
    let writer = open(&*sink, &place.context()).expect("the topic");
    assert_eq!(held(&*writer), [mark(last)]);
    assert_eq!(
        runners(&place),
        1,
        "the others of the first instance are shut out, and new ones join when they are needed"
    );
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn all_producers_of_a_zombie_are_fenced() {
    let place = Place::real();
    let sink = one_partition(&place);
    let mut zombie = open(&*sink, &generation(&place, 1)).expect("a topic");
    let last = hurry(&place, &mut *zombie, 1);
    let mut newer = open(&*sink, &generation(&place, 2)).expect("the topic");
    assert_eq!(held(&*newer), [mark(last)]);
    // Whichever producer has its turn.
    for _ in 0..5 {
        let error = commit(&mut *zombie, last + 1, changes(&[("zombie", 1, 1)])).expect_err("shut out");
        assert!(matches!(error, ConnectorError::Fenced { .. }), "{error:?}");
    }
    let end = hurry(&place, &mut *newer, last + 1);
    assert!(is_complete(&place, end));
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn an_instance_that_was_killed_with_an_epoch_on_its_way_holds_nobody_up() {
    let place = Place::real();
    let sink = one_partition(&place);
    let mut killed = open(&*sink, &generation(&place, 1)).expect("a topic");
    let mut last = hurry(&place, &mut *killed, 1);
    // Whichever producer has its turn.
    for number in 2..6 {
        killed.prepare(last + 1, &[change(0, last + 1, changes(&[("never", 1, 1)]))]);
        // A process that is killed does not say goodbye.
        std::mem::forget(killed);
        let begun = Instant::now();
        killed = open(&*sink, &generation(&place, number)).expect("the topic");
        assert!(begun.elapsed() < PATIENCE / 3, "it waited for a transaction to time out");
        assert_eq!(held(&*killed), [mark(last)]);
        last = hurry(&place, &mut *killed, last + 1);
        (0..number).for_each(|_| {
            last += 1;
            commit(&mut *killed, last, changes(&[(&format!("{last:04}"), 1, 1)])).expect("room");
        });
    }
    assert!(is_complete(&place, last));
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn sinks_that_an_epoch_leaves_alone_know_of_all_producers_too() {
    let (one, other) = (Place::real(), Place::real());
    let sinks = [sink(&one), sink(&other)];
    let contexts = [one.context(), ConnectContext { name: "other".into(), ..one.context() }];
    let members: Vec<_> =
        sinks.iter().zip(&contexts).map(|(sink, context)| Member { sink: &**sink, context }).collect();
    let mut writer = sinks[0].open(&members).expect("both topics");
    let last = hurry(&one, &mut *writer, 1);
    assert_eq!(held(&*writer), [mark(last), mark(0)]);
    assert_eq!(progress_of(&one, "other")["runners"].as_u64(), Some(RUNNERS));
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn prepared_rows_are_seen_when_they_are_committed() {
    let place = Place::real();
    let sink = sink(&place);
    let mut writer = open(&*sink, &place.context()).expect("a topic");
    commit(&mut *writer, 1, changes(&[("a", 1, 1)])).expect("room");
    let second = [change(0, 2, changes(&[("b", 1, 1), ("c", 1, 1)]))];
    writer.prepare(2, &second);
    // Three rows, and the end of the first epoch in its partition.
    await_written(&place, 4);
    assert!(!place.everything().iter().any(|row| row.value.as_ref().is_some_and(|value| value.contains("\"b\""))));
    writer.commit(2, &second).expect("room");
    assert_eq!(names(&place), ["a", "b", "c"]);
    // What was prepared and is not committed is aborted, by others and at the end.
    writer.prepare(3, &[change(0, 3, changes(&[("never", 1, 1)]))]);
    commit(&mut *writer, 4, changes(&[("d", 1, 1)])).expect("room");
    writer.prepare(5, &[change(0, 5, changes(&[("never", 1, 1)]))]);
    drop(writer);
    assert_eq!(names(&place), ["a", "b", "c", "d"]);
    let mut writer = open(&*sink, &place.context()).expect("the topic");
    assert_eq!(held(&*writer), [mark(4)]);
    writer.prepare(5, &[change(0, 5, changes(&[("e", 1, 1)]))]);
    let mut newer = open(&*sink, &place.context()).expect("the topic");
    let error = commit(&mut *writer, 5, changes(&[("e", 1, 1)])).expect_err("shut out");
    assert!(matches!(error, ConnectorError::Fenced { .. }), "{error:?}");
    commit(&mut *newer, 5, changes(&[("f", 1, 1)])).expect("room");
    assert_eq!(names(&place), ["a", "b", "c", "d", "f"]);
}
