//! Entries that cannot work, and brokers that are not there.

use std::collections::BTreeMap;

use connectors::kafka::KafkaSourceKind;
use engine::connector::{Bound, ConnectorError, OpenSource, SinkMode};
use engine::diagnostic::Code;
use engine::spec::Node;

use crate::place::Place;
use crate::yaml::{checked, list, map, scalar};

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
    assert_eq!(sink(&[("mode", "upsert")], SinkMode::Changes), [Code::MissingKey]);
    assert_eq!(sink(&[("mode", "upsert"), ("key", "n")], SinkMode::Changes), [Code::SinkCannotTake]);
    assert_eq!(sink(&[("key", "nam")], SinkMode::Appends), [Code::UnknownColumn]);
    assert_eq!(sink(&[("timestamp", "name")], SinkMode::Appends), [Code::TypeMismatch]);
}
