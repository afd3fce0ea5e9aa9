//! What is written: rows once, by key, of every type, whatever their names.

use engine::connector::{ConnectorError, SinkMode};
use engine::schema::{Column, ColumnType, Schema};

use super::database::{APPEND, Database, Instance, UPSERT, changes, names, row, text_rows};

on_each_database! {
    appends_each_row_once_and_goes_on_after_a_restart,
    upserts_replace_and_delete_by_key,
    keys_differ_as_their_bytes_do,
    every_type_keeps_its_bounds,
    large_epochs_are_cut_into_statements,
    a_row_that_cannot_be_stored_is_named_and_nothing_stays,
    names_are_only_names,
}

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
