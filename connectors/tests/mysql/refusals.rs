//! Tables that are refused when they are opened, since they would lose, change or mix rows.

use engine::connector::{ConnectorError, SinkMode};

use super::database::{Database, Instance, changes, names, row, text_rows};

on_each_database! {
    triggers_are_refused,
    columns_that_fill_themselves_are_welcome,
    a_second_unique_index_is_refused,
}

const UPSERT: &[(&str, &str)] = &[("table", "t"), ("mode", "upsert"), ("key", "name")];
const APPEND: &[(&str, &str)] = &[("table", "t")];

/// A name's column that tells names apart.
fn name(database: &Database) -> &'static str {
    if database.is_server() {
        "name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL"
    } else {
        "name TEXT NOT NULL"
    }
}

fn triggers_are_refused(database: &Database) {
    database.run(&format!("CREATE TABLE t ({}, n BIGINT NOT NULL)", name(database)));
    database.run("CREATE TABLE log (n BIGINT NOT NULL)");
    database.run("CREATE TRIGGER spy AFTER INSERT ON t FOR EACH ROW BEGIN INSERT INTO log VALUES (NEW.n); END");
    let error = database.refusal(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1));
    assert!(matches!(error, ConnectorError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("trigger spy") && error.hint().contains("DROP TRIGGER"), "{error:?}");
    database.run(error.hint());
    database
        .open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1))
        .map(drop)
        .expect("the hint mends it");
}

fn columns_that_fill_themselves_are_welcome(database: &Database) {
    let twice = if database.is_server() {
        "twice BIGINT AS (n * 2) STORED, half BIGINT AS (n / 2) VIRTUAL"
    } else {
        "twice BIGINT NOT NULL AS (n * 2) STORED, half BIGINT NOT NULL AS (n / 2) VIRTUAL"
    };
    database.run(&format!(
        "CREATE TABLE t ({}, n BIGINT NOT NULL, {twice}, note VARCHAR(9) DEFAULT 'new', PRIMARY KEY (name))",
        name(database)
    ));
    let mut writer = database.open(UPSERT, &names(), SinkMode::Changes, &Instance::new("state", 1)).unwrap();
    writer.commit(1, &changes(&names(), &[row("a", 4, 1)])).unwrap();
    writer.commit(2, &changes(&names(), &[row("a", 4, -1), row("a", 6, 1)])).unwrap();
    assert_eq!(database.rows("SELECT name, n, twice, half, note FROM t"), text_rows(&["a 6 12 3 new"]));
}

fn a_second_unique_index_is_refused(database: &Database) {
    database.run(&format!("CREATE TABLE t ({}, n BIGINT NOT NULL, PRIMARY KEY (name))", name(database)));
    database.run("CREATE UNIQUE INDEX by_n ON t (n)");
    let error = database.refusal(UPSERT, &names(), SinkMode::Changes, &Instance::new("state", 1));
    assert!(error.to_string().contains("unique index by_n (n)"), "{error}");
    database.run(if database.is_server() { "DROP INDEX by_n ON t" } else { "DROP INDEX by_n" });
    database.open(UPSERT, &names(), SinkMode::Changes, &Instance::new("state", 1)).map(drop).unwrap();
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn engines_without_transactions_are_refused() {
    let database = Database::server();
    for (engine, tail) in [("MyISAM", "PARTITION BY HASH (n) PARTITIONS 2"), ("Aria", ""), ("MEMORY", "")] {
        database.run(&format!("CREATE TABLE t ({}, n BIGINT NOT NULL) ENGINE={engine} {tail}", name(&database)));
        let error = database.refusal(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1));
        assert!(error.to_string().contains(&format!("engine {engine}")), "{error}");
        assert!(error.hint().contains("ENGINE=InnoDB"), "{error:?}");
        database.run("DROP TABLE t");
    }
    database.run(&format!(
        "CREATE TABLE t ({}, n BIGINT NOT NULL) ENGINE=InnoDB PARTITION BY HASH (n) PARTITIONS 2",
        name(&database)
    ));
    database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1)).map(drop).unwrap();
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn markers_without_transactions_are_refused() {
    let database = Database::server();
    let entry = &[("table", "t"), ("create", "true")];
    database.open(entry, &names(), SinkMode::Appends, &Instance::new("state", 1)).map(drop).unwrap();
    database.run("ALTER TABLE flowctl_sinks ENGINE=MyISAM");
    let error = database.refusal(entry, &names(), SinkMode::Appends, &Instance::new("state", 2));
    assert!(error.to_string().contains("`flowctl_sinks` has engine MyISAM"), "{error}");
    database.run(error.hint());
    database.open(entry, &names(), SinkMode::Appends, &Instance::new("state", 2)).map(drop).expect("the hint mends it");
}

#[test]
#[ignore = "needs MYSQL_URL"]
fn keys_that_a_collation_takes_for_equal_are_refused() {
    let database = Database::server();
    for (generation, collation) in (1..).zip(["utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_unicode_nopad_ci"]) {
        let instance = Instance::new("state", generation);
        database.run(&format!(
            "CREATE TABLE t (name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE {collation} PRIMARY KEY, n BIGINT NOT NULL)"
        ));
        let error = database.refusal(UPSERT, &names(), SinkMode::Changes, &instance);
        assert!(error.to_string().contains(&format!("collation {collation}")), "{error}");
        database.run(error.hint());
        database.open(UPSERT, &names(), SinkMode::Changes, &instance).map(drop).expect(collation);
        database.run("DROP TABLE t");
    }
}
