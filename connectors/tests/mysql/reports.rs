//! Reports are queries in the database of the sink.

use engine::connector::SinkMode;

use super::database::{APPEND, Database, Instance, changes, names, row, text_rows};

on_each_database! {
    reports_read_and_cannot_write,
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
