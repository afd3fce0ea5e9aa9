//! Epochs as transactions of real brokers: whole or not at all, after kills, beside zombies, and across topics.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use engine::connector::{Bound, ConnectContext, ConnectorError, Mark, Member, Sink, SinkMode};
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use crate::epochs::{change, commit, digest, held, mark, open};
use crate::place::{PATIENCE, Place};
use crate::stranger::Stranger;
use crate::yaml::{self, changes};

const PROGRESS: &str = "flowctl-progress-p";

pub(crate) fn sink(place: &Place) -> Box<dyn Sink> {
    place.sink(&[("partitions", "2")], SinkMode::Appends).expect("a good entry")
}

pub(crate) fn generation(place: &Place, generation: u64) -> ConnectContext {
    ConnectContext { generation, ..place.context() }
}

pub(crate) fn names(place: &Place) -> Vec<String> {
    yaml::names(&place.settled())
}

/// The last progress record of the place's sink.
pub(crate) fn progress(place: &Place) -> serde_json::Value {
    progress_of(place, "s")
}

/// The last progress record of a sink with the place's state.
pub(crate) fn progress_of(place: &Place, sink: &str) -> serde_json::Value {
    let topic = Place { topic: PROGRESS.to_owned(), ..place.beside("") };
    let key = format!("p/{sink}/{}", place.context().state_id);
    let rows = topic.settled();
    let last = rows.into_iter().rfind(|row| row.key.as_ref() == Some(&key)).expect("some progress");
    serde_json::from_str(&last.value.expect("a value")).expect("JSON")
}

/// A stranger whose transaction is open.
fn stranger(place: &Place, id: &str) -> Stranger {
    let stranger = Stranger::at(place, id);
    stranger.begin();
    stranger
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn epochs_of_two_topics_are_there_together_or_not_at_all() {
    let (one, other) = (Place::real(), Place::real());
    let narrow = NewTopic::new(&other.topic, 1, TopicReplication::Fixed(1)).set("max.message.bytes", "2000");
    other.admin().create(&narrow);
    let sinks = [sink(&one), sink(&other)];
    let contexts = [one.context(), ConnectContext { name: "other".into(), ..one.context() }];
    let members: Vec<_> =
        sinks.iter().zip(&contexts).map(|(sink, context)| Member { sink: &**sink, context }).collect();
    let mut writer = sinks[0].open(&members).expect("both topics");
    let both = |epoch, name: &str, wide: &str| {
        vec![change(0, epoch, changes(&[(name, 1, 1)])), change(1, epoch, changes(&[(wide, 1, 1)]))]
    };
    writer.commit(1, &both(1, "a", "a")).expect("room");
    writer.commit(2, &[change(1, 2, changes(&[("b", 1, 1)]))]).expect("room");
    assert_eq!(held(&*writer), [mark(1), mark(2)]);
    // Its digits cannot be packed into 2,000 bytes.
    let wide: String = (0..200_u64).map(|part| digest(part + 1).to_string()).collect();
    let error = writer.commit(3, &both(3, "c", &wide)).expect_err("too large for the second topic");
    assert!(matches!(error.error, ConnectorError::Refused { .. }), "{error:?}");
    assert_eq!(error.member, 1);
    drop(writer);
    assert_eq!((names(&one), names(&other)), (vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned()]));
    let mut writer = sinks[0].open(&members).expect("both topics");
    assert_eq!(held(&*writer), [mark(1), mark(2)]);
    writer.commit(3, &both(3, "c", "c")).expect("room");
    assert_eq!(names(&one), ["a", "c"]);
    assert_eq!(names(&other), ["a", "b", "c"]);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn what_a_killed_instance_had_open_is_aborted_and_never_seen() {
    let place = Place::real();
    let sink = sink(&place);
    commit(&mut *open(&*sink, &place.context()).expect("a topic"), 1, changes(&[("a", 1, 1)])).expect("room");
    let id = progress(&place)["transactional_id"].as_str().expect("a text").to_owned();
    // A process that is killed does not say goodbye; this producer lives on instead, with its records written.
    let killed = stranger(&place, &id);
    let writer = format!("p/s/{}", place.context().state_id);
    let header = |key, value| Header { key, value: Some(value) };
    let headers = OwnedHeaders::new().insert(header("fc-writer", writer.as_str())).insert(header("fc-epoch", "2"));
    for partition in 0..2 {
        let record = BaseRecord::to(&place.topic).partition(partition).headers(headers.clone());
        killed.write(record.payload(r#"{"name":"torn","n":1}"#));
    }
    assert!(
        !place
            .open("earliest", &[], Bound::Now)
            .expect("the topic")
            .drain()
            .iter()
            .any(|row| { row.value.as_ref().is_some_and(|value| value.contains("torn")) })
    );
    let mut writer = open(&*sink, &place.context()).expect("the topic");
    assert_eq!(held(&*writer), [mark(1)]);
    assert!(killed.commit().is_err(), "it was shut out");
    commit(&mut *writer, 2, changes(&[("b", 1, 1), ("c", 1, 1)])).expect("room");
    assert_eq!(names(&place), ["a", "b", "c"]);
    let ends: u64 = place
        .access()
        .list()
        .expect("topics")
        .iter()
        .filter(|found| found.name == place.topic)
        .flat_map(|found| &found.partitions)
        .map(|(_, end)| end)
        .sum();
    assert!(ends >= 5, "the torn records are in the topic: {ends}");
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_zombie_is_fenced_even_if_it_takes_over_again() {
    let place = Place::real();
    let sink = sink(&place);
    let mut zombie = open(&*sink, &generation(&place, 1)).expect("a topic");
    commit(&mut *zombie, 1, changes(&[("a", 1, 1)])).expect("room");
    let mut newer = open(&*sink, &generation(&place, 2)).expect("the topic");
    assert_eq!(held(&*newer), [mark(1)]);
    let error = commit(&mut *zombie, 2, changes(&[("zombie", 1, 1)])).expect_err("shut out");
    assert!(matches!(error, ConnectorError::Fenced { .. }), "{error:?}");
    let again = commit(&mut *zombie, 2, changes(&[("zombie", 1, 1)])).expect_err("still");
    assert!(matches!(again, ConnectorError::Fenced { .. }), "{again:?}");
    // This one takes the transactional id over before it can know better. The newer one takes it back.
    let error = open(&*sink, &generation(&place, 1)).map(|_| ()).expect_err("too old");
    assert!(matches!(error, ConnectorError::Fenced { .. }), "{error:?}");
    commit(&mut *newer, 2, changes(&[("b", 1, 1)])).expect("it is the newest");
    commit(&mut *newer, 3, changes(&[("c", 1, 1)])).expect("and stays it");
    assert_eq!(held(&*newer), [mark(3)]);
    assert_eq!(names(&place), ["a", "b", "c"]);
    assert_eq!(progress(&place)["generation"], 2);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_zombie_that_committed_with_other_sinks_is_fenced_too() {
    let (one, other) = (Place::real(), Place::real());
    let sinks = [sink(&one), sink(&other)];
    let mut zombie = open(&*sinks[0], &generation(&one, 1)).expect("a topic");
    commit(&mut *zombie, 1, changes(&[("a", 1, 1)])).expect("room");
    let alone = progress(&one)["transactional_id"].clone();
    let context = generation(&one, 2);
    let contexts = [context.clone(), ConnectContext { name: "other".into(), ..context }];
    let members: Vec<_> =
        sinks.iter().zip(&contexts).map(|(sink, context)| Member { sink: &**sink, context }).collect();
    let newer = sinks[0].open(&members).expect("both topics");
    assert_eq!(held(&*newer), [mark(1), Mark::default()]);
    assert_ne!(progress(&one)["transactional_id"], alone);
    let error = commit(&mut *zombie, 2, changes(&[("zombie", 1, 1)])).expect_err("shut out");
    assert!(matches!(error, ConnectorError::Fenced { .. }), "{error:?}");
    assert_eq!(names(&one), ["a"]);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn progress_behind_an_open_transaction_of_others_is_waited_for() {
    let place = Place::real();
    let sink = sink(&place);
    let mut writer = open(&*sink, &place.context()).expect("a topic");
    let stranger = stranger(&place, &format!("stranger-{}", place.topic));
    stranger.write(BaseRecord::to(PROGRESS).partition(0).key("stranger").payload("{}"));
    commit(&mut *writer, 1, changes(&[("a", 1, 1)])).expect("room");
    drop(writer);
    let (tell, told) = mpsc::channel();
    let opening = thread::spawn(move || {
        let place = place;
        let writer = open(&*sink, &place.context()).expect("the topic");
        tell.send(held(&*writer)).expect("somebody listens");
    });
    let early = told.recv_timeout(Duration::from_secs(2));
    assert!(early.is_err(), "opened with {early:?}, while what it holds could not be known");
    stranger.abort();
    assert_eq!(told.recv_timeout(PATIENCE).expect("it opens"), [mark(1)]);
    opening.join().expect("no panic");
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_pipeline_that_died_within_a_transaction_holds_up_no_other() {
    let (dead, place) = (Place::real(), Place::real());
    // One of pipeline `dead` dies, and never comes back.
    let pipeline = |name: &str, place: &Place| ConnectContext { pipeline: name.into(), ..place.context() };
    drop(open(&*sink(&dead), &pipeline("dead", &dead)).expect("a topic"));
    let stranger = stranger(&dead, &format!("stranger-{}", dead.topic));
    stranger.write(BaseRecord::to("flowctl-progress-dead").partition(0).key("stranger").payload("{}"));
    let begun = Instant::now();
    for generation in 1..4 {
        let context = ConnectContext { generation, ..pipeline("living", &place) };
        let mut writer = open(&*sink(&place), &context).expect("a topic");
        commit(&mut *writer, generation, changes(&[("a", 1, 1)])).expect("room");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "held up for {:?}", begun.elapsed());
    stranger.abort();
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn of_two_copies_with_the_same_number_the_later_one_goes_on() {
    let place = Place::real();
    let sink = sink(&place);
    let mut first = open(&*sink, &generation(&place, 3)).expect("a topic");
    commit(&mut *first, 1, changes(&[("a", 1, 1)])).expect("room");
    let mut copy = open(&*sink, &generation(&place, 3)).expect("a copy of the state folder");
    assert_eq!(held(&*copy), [mark(1)]);
    commit(&mut *copy, 2, changes(&[("b", 1, 1)])).expect("room");
    let fenced = commit(&mut *first, 2, changes(&[("c", 1, 1)])).expect_err("the copy has taken over");
    assert!(matches!(fenced, ConnectorError::Fenced { .. }), "{fenced:?}");
    commit(&mut *copy, 3, changes(&[("d", 1, 1)])).expect("room");
    assert_eq!(names(&place), ["a", "b", "d"]);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_record_that_brokers_will_never_take_ends_the_run() {
    let place = Place::real();
    let compacted = NewTopic::new(&place.topic, 2, TopicReplication::Fixed(1)).set("cleanup.policy", "compact");
    place.admin().create(&compacted);
    let mut writer = open(&*sink(&place), &generation(&place, 1)).expect("a topic");
    let refused = commit(&mut *writer, 1, changes(&[("a", 1, 1)])).expect_err("a compacted topic wants keys");
    assert!(refused.to_string().contains("was not written"), "{refused}");
    assert!(matches!(refused, ConnectorError::Refused { .. }), "{refused:?}");
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_topic_that_was_made_anew_diverges() {
    let place = Place::real();
    let sink = sink(&place);
    let mut writer = open(&*sink, &place.context()).expect("a topic");
    for epoch in 1..3 {
        commit(&mut *writer, epoch, changes(&[("a", 1, 1), ("b", 1, 1)])).expect("room");
    }
    drop(writer);
    drop(open(&*sink, &place.context()).expect("it is the same topic"));
    place.admin().delete(&place.topic);
    let error = open(&*sink, &place.context()).map(|_| ()).expect_err("all is gone");
    assert!(matches!(error, ConnectorError::Diverged { .. }), "{error:?}");
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn every_record_says_where_it_is_from() {
    let place = Place::real();
    let mut writer = open(&*sink(&place), &generation(&place, 7)).expect("a topic");
    commit(&mut *writer, 4, changes(&[("a", 1, 1), ("b", 1, 1)])).expect("room");
    let mut headers: Vec<String> = place.settled().into_iter().map(|row| row.headers).collect();
    headers.sort();
    let writer = format!("p/s/{}", place.context().state_id);
    let expected = |place: u64| format!(r#"{{"fc-epoch":"4","fc-gen":"7","fc-seq":"{place}","fc-writer":"{writer}"}}"#);
    assert_eq!(headers, [expected(0), expected(1)]);
}
