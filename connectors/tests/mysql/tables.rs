//! Tables that are not there, no longer there, or not as the rows need them.

use engine::connector::{ConnectorError, SinkMode};

use super::database::{APPEND, Database, Instance, changes, names, row};

on_each_database! {
    a_missing_table_is_refused_or_made,
    a_table_that_has_gone_is_noticed,
    differences_are_shown_before_anything_is_written,
}

fn a_missing_table_is_refused_or_made(database: &Database) {
    let instance = Instance::new("state", 1);
    let error = database.refusal(&[("table", "t")], &names(), SinkMode::Appends, &instance);
    assert!(error.to_string().contains("table `t` in") && error.to_string().ends_with("does not exist"), "{error}");
    assert!(error.hint().contains("create: true") && error.hint().contains("CREATE TABLE"), "{}", error.hint());
    for sql in error.hint().split(": ").filter(|part| part.starts_with("CREATE TABLE")) {
        database.run(sql);
    }
    database.open(&[("table", "t")], &names(), SinkMode::Appends, &instance).expect("the hint's statement mends it");
}

fn a_table_that_has_gone_is_noticed(database: &Database) {
    let mut writer = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    writer.commit(9, &changes(&names(), &[row("a", 1, 1)])).unwrap();
    drop(writer);
    database.run("DROP TABLE t");
    let error = database.refusal(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 2));
    assert!(matches!(error, ConnectorError::Diverged { .. }), "{error}");
    assert!(error.to_string().contains("is gone from") && error.to_string().contains("epoch 9"), "{error}");
}

fn differences_are_shown_before_anything_is_written(database: &Database) {
    database.run("CREATE TABLE t (name INTEGER NOT NULL, extra VARCHAR(10) NOT NULL, note VARCHAR(10) NULL)");
    let error = database.refusal(&[("table", "t")], &names(), SinkMode::Appends, &Instance::new("state", 1));
    let what = error.to_string();
    for part in ["does not fit", "column", "needs", "(missing)", "extra", "no default"] {
        assert!(what.contains(part), "{part}: {what}");
    }
    assert!(!what.contains("note"), "{what}");
    database.run("DROP TABLE t");

    database.run("CREATE TABLE t (name VARCHAR(20) NOT NULL, n BIGINT NOT NULL)");
    let upsert = &[("table", "t"), ("mode", "upsert"), ("key", "name")];
    let error = database.refusal(upsert, &names(), SinkMode::Changes, &Instance::new("state", 1));
    assert!(error.to_string().contains("no unique index on the key"), "{error}");
    database.run("CREATE UNIQUE INDEX by_both ON t (name, n)");
    let error = database.refusal(upsert, &names(), SinkMode::Changes, &Instance::new("state", 1));
    assert!(error.to_string().contains("unique index by_both (name, n)"), "{error}");

    database.run("CREATE VIEW v AS SELECT 1 AS one");
    let error = database.refusal(&[("table", "v")], &names(), SinkMode::Appends, &Instance::new("state", 1));
    assert!(error.to_string().contains("view"), "{error}");
}
