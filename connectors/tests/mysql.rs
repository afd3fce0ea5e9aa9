//! The `mysql` sink against SQLite, and against the server of `MYSQL_URL`: what is written, what is refused, what survives faults.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Runs each of these on SQLite, and on a server when there is one.
macro_rules! on_each_database {
    ($($name:ident,)+) => {
        mod on_sqlite {
            use crate::database::Database;
            $(#[test] fn $name() { super::$name(&Database::sqlite()); })+
        }
        mod on_a_server {
            use crate::database::Database;
            $(#[test] #[ignore = "needs MYSQL_URL"] fn $name() { super::$name(&Database::server()); })+
        }
    };
}

#[path = "mysql/database.rs"]
mod database;
#[path = "mysql/faults.rs"]
mod faults;
#[path = "mysql/joint.rs"]
mod joint;
#[path = "mysql/joint_faults.rs"]
mod joint_faults;
#[path = "mysql/proxy.rs"]
mod proxy;
#[path = "mysql/read_back.rs"]
mod read_back;
#[path = "mysql/refusals.rs"]
mod refusals;

use database::{Database, Instance, changes, row, text_rows};
use engine::connector::{ConnectorError, SinkMode};
use engine::schema::{Column, ColumnType, Schema};

on_each_database! {
    appends_each_row_once_and_goes_on_after_a_restart,
    upserts_replace_and_delete_by_key,
    another_writer_is_refused_with_the_ways_out,
    a_marker_without_rows_changes_hands,
    an_older_instance_is_fenced,
    an_instance_that_wakes_does_not_fence_its_successor,
    a_missing_table_is_refused_or_made,
    a_table_that_has_gone_is_noticed,
    differences_are_shown_before_anything_is_written,
    keys_differ_as_their_bytes_do,
    every_type_keeps_its_bounds,
    large_epochs_are_cut_into_statements,
    a_row_that_cannot_be_stored_is_named_and_nothing_stays,
    names_are_only_names,
    reports_read_and_cannot_write,
    the_shipped_migration_makes_the_shipped_table,
    migrations_run_once_and_stay_as_they_are,
    of_many_that_open_at_once_one_writes,
}

fn names() -> Schema {
    Schema::new(vec![Column::new("name", ColumnType::String), Column::new("n", ColumnType::Int)])
}

const APPEND: &[(&str, &str)] = &[("table", "t"), ("create", "true")];
const UPSERT: &[(&str, &str)] = &[("table", "t"), ("create", "true"), ("mode", "upsert"), ("key", "name")];

fn appends_each_row_once_and_goes_on_after_a_restart(database: &Database) {
    let instance = Instance::new("state", 1);
    let mut writer = database.open(APPEND, &names(), SinkMode::Appends, &instance).unwrap();
    assert_eq!(writer.epoch(), 0);
    writer.commit(1, &changes(&names(), &[row("a", 1, 1), row("b", 2, 2)])).unwrap();
    writer.commit(3, &changes(&names(), &[row("a", 1, 1)])).unwrap();
    drop(writer);

    let mut writer = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 2)).unwrap();
    assert_eq!(writer.epoch(), 3);
    writer.commit(3, &changes(&names(), &[row("a", 1, 1)])).unwrap();
    writer.commit(4, &changes(&names(), &[])).unwrap();
    assert_eq!(writer.epoch(), 4);
    assert_eq!(database.rows("SELECT name, n FROM t ORDER BY name"), text_rows(&["a 1", "a 1", "b 2", "b 2"]));
}

fn upserts_replace_and_delete_by_key(database: &Database) {
    let mut writer = database.open(UPSERT, &names(), SinkMode::Changes, &Instance::new("state", 1)).unwrap();
    writer.commit(1, &changes(&names(), &[row("a", 1, 1), row("b", 1, 1), row("c", 1, 1)])).unwrap();
    let second = [row("a", 1, -1), row("a", 2, 1), row("b", 1, -1), row("d", 4, 1), row("nobody", 1, -1)];
    writer.commit(2, &changes(&names(), &second)).unwrap();
    assert_eq!(database.rows("SELECT name, n FROM t ORDER BY name"), text_rows(&["a 2", "c 1", "d 4"]));

    let pairs = &[("table", "pairs"), ("create", "true"), ("mode", "upsert"), ("key", "name, n")];
    let mut writer = database.open(pairs, &names(), SinkMode::Changes, &Instance::new("state", 1)).unwrap();
    writer.commit(1, &changes(&names(), &[row("a", 1, 1), row("a", 2, 1), row("b", 1, 1)])).unwrap();
    writer.commit(2, &changes(&names(), &[row("a", 1, -1), row("b", 1, -1), row("a", 2, 1)])).unwrap();
    assert_eq!(database.rows("SELECT name, n FROM pairs"), text_rows(&["a 2"]));

    let error = writer.commit(3, &changes(&names(), &[row("z", 1, 2)])).unwrap_err();
    assert!(error.to_string().contains("two rows of one key") && error.to_string().contains("name: 'z'"), "{error}");
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

fn keys_differ_as_their_bytes_do(database: &Database) {
    let keys = ["a", "A", "a ", "ä", "a\u{308}", "ß", "ss", "", "🎮", "🎯", "o'clock\"`\\", "a\u{0}", "日本", "%", "_"];
    let mut writer = database.open(UPSERT, &names(), SinkMode::Changes, &Instance::new("state", 1)).unwrap();
    let all: Vec<_> = keys.iter().enumerate().map(|(n, key)| row(key, n as i64, 1)).collect();
    writer.commit(1, &changes(&names(), &all)).unwrap();
    let count = keys.len().to_string();
    assert_eq!(database.rows("SELECT count(*) FROM t"), text_rows(&[&count]));
    writer
        .commit(2, &changes(&names(), &[row("a", 0, -1), row("ä", 3, -1), row("ß", 5, -1), row("ß", 50, 1)]))
        .unwrap();
    let left = database.rows("SELECT n FROM t ORDER BY n");
    assert_eq!(left.concat().join(" "), "1 2 4 6 7 8 9 10 11 12 13 14 50");
}

fn every_type_keeps_its_bounds(database: &Database) {
    let schema = Schema::new(vec![
        Column::new("i", ColumnType::Int),
        Column::nullable("s", ColumnType::String),
        Column::nullable("f", ColumnType::Float),
        Column::nullable("d", ColumnType::Decimal(38, 10)),
        Column::nullable("b", ColumnType::Bool),
        Column::nullable("t", ColumnType::Timestamp),
        Column::nullable("day", ColumnType::Date),
        Column::nullable("j", ColumnType::Json),
        Column::nullable("l", ColumnType::List(Box::new(ColumnType::Int))),
    ]);
    let mut writer = database.open(APPEND, &schema, SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    let rows: Vec<(Vec<String>, i64)> = [
        [
            i64::MIN.to_string().as_str(),
            "",
            "-1.7976931348623157e308",
            "-1234567890123456789012345678.0123456789",
            "false",
            "-62135596800000000",
            "-719162",
            "{\"a\": 1.0}",
            "[]",
        ],
        [
            i64::MAX.to_string().as_str(),
            "🎮",
            "5e-324",
            "0.0000000001",
            "true",
            "253402300799999999",
            "2932896",
            "[1, 1]",
            "[1,2]",
        ],
        ["0", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"],
    ]
    .iter()
    .map(|row| (row.iter().map(|&cell| cell.to_owned()).collect(), 1))
    .collect();
    writer.commit(1, &changes(&schema, &rows)).unwrap();
    let stored = writer.query("SELECT i, s, d, b, t, day, j, l FROM t ORDER BY i").unwrap();
    let line =
        |row: usize| -> Vec<&str> { stored.rows[row].iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect() };
    assert_eq!(stored.columns, ["i", "s", "d", "b", "t", "day", "j", "l"]);
    assert_eq!(
        line(0),
        [
            "-9223372036854775808",
            "",
            "-1234567890123456789012345678.0123456789",
            "0",
            "0001-01-01 00:00:00.000000",
            "0001-01-01",
            "{\"a\": 1.0}",
            "[]"
        ]
    );
    assert_eq!(line(1), ["0", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"]);
    assert_eq!(
        line(2)[..6],
        ["9223372036854775807", "🎮", "0.0000000001", "1", "9999-12-31 23:59:59.999999", "9999-12-31"]
    );
    let exact = database.rows("SELECT count(*) FROM t WHERE f = -1.7976931348623157e308 OR (f > 0 AND f < 1e-300)");
    assert_eq!(exact, text_rows(&["2"]));

    let late = changes(
        &schema,
        &[(
            ["1", "x", "NULL", "NULL", "NULL", "253402300800000000", "NULL", "NULL", "NULL"]
                .map(str::to_owned)
                .to_vec(),
            1,
        )],
    );
    let error = writer.commit(2, &late).unwrap_err().to_string();
    assert!(error.contains("column `t`") && error.contains("years 1 to 9999"), "{error}");
}

fn large_epochs_are_cut_into_statements(database: &Database) {
    let mut writer = database.open(UPSERT, &names(), SinkMode::Changes, &Instance::new("state", 1)).unwrap();
    let all: Vec<_> = (0..12_345).map(|n| row(&format!("name-{n:08}"), n, 1)).collect();
    writer.commit(1, &changes(&names(), &all)).unwrap();
    assert_eq!(database.rows("SELECT count(*), sum(n) FROM t"), text_rows(&["12345 76193340"]));
    let gone: Vec<_> = (0..12_000).map(|n| row(&format!("name-{n:08}"), n, -1)).collect();
    writer.commit(2, &changes(&names(), &gone)).unwrap();
    assert_eq!(database.rows("SELECT count(*), min(n) FROM t"), text_rows(&["345 12000"]));

    let append = &[("table", "long_names"), ("create", "true")];
    let mut writer = database.open(append, &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    let long = "x".repeat(1 << 20);
    let all: Vec<_> = (0..40).map(|n| row(&long, n, 1)).collect();
    writer.commit(1, &changes(&names(), &all)).unwrap();
    assert_eq!(database.rows("SELECT count(*), sum(length(name)) FROM long_names"), text_rows(&["40 41943040"]));
}

fn a_row_that_cannot_be_stored_is_named_and_nothing_stays(database: &Database) {
    database.run(
        "CREATE TABLE t (name VARCHAR(20) /*! CHARACTER SET utf8mb4 */ NOT NULL, n BIGINT NOT NULL, CHECK (n < 100))",
    );
    let mut writer = database.open(&[("table", "t")], &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    let error = writer.commit(1, &changes(&names(), &[row("big", 100, 1)])).unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("the row is (name: 'big', n: 100)"), "{error}");
    writer.commit(2, &changes(&names(), &[row("fits", 1, 1)])).unwrap();

    database.run("CREATE UNIQUE INDEX once ON t (n)");
    let rows = [row("other", 7, 1), row("again", 1, 1)];
    let error = writer.commit(3, &changes(&names(), &rows)).unwrap_err();
    assert!(error.hint().contains("mode: upsert"), "{error}: {}", error.hint());
    assert_eq!(database.rows("SELECT name FROM t"), text_rows(&["fits"]));
    assert_eq!(database.rows("SELECT epoch FROM flowctl_sinks"), text_rows(&["2"]));
}

fn names_are_only_names(database: &Database) {
    let name = "x`; DROP TABLE \"flowctl_sinks\"; -- ä";
    let schema = Schema::new(vec![Column::new("key", ColumnType::String), Column::new("a`b\"c", ColumnType::Int)]);
    let entry = &[("table", name), ("create", "true"), ("mode", "upsert"), ("key", "key")];
    let mut writer = database.open(entry, &schema, SinkMode::Changes, &Instance::new("state", 1)).unwrap();
    writer.commit(1, &changes(&schema, &[row("a", 1, 1), row("b", 2, 1)])).unwrap();
    writer.commit(2, &changes(&schema, &[row("a", 1, -1), row("b", 2, -1), row("b", 3, 1)])).unwrap();
    drop(writer);
    let mut writer = database.open(entry, &schema, SinkMode::Changes, &Instance::new("state", 2)).unwrap();
    assert_eq!(writer.epoch(), 2);
    let stored = writer.query(&format!("SELECT * FROM {}", database.quote(name))).unwrap();
    assert_eq!(stored.columns, ["key", "a`b\"c"]);
    assert_eq!(stored.rows, [[Some("b".to_owned()), Some("3".to_owned())]]);
}

fn reports_read_and_cannot_write(database: &Database) {
    let mut writer = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    writer.commit(1, &changes(&names(), &[row("a", 1, 1), row("a", 2, 1), row("b", 5, 1)])).unwrap();
    let grid =
        writer.query("SELECT name, SUM(n) AS total, NULL AS gone FROM t GROUP BY name ORDER BY total DESC").unwrap();
    assert_eq!(grid.columns, ["name", "total", "gone"]);
    let cell = |text: &str| Some(text.to_owned());
    assert_eq!(grid.rows, [[cell("b"), cell("5"), None], [cell("a"), cell("3"), None]]);
    for (sql, word) in [
        ("DELETE FROM t", "report's SQL"),
        ("DROP TABLE t", "report's SQL"),
        ("", "report's SQL"),
        ("SELECT 1; COMMIT; DELETE FROM t", "report's SQL"),
        ("SELECT nonsense FROM t", "nonsense"),
        ("SELECT 1 FROM nowhere", "nowhere"),
    ] {
        let error = writer.query(sql).unwrap_err();
        assert!(error.to_string().contains(word) && error.hint().contains("report"), "{sql}: {error:?}");
    }
    writer.commit(2, &changes(&names(), &[row("c", 1, 1)])).expect("a report leaves the session as it was");
    assert_eq!(database.rows("SELECT count(*) FROM t"), text_rows(&["4"]));
}

fn the_shipped_migration_makes_the_shipped_table(database: &Database) {
    let schema = Schema::new(vec![
        Column::new("user_name", ColumnType::String),
        Column::new("game_name", ColumnType::String),
        Column::new("viewer_count", ColumnType::Int),
        Column::new("started_at", ColumnType::Timestamp),
        Column::new("is_popular", ColumnType::Bool),
        Column::new("viewer_bucket", ColumnType::String),
        Column::new("record_time", ColumnType::Timestamp),
    ]);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let entry = &[("table", "twitch_streams_enriched"), ("migrations", folder)];
    let row =
        ["ä", "Chess", "25001", "1700000000123456", "true", "High", "1700000001000000"].map(str::to_owned).to_vec();
    for generation in 1..=2 {
        let mut writer = database.open(entry, &schema, SinkMode::Appends, &Instance::new("state", generation)).unwrap();
        writer.commit(generation, &changes(&schema, &[(row.clone(), 1)])).unwrap();
        let grid = writer.query("SELECT DISTINCT started_at, is_popular FROM twitch_streams_enriched").unwrap();
        assert_eq!(grid.rows, [[Some("2023-11-14 22:13:20.123456".to_owned()), Some("1".to_owned())]]);
    }
    assert_eq!(
        database.rows("SELECT version, name FROM flowctl_migrations"),
        text_rows(&["1 twitch_streams_enriched"])
    );
    if database.is_server() {
        let collations = "SELECT DISTINCT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND \
                          TABLE_NAME = 'twitch_streams_enriched' AND COLLATION_NAME IS NOT NULL";
        let found = database.rows(collations).concat();
        assert!(found == ["utf8mb4_nopad_bin"] || found == ["utf8mb4_0900_bin"], "{found:?}");
    }
}

fn migrations_run_once_and_stay_as_they_are(database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, sql: &str| std::fs::write(folder.path().join(name), sql).unwrap();
    let path = folder.path().display().to_string();
    let entry = [("table", "t"), ("migrations", path.as_str())];
    let open = |generation| {
        database
            .open(&entry, &names(), SinkMode::Appends, &Instance::new("state", generation))
            .map(drop)
            .map_err(|error| error.to_string())
    };
    write(
        "V1__t.sql",
        "CREATE TABLE t (name VARCHAR(20) /*! CHARACTER SET utf8mb4 */ NOT NULL); CREATE TABLE u (a BIGINT);",
    );
    assert!(open(1).unwrap_err().contains("does not fit"));
    write("V2__n.sql", "ALTER TABLE t ADD n BIGINT NOT NULL DEFAULT 0;");
    open(2).unwrap();
    open(3).unwrap();
    write("V3__broken.sql", "CREATE TABLE w (a BIGINT); CREATE TABLE u (a BIGINT);");
    let error = open(4).unwrap_err();
    assert!(error.contains("exists"), "a later statement's failure is a failure: {error}");
    assert_eq!(database.rows("SELECT max(version) FROM flowctl_migrations"), text_rows(&["2"]));
    std::fs::remove_file(folder.path().join("V3__broken.sql")).unwrap();
    write("V2__n.sql", "ALTER TABLE t ADD n BIGINT NOT NULL DEFAULT 1;");
    assert!(open(5).unwrap_err().contains("different"));
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
