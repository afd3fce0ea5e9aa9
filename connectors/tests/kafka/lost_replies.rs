//! Orders to commit of which nobody knows whether they were carried out.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use engine::connector::{ConnectorError, SinkMode};

use crate::epochs::{commit, held, mark, open};
use crate::fault_proxy::{Fault, FaultProxy};
use crate::place::{PATIENCE, Place};
use crate::yaml::{changes, names};

/// Longer than a commit is waited for.
const LONG: Duration = Duration::from_secs(13);

/// What happens while the outcome is unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// The connection is back soon.
    Nothing,
    /// The connection stays away.
    Darkness,
    /// The connection stays away, and another instance takes over.
    Takeover,
}

/// Commits three epochs through a proxy that loses the second's end. Gives what became of the second and third, and all names in the topic.
fn lose(fault: Fault, meanwhile: Meanwhile) -> (Result<(), ConnectorError>, Vec<String>) {
    let place = Place::real();
    let proxy = FaultProxy::new(&place.brokers);
    let through = Place { brokers: proxy.address.clone(), ..place.beside("") };
    let sink = through.sink(&[("partitions", "2")], SinkMode::Appends).expect("a good entry");
    let mut writer = open(&*sink, &through.context()).expect("a topic");
    commit(&mut *writer, 1, changes(&[("a", 1, 1)])).expect("room");
    let takeovers = proxy.takeovers();
    proxy.lose(fault);
    let (tell, told) = mpsc::channel();
    let committing = thread::spawn(move || {
        let second = commit(&mut *writer, 2, changes(&[("b", 1, 1), ("c", 1, 1)]));
        let both = second.and_then(|()| {
            assert_eq!(held(&*writer), [mark(2)]);
            commit(&mut *writer, 3, changes(&[("d", 1, 1)]))
        });
        tell.send(both).expect("somebody listens");
    });
    proxy.await_loss();
    if meanwhile != Meanwhile::Nothing {
        let early = told.recv_timeout(LONG);
        assert!(early.is_err(), "nobody can know the outcome: {early:?}");
    }
    if meanwhile == Meanwhile::Takeover {
        let direct = place.sink(&[], SinkMode::Appends).expect("a good entry");
        let context = place.context();
        let newer = open(&*direct, &context).expect("the topic");
        assert_eq!(held(&*newer), [mark(if fault == Fault::LoseReply { 2 } else { 1 })]);
    }
    proxy.lift();
    let outcome = told.recv_timeout(PATIENCE).expect("an end");
    committing.join().expect("no panic");
    // An order to commit that was lost on its way may come late. Only a producer made anew is out of its reach.
    assert!(proxy.takeovers() > takeovers || outcome.is_err(), "the same producer went on");
    (outcome, names(&place.settled()))
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_commit_whose_reply_is_lost_is_not_repeated() {
    let (outcome, names) = lose(Fault::LoseReply, Meanwhile::Darkness);
    outcome.expect("both go through");
    assert_eq!(names, ["a", "b", "c", "d"]);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_commit_that_is_lost_is_repeated() {
    let (outcome, names) = lose(Fault::LoseRequest, Meanwhile::Darkness);
    outcome.expect("both go through");
    assert_eq!(names, ["a", "b", "c", "d"]);
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn a_connection_that_is_cut_for_a_moment_does_no_harm() {
    for fault in [Fault::LoseReply, Fault::LoseRequest, Fault::CutReply, Fault::CutRequest] {
        let (outcome, names) = lose(fault, Meanwhile::Nothing);
        outcome.expect("both go through");
        assert_eq!(names, ["a", "b", "c", "d"]);
    }
}

#[test]
#[ignore = "needs KAFKA_BROKERS"]
fn who_comes_back_after_a_takeover_is_fenced() {
    for (fault, there) in [(Fault::LoseReply, vec!["a", "b", "c"]), (Fault::LoseRequest, vec!["a"])] {
        let (outcome, names) = lose(fault, Meanwhile::Takeover);
        assert!(matches!(outcome, Err(ConnectorError::Fenced { .. })), "{outcome:?}");
        assert_eq!(names, there);
    }
}
