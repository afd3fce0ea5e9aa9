//! Writing: epochs once, across crashes; keys and tombstones.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use engine::connector::{Committed, ConnectContext, ConnectorError, SinkMode};

use crate::place::Place;
use crate::yaml::{changes, values};

pub(crate) fn epochs_are_appended_once(place: &Place) {
    let sink = place.sink(&[("partitions", "2")], SinkMode::Appends).expect("a good entry");
    let first = changes(&[("a", 1, 1), ("b", 2, 2), ("c", 3, 1)]);
    let second = changes(&[("d", 4, 1), ("e", 5, 1)]);
    {
        let mut writer = sink.open(&place.context()).expect("a topic");
        assert_eq!(writer.committed(), Committed::Epoch(0));
        writer.commit(3, &first).expect("room");
        assert_eq!(writer.committed(), Committed::Epoch(3));
    }
    let marker = place.root.join("p/sinks/s.epoch");
    let before = std::fs::read(&marker).expect("a marker");
    sink.open(&place.context()).expect("the topic").commit(5, &second).expect("room");
    // As after a crash between the last acknowledgement and the marker.
    std::fs::write(&marker, &before).expect("a marker");
    let mut writer = sink.open(&place.context()).expect("the topic");
    assert!(matches!(writer.committed(), Committed::Epoch(3 | 5)));
    writer.commit(5, &second).expect("room");
    assert_eq!(writer.committed(), Committed::Epoch(5));
    writer.commit(6, &changes(&[("f", 6, 1)])).expect("room");
    drop(writer);
    let rows = place.everything();
    let expected =
        ["a\",\"n\":1", "b\",\"n\":2", "b\",\"n\":2", "c\",\"n\":3", "d\",\"n\":4", "e\",\"n\":5", "f\",\"n\":6"];
    assert_eq!(values(&rows), expected.map(|row| format!("{{\"name\":\"{row}}}")));
    let other = ConnectContext { fingerprint: "g".into(), ..place.context() };
    assert!(matches!(sink.open(&other), Err(ConnectorError::Diverged { .. })));
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
        let mut writer = sink(&place).open(&place.context()).expect("a topic");
        let Committed::Epoch(committed) = writer.committed() else { panic!("topics last") };
        for epoch in committed + 1..=epochs {
            let names: Vec<String> = (0..10).map(|row| name(epoch * 10 + row)).collect();
            let rows: Vec<_> = names.iter().map(|name| (name.as_str(), 1, 1)).collect();
            writer.commit(epoch, &changes(&rows)).expect("room");
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
    assert!(values(&place.everything()) == expected, "rows are lost or doubled");
}

pub(crate) fn upserts_end_in_tombstones(place: &Place) {
    let sink = place.sink(&[("mode", "upsert"), ("key", "name")], SinkMode::Changes).expect("a good entry");
    let mut writer = sink.open(&place.context()).expect("a topic");
    writer.commit(1, &changes(&[("a", 1, 1), ("b", 1, 1)])).expect("room");
    writer.commit(2, &changes(&[("a", 1, -1), ("a", 2, 1), ("b", 1, -1)])).expect("room");
    drop(writer);
    let last: BTreeMap<_, _> = place.everything().into_iter().map(|row| (row.key.expect("keyed"), row.value)).collect();
    assert_eq!(last["a"].as_deref(), Some("{\"name\":\"a\",\"n\":2}"));
    assert_eq!(last["b"], None);
}
