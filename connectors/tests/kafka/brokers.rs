//! What only real brokers do to who reads: transactions, retention, deletion, encryption.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connectors::kafka::KafkaSourceKind;
use engine::connector::{Bound, ConnectorError, OpenSource, PartitionIndex, Read};

use crate::place::{PATIENCE, Place};
use crate::yaml::{checked, map, scalar, values};

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
        assert_eq!(values(&limited.until(|read| matches!(read, Read::Reached(_, _)))), expected, "{limit}");
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
    let opened = source.open(&OpenSource {
        resume: &resume,
        anchors: &BTreeMap::new(),
        bound: Bound::Now,
        wanted: &[],
        context: &context,
    });
    let error = opened.map(|_| ()).expect_err("no TLS there");
    assert!(matches!(error, ConnectorError::Refused { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(15));
}
