//! Migrations make the tables, once.

use engine::connector::SinkMode;
use engine::schema::{Column, ColumnType, Schema};

use super::database::{Database, Instance, changes, names, text_rows};

on_each_database! {
    the_shipped_migration_makes_the_shipped_table,
    migrations_run_once_and_stay_as_they_are,
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
