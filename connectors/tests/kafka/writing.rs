//! Writing: epochs once, across crashes; keys and tombstones.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use engine::connector::{ConnectContext, ConnectorError, Mark, SinkMode};

use crate::epochs::{commit, held, mark, open};
use crate::place::Place;
use crate::yaml::{changes, values};

pub(crate) fn epochs_are_appended_once(place: &Place) {
    let sink = place.sink(&[("partitions", "2")], SinkMode::Appends).expect("a good entry");
    let first = changes(&[("a", 1, 1), ("b", 2, 2), ("c", 3, 1)]);
    let second = changes(&[("d", 4, 1), ("e", 5, 1)]);
    {
        let mut writer = open(&*sink, &place.context()).expect("a topic");
        assert_eq!(held(&*writer), [Mark::default()]);
        commit(&mut *writer, 3, first).expect("room");
        assert_eq!(held(&*writer), [mark(3)]);
    }
    commit(&mut *open(&*sink, &place.context()).expect("the topic"), 5, second.clone()).expect("room");
    let mut writer = open(&*sink, &place.context()).expect("the topic");
    assert_eq!(held(&*writer), [mark(5)]);
    commit(&mut *writer, 5, second).expect("it is there");
    assert_eq!(held(&*writer), [mark(5)]);
    commit(&mut *writer, 6, changes(&[("f", 6, 1)])).expect("room");
    drop(writer);
    let rows = place.settled();
    let expected =
        ["a\",\"n\":1", "b\",\"n\":2", "b\",\"n\":2", "c\",\"n\":3", "d\",\"n\":4", "e\",\"n\":5", "f\",\"n\":6"];
    assert_eq!(values(&rows), expected.map(|row| format!("{{\"name\":\"{row}}}")));
    let other = ConnectContext { fingerprint: "g".into(), ..place.context() };
    assert!(matches!(open(&*sink, &other), Err(ConnectorError::Diverged { .. })));
    let elsewhere = place.beside("-elsewhere").sink(&[], SinkMode::Appends).expect("a good entry");
    assert!(matches!(open(&*elsewhere, &place.context()), Err(ConnectorError::Diverged { .. })));
}

/// Tells a copy of this test program that it is to write epochs, and where: brokers, root and topic.
const CHILD: &str = "FLOWCTL_TEST_EPOCH_WRITER";

pub(crate) fn a_killed_writer_loses_and_doubles_nothing(place: &Place) {
    let (epochs, first_kill, later) = if place.is_embedded() { (1_500, 30, 20) } else { (1_000, 250, 100) };
    let name = |number: u64| format!("{number:06}");
    let sink = |place: &Place| place.sink(&[("partitions", "2")], SinkMode::Appends).expect("a good entry");
    if let Ok(orders) = std::env::var(CHILD) {
        let [brokers, root, topic] = orders.split('|').collect::<Vec<_>>()[..] else { panic!("three words") };
        let place = Place { brokers: brokers.into(), root: root.into(), topic: topic.into(), _folder: None };
        let mut writer = open(&*sink(&place), &place.context()).expect("a topic");
        let committed = held(&*writer)[0];
        assert_eq!(committed, mark(committed.epoch));
        for epoch in committed.epoch + 1..=epochs {
            let names: Vec<String> = (0..10).map(|row| name(epoch * 10 + row)).collect();
            let rows: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 1)).collect();
            commit(&mut *writer, epoch, changes(&rows)).expect("room");
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
    assert!(values(&place.settled()) == expected, "rows are lost or doubled");
}

pub(crate) fn upserts_end_in_tombstones(place: &Place) {
    let sink = place.sink(&[("mode", "upsert"), ("key", "name")], SinkMode::Changes).expect("a good entry");
    let mut writer = open(&*sink, &place.context()).expect("a topic");
    commit(&mut *writer, 1, changes(&[("a", 1, 1), ("b", 1, 1)])).expect("room");
    commit(&mut *writer, 2, changes(&[("a", 1, -1), ("a", 2, 1), ("b", 1, -1)])).expect("room");
    drop(writer);
    let last: BTreeMap<_, _> = place.settled().into_iter().map(|row| (row.key.expect("keyed"), row.value)).collect();
    assert_eq!(last["a"].as_deref(), Some("{\"name\":\"a\",\"n\":2}"));
    assert_eq!(last["b"], None);
}
