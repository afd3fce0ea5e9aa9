//! Entries that cannot work, and brokers that are not there.

use connectors::kafka::KafkaSourceKind;
use engine::connector::{ConnectorError, SinkMode};
use engine::diagnostic::Code;
use engine::spec::{Node, Variables};

use crate::place::{Place, open_now};
use crate::yaml::{check, checked, list, map, scalar, schema};

#[test]
fn brokers_out_of_reach_are_unavailable() {
    let place = Place::new("127.0.0.1:1".into());
    let context = place.context();
    context.stop.set();
    let opened = open_now(&*place.source("earliest"), &context);
    assert!(matches!(opened.map(|_| ()), Err(ConnectorError::Unavailable { .. })));
}

#[test]
fn options_are_checked_by_librdkafka_and_keep_their_values_to_themselves() {
    let with = |name: &str, value: &str| map([("topics", scalar("t")), ("options", map([(name, scalar(value))]))]);
    let said = |name: &str, value: &str| {
        let found = check(&KafkaSourceKind, &with(name, value)).map(|_| ()).expect_err(name);
        let first = found.sorted()[0].clone();
        (first.code, first.message)
    };
    assert_eq!(said("bogus.option", "1"), (Code::UnknownKey, "librdkafka has no option `bogus.option`".into()));
    for (name, value) in [("fetch.min.bytes", "hunter2"), ("socket.timeout.ms", "-77"), ("compression.type", "hunter2")]
    {
        let (code, message) = said(name, value);
        assert_eq!(code, Code::BadValue);
        assert!(message.contains(name) && !message.contains(value), "{message}");
    }
    for (name, value) in [("fetch.min.bytes", "5"), ("bogus.option", "${LATER}"), ("linger.ms", "2.5")] {
        checked(&KafkaSourceKind, &with(name, value)).expect("sound as far as is known");
    }
}

#[test]
fn options_that_do_not_go_together_are_unusable() {
    let node = map([
        ("brokers", scalar("127.0.0.1:1")),
        ("topics", scalar("t")),
        ("options", map([("session.timeout.ms", scalar("3000000"))])),
    ]);
    let source = checked(&KafkaSourceKind, &node).expect("each is in its range");
    let opened = open_now(&*source, &Place::embedded().context());
    let error = opened.map(drop).expect_err("longer than the interval of polls");
    assert!(matches!(error, ConnectorError::Unusable { .. }));
    assert!(error.to_string().contains("session.timeout.ms"), "{error}");
}

#[test]
fn what_variables_hide_from_the_check_is_found_at_the_opening() {
    let mut context = Place::embedded().context();
    context.variables = Variables::new([("TOPIC".into(), "a/b".into()), ("HOSTS".into(), "h:0".into())]);
    let said = |pairs: Vec<(&str, Node)>| {
        let source = checked(&KafkaSourceKind, &map(pairs)).expect("sound as far as is known");
        let error = open_now(&*source, &context).map(drop).expect_err("wrong");
        assert!(matches!(error, ConnectorError::Unusable { .. }), "{error:?}");
        error.to_string()
    };
    assert!(said(vec![("topics", scalar("${TOPIC}"))]).starts_with("`topics`: `a/b`"));
    assert!(said(vec![("topics", scalar("t")), ("brokers", scalar("${HOSTS}"))]).starts_with("`brokers`: `h:0`"));
}

#[test]
fn sinks_on_the_same_brokers_commit_together() {
    let variables = Variables::new([("PASSWORD".into(), "hunter2".into())]);
    let domain = |brokers: &str, topic: &str, options: &[(&str, &str)], password: &str| {
        let options = map(options.iter().map(|(name, value)| (*name, scalar(value))));
        let security = map([("protocol", "sasl_plaintext"), ("username", "u"), ("password", password)]
            .map(|(key, value)| (key, scalar(value))));
        let pairs =
            [("brokers", scalar(brokers)), ("topic", scalar(topic)), ("options", options), ("security", security)];
        let place = Place::new(brokers.to_owned());
        place.sink_at(&map(pairs), schema(), SinkMode::Appends).expect("a good entry").domain(&variables)
    };
    let first = domain("h:1", "t", &[("linger.ms", "2")], "${PASSWORD}").expect("one");
    assert_eq!(domain("h:1", "u", &[("linger.ms", "2")], "hunter2"), Some(first.clone()));
    assert_ne!(domain("h:2", "t", &[("linger.ms", "2")], "${PASSWORD}"), Some(first.clone()));
    assert_ne!(domain("h:1", "t", &[("linger.ms", "3")], "${PASSWORD}"), Some(first.clone()));
    assert_ne!(domain("h:1", "t", &[("linger.ms", "2")], "other"), Some(first.clone()));
    assert_eq!(domain("h:1", "t", &[], "${UNKNOWN}"), None);
    assert_eq!(domain("embedded", "t", &[], "x"), None);
    assert!(!first.contains("hunter2"));
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
    for topic in ["", "b c", "a/b", "..", ".hidden", &"x".repeat(250)] {
        assert_eq!(source(vec![("topics", scalar(topic))]), [Code::BadName], "{topic}");
    }
    for brokers in ["", "h:99999", "http://h:9092"] {
        assert_eq!(source(vec![topics(), ("brokers", scalar(brokers))]), [Code::BadValue], "{brokers}");
    }
    let ca = || map([("ca", scalar("no/such/file.pem"))]);
    assert_eq!(source(vec![topics(), ("brokers", scalar("h:1")), ("security", ca())]), [Code::MissingFile]);
    checked(&KafkaSourceKind, &map([("topics", scalar(".hidden")), ("brokers", scalar("h"))])).expect("Kafka takes it");
    let place = Place::embedded();
    let sink = |keys: &[(&str, &str)], mode| place.sink(keys, mode).map(|_| ()).expect_err("wrong");
    assert_eq!(sink(&[], SinkMode::Changes), [Code::SinkCannotTake]);
    assert_eq!(sink(&[("mode", "upsert")], SinkMode::Changes), [Code::MissingKey]);
    assert_eq!(sink(&[("mode", "upsert"), ("key", "n")], SinkMode::Changes), [Code::SinkCannotTake]);
    let mut odd = Place::embedded();
    odd.topic = "a/b".to_owned();
    assert_eq!(odd.sink(&[], SinkMode::Appends).map(|_| ()).expect_err("no topic"), [Code::BadName]);
    assert_eq!(sink(&[("key", "nam")], SinkMode::Appends), [Code::UnknownColumn]);
    assert_eq!(sink(&[("timestamp", "name")], SinkMode::Appends), [Code::TypeMismatch]);
}
