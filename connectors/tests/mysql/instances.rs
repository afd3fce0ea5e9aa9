//! Who may write: one instance at a time, the newest of one pipeline and state.

use engine::connector::{ConnectorError, SinkMode};

use super::database::{APPEND, Database, Instance, changes, names, row, text_rows};

on_each_database! {
    another_writer_is_refused_with_the_ways_out,
    a_marker_without_rows_changes_hands,
    an_older_instance_is_fenced,
    an_instance_that_wakes_does_not_fence_its_successor,
    of_many_that_open_at_once_one_writes,
}

fn another_writer_is_refused_with_the_ways_out(database: &Database) {
    let first = Instance::new("state", 1);
    let mut writer = database.open(APPEND, &names(), SinkMode::Appends, &first).unwrap();
    writer.commit(7, &changes(&names(), &[row("a", 1, 1)])).unwrap();
    let refused = |instance: &Instance| match database.open(APPEND, &names(), SinkMode::Appends, instance) {
        Err(ConnectorError::Diverged { what, hint }) => (what, hint),
        Err(error) => panic!("refused otherwise: {error}"),
        Ok(_) => panic!("a foreign writer was let in"),
    };
    let (what, hint) = refused(&Instance::new("fresh", 1));
    assert!(
        what.contains("another state directory (id state; this one is fresh)") && what.contains("epoch 7"),
        "{what}"
    );
    assert!(
        hint.contains("--state") && hint.contains("another `table`") && hint.contains("DELETE FROM flowctl_sinks"),
        "{hint}"
    );

    let (what, _) = refused(&Instance { sink: "other".into(), ..Instance::new("state", 2) });
    assert!(what.contains("written by sink `out` of pipeline `p`"), "{what}");
    let (what, hint) = refused(&Instance { fingerprint: "changed".into(), ..Instance::new("state", 2) });
    assert!(what.contains("the YAML that feeds table `t`") && hint.contains("undo the change"), "{what} {hint}");

    writer.commit(8, &changes(&names(), &[row("b", 1, 1)])).expect("a refused writer fences nobody");
    assert_eq!(database.rows("SELECT count(*) FROM t"), text_rows(&["2"]));
}

fn a_marker_without_rows_changes_hands(database: &Database) {
    let mut first = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 5)).unwrap();
    let mut second = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("fresh", 1)).unwrap();
    assert_eq!(second.epoch(), 0);
    let rows = changes(&names(), &[row("a", 1, 1)]);
    assert!(matches!(first.commit(1, &rows), Err(ConnectorError::Fenced { .. })));
    second.commit(1, &rows).unwrap();
    assert_eq!(database.rows("SELECT state_id, generation, epoch FROM flowctl_sinks"), text_rows(&["fresh 6 1"]));
}

fn an_older_instance_is_fenced(database: &Database) {
    let mut old = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    old.commit(1, &changes(&names(), &[row("old", 1, 1)])).unwrap();
    // A copy of the state directory starts with the same generation; the database still tells the two apart.
    let mut new = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    let error = old.commit(2, &changes(&names(), &[row("zombie", 2, 1)])).unwrap_err();
    assert!(matches!(error, ConnectorError::Fenced { .. }), "{error}");
    new.commit(2, &changes(&names(), &[row("new", 2, 1)])).unwrap();
    assert!(old.commit(3, &changes(&names(), &[row("zombie", 3, 1)])).is_err());
    assert_eq!(database.rows("SELECT name FROM t ORDER BY n"), text_rows(&["old", "new"]));
}

fn an_instance_that_wakes_does_not_fence_its_successor(database: &Database) {
    let mut second = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 2)).unwrap();
    // Also before anything is written.
    for epoch in [1, 2] {
        let woken = database.refusal(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1));
        assert!(matches!(woken, ConnectorError::Fenced { .. }), "{woken}");
        assert!(woken.to_string().contains("is at generation 2, this one at 1"), "{woken}");
        second.commit(epoch, &changes(&names(), &[row("a", epoch as i64, 1)])).expect("still the one that writes");
    }
    let mut third = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 3)).unwrap();
    third.commit(3, &changes(&names(), &[row("a", 3, 1)])).unwrap();
}

fn of_many_that_open_at_once_one_writes(database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let sql = "CREATE TABLE t (name VARCHAR(20) /*! CHARACTER SET utf8mb4 */ NOT NULL, n BIGINT NOT NULL);";
    std::fs::write(folder.path().join("V1__t.sql"), sql).unwrap();
    let path = folder.path().display().to_string();
    let entry = [("table", "t"), ("migrations", path.as_str())];
    // Of copies of a state folder that have the same number a second takes over, and further ones see that it has.
    let open = || database.open(&entry, &names(), SinkMode::Appends, &Instance::new("state", 1));
    let writers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut outcomes = Vec::new();
    for writer in writers {
        outcomes.push(writer.and_then(|mut writer| writer.commit(1, &changes(&names(), &[row("a", 1, 1)]))));
    }
    let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let fenced = outcomes.iter().filter(|outcome| matches!(outcome, Err(ConnectorError::Fenced { .. }))).count();
    assert_eq!((written, fenced), (1, 3), "{outcomes:?}");
    assert_eq!(database.rows("SELECT count(*) FROM t"), text_rows(&["1"]));
}
