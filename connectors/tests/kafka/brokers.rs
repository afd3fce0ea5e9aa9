//! What only real brokers do to who reads: transactions, retention, deletion, encryption.

use std::time::{Duration, Instant};

use connectors::kafka::KafkaSourceKind;
use engine::connector::{Bound, ConnectorError, PartitionIndex, Read, Reader};
use rdkafka::producer::BaseRecord;

use crate::fault_proxy::FaultProxy;
use crate::place::{Opened, PATIENCE, Place, open_now};
use crate::stranger::Stranger;
use crate::yaml::{checked, map, scalar, values};

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn aborted_transactions_are_gaps_that_hold_nothing_up() {
    let place = Place::real();
    place.produce(1, &[(None, Some("plain"), 1)]);
    let stranger = Stranger::at(&place, &place.topic);
    let transact = |value: &str| {
        stranger.begin();
        stranger.write(BaseRecord::to(&place.topic).payload(value));
    };
    transact("aborted");
    stranger.abort();
    transact("committed");
    stranger.commit().expect("committed");
    transact("aborted");
    stranger.abort();
    let mut opened = place.open("earliest", &[], Bound::Now).expect("the topic");
    assert_eq!(opened.partitions[0].end, Some(7));
    assert_eq!(values(&opened.drain()), ["committed", "plain"]);
    let mut limited = place.open("earliest", &[], Bound::Unbounded).expect("the topic");
    for (limit, expected) in [(1, vec!["plain"]), (3, vec![]), (4, vec!["committed"]), (7, vec![])] {
        limited.reader.limit(PartitionIndex(0), Some(limit));
        assert_eq!(values(&limited.until(|read| matches!(read, Read::Reached(_, _)))), expected, "{limit}");
    }
    transact("open");
    assert_eq!(values(&place.everything()), ["committed", "plain"]);
    stranger.abort();
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn offsets_that_are_gone_diverge() {
    let place = Place::real();
    place.produce(1, &(0..10).map(|_| (None, Some("x"), 1_000)).collect::<Vec<_>>());
    place.admin().delete_below(&place.topic, 6);
    assert!(matches!(place.open("earliest", &[(0, 3)], Bound::Now), Err(ConnectorError::Diverged { .. })));
    assert_eq!(place.everything().len(), 4);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_topic_that_is_deleted_while_it_is_read_diverges() {
    let (place, mut opened) = with_one_read();
    place.admin().delete(&place.topic);
    await_divergence(&mut *opened.reader);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_topic_that_is_made_anew_while_it_is_read_diverges() {
    let (place, mut opened) = with_one_read();
    place.admin().delete(&place.topic);
    place.produce(1, &(0..9).map(|_| (None, Some("y"), 1)).collect::<Vec<_>>());
    await_divergence(&mut *opened.reader);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_topic_that_is_made_anew_while_brokers_are_out_of_reach_diverges() {
    let mut opened = out_of_reach_while(|place| {
        place.delete();
        place.produce(1, &(0..9).map(|_| (None, Some("y"), 1)).collect::<Vec<_>>());
    });
    await_divergence(&mut *opened.reader);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_lost_connection_is_no_reason_to_end() {
    let mut opened = out_of_reach_while(|place| place.produce(1, &[(None, Some("y"), 1)]));
    assert_eq!(values(&opened.take(1)), ["y"]);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn offsets_that_go_while_they_are_read_diverge() {
    let (place, mut opened) = with_one_read();
    // Nobody may read these, so the reader waits before them.
    let stranger = Stranger::at(&place, &place.topic);
    stranger.begin();
    for _ in 0..3 {
        stranger.write(BaseRecord::to(&place.topic).payload("y"));
    }
    place.admin().delete_below(&place.topic, 3);
    let error = await_divergence(&mut *opened.reader);
    assert!(error.to_string().contains("offset 1 of partition 0 of topic `"), "{error}");
    stranger.abort();
}

/// A topic of one record, and who has read it.
fn with_one_read() -> (Place, Opened) {
    let place = Place::real();
    place.produce(1, &[(None, Some("x"), 1)]);
    let opened = one_read(&place);
    (place, opened)
}

fn one_read(place: &Place) -> Opened {
    let mut opened = place.open("earliest", &[], Bound::Unbounded).expect("the topic");
    assert_eq!(opened.take(1).len(), 1);
    opened
}

/// Who has read the record of a topic, and did not reach the brokers while something was done there.
fn out_of_reach_while(act: impl FnOnce(&Place)) -> Opened {
    let place = Place::real();
    place.produce(1, &[(None, Some("x"), 1)]);
    let proxy = FaultProxy::new(&place.brokers);
    let opened = one_read(&Place { brokers: proxy.address.clone(), ..place.beside("") });
    proxy.darken();
    act(&place);
    proxy.lift();
    opened
}

/// Reads on until it is seen that what was there is not.
fn await_divergence(reader: &mut dyn Reader) -> ConnectorError {
    let begun = Instant::now();
    let error = loop {
        assert!(begun.elapsed() < PATIENCE, "it does not show");
        if let Err(error) = reader.read(Duration::from_millis(200)) {
            break error;
        }
    };
    assert!(matches!(error, ConnectorError::Diverged { .. }), "{error}");
    error
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn wrong_security_is_refused_quickly() {
    let place = Place::real();
    place.produce(1, &[]);
    let security = map([("protocol", scalar("ssl"))]);
    let node = map([("brokers", scalar("${BROKERS}")), ("topics", scalar(&place.topic)), ("security", security)]);
    let source = checked(&KafkaSourceKind, &node).expect("a good entry");
    let begun = Instant::now();
    let error = open_now(&*source, &place.context()).map(drop).expect_err("no TLS there");
    assert!(matches!(error, ConnectorError::Refused { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15));
}
