//! What was written is read back exactly, as of one moment, and by nobody else.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use arrow::datatypes::Int64Type;
use engine::connector::{Changes, ConnectorError, Mark, Sink, SinkMode};
use engine::schema::{Column, ColumnType, Schema};
use serde_json::json;

use super::database::{APPEND, Database, Ended, Instance, changes, check, digest, names, read_back, row};

on_each_database! {
    every_type_is_read_back_as_it_was_written,
    numbers_in_wider_columns_are_the_same_numbers,
    large_tables_come_in_pieces,
    what_nobody_has_written_is_empty_and_stays_so,
    reading_fences_nobody,
    another_writers_rows_are_not_read,
    what_was_changed_by_hand_is_foreign,
    mark_and_rows_are_of_one_moment,
}

const KEYED: &[(&str, &str)] = &[("table", "t"), ("create", "true"), ("mode", "upsert"), ("key", "i")];

fn list(element: ColumnType) -> ColumnType {
    ColumnType::List(Box::new(element))
}

fn every_type() -> Schema {
    Schema::new(vec![
        Column::new("i", ColumnType::Int),
        Column::nullable("s", ColumnType::String),
        Column::nullable("f", ColumnType::Float),
        Column::nullable("d", ColumnType::Decimal(38, 10)),
        Column::nullable("d5", ColumnType::Decimal(5, 2)),
        Column::nullable("b", ColumnType::Bool),
        Column::nullable("t", ColumnType::Timestamp),
        Column::nullable("day", ColumnType::Date),
        Column::nullable("j", ColumnType::Json),
        Column::nullable("li", list(ColumnType::Int)),
        Column::nullable("ls", list(ColumnType::String)),
        Column::nullable("lf", list(ColumnType::Float)),
        Column::nullable("lt", list(ColumnType::Timestamp)),
        Column::nullable("ld", list(list(ColumnType::Decimal(20, 3)))),
        Column::nullable("lb", list(ColumnType::Bool)),
    ])
}

/// Rows in Arrow form from JSON; JSON columns have their text as a string.
fn rows(schema: &Schema, rows: &[serde_json::Value]) -> RecordBatch {
    let mut decoder = arrow::json::ReaderBuilder::new(schema.arrow()).build_decoder().unwrap();
    decoder.serialize(rows).unwrap();
    decoder.flush().unwrap().unwrap()
}

/// All rows, by the first column, which is a whole number.
fn in_order(schema: &Schema, batches: &[RecordBatch]) -> RecordBatch {
    let all = concat_batches(&schema.arrow(), batches).unwrap();
    take_record_batch(&all, &sort_to_indices(all.column(0), None, None).unwrap()).unwrap()
}

fn insert_all(rows: &RecordBatch) -> Changes {
    Changes { rows: rows.clone(), diffs: vec![1; rows.num_rows()] }
}

fn sink(database: &Database, pairs: &[(&str, &str)], schema: &Schema, mode: SinkMode) -> Box<dyn Sink> {
    check(&database.url(None), pairs, schema, mode)
}

fn every_type_is_read_back_as_it_was_written(database: &Database) {
    let schema = every_type();
    let written = rows(
        &schema,
        &[
            json!({
                "i": i64::MIN, "s": "", "f": f64::MIN, "d": "-9999999999999999999999999999.9999999999", "d5": "-0.01", "b": false,
                "t": "0001-01-01T00:00:00Z", "day": "0001-01-01", "j": "{\"b\": [1.0, -0.0,  {}], \"a\":\"\\u00e4\"}", "li": [],
                "ls": [], "lf": [], "lt": [], "ld": [], "lb": []
            }),
            json!({ "i": -1 }),
            json!({
                "i": 0, "s": " a\u{0}\t\r\n'\"`\\%_ ", "f": 5e-324, "d": "0.0000000001", "d5": "999.99", "b": true,
                "t": "1969-12-31T23:59:59.999999Z", "day": "1969-12-31", "j": "null", "li": [i64::MIN, 0, i64::MAX],
                "ls": ["", "🎮 \"x\"\\", "null", "\u{0}"], "lf": [5e-324, 0.1, f64::MAX, 1e22], "lt": ["9999-12-31T23:59:59.999999Z"],
                "ld": [["-99999999999999999.999", "0.001"], []], "lb": [true, false]
            }),
            json!({
                "i": 1, "s": "🎮日本a\u{308}", "f": 2.225_073_858_507_201e-308, "d": "12345678901234567890.5", "d5": "0", "b": true,
                "t": "2024-02-29T12:00:00.1Z", "day": "2024-02-29", "j": "\"🎮\"", "li": [7], "ls": ["日本"], "lf": [-1.5],
                "lt": ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"], "ld": [[]], "lb": [false]
            }),
            json!({
                "i": i64::MAX, "s": "x".repeat(70_000), "f": 0.1, "d": "9999999999999999999999999999.9999999999", "d5": "10",
                "b": false, "t": "9999-12-31T23:59:59.999999Z", "day": "9999-12-31", "j": "123456789012345678901234567890"
            }),
            json!({ "i": 2, "f": 0.0, "d": "0", "j": "[]" }),
            json!({ "i": 3, "f": 123_456_789.123_456_79, "d5": "-123.4" }),
            json!({ "i": 4, "f": 1e22 }),
            json!({ "i": 5, "f": 9_007_199_254_740_993.0 }),
        ],
    );
    for (pairs, mode) in [(KEYED, SinkMode::Changes), (APPEND, SinkMode::Appends)] {
        let instance = Instance::new("state", 1);
        let mut writer = database.open(pairs, &schema, mode, &instance).unwrap();
        writer.commit(3, &insert_all(&written)).unwrap();
        let (mark, batches, foreign) = read_back(&*sink(database, pairs, &schema, mode), &instance).unwrap();
        assert_eq!(mark, Mark { epoch: 3, digest: digest(3) });
        assert_eq!(foreign, Vec::<String>::new());
        let read = in_order(&schema, &batches);
        let wanted = in_order(&schema, std::slice::from_ref(&written));
        for (column, (read, wanted)) in schema.columns.iter().zip(read.columns().iter().zip(wanted.columns())) {
            assert_eq!(read, wanted, "column {}", column.name);
        }
        assert_eq!(read, wanted);
        database.run("DROP TABLE t");
        database.run("DELETE FROM flowctl_sinks");
    }
}

fn numbers_in_wider_columns_are_the_same_numbers(database: &Database) {
    let decimal = if database.is_server() { "DECIMAL(30, 6)" } else { "DECIMAL(10, 4)" };
    database.run(&format!("CREATE TABLE t (extra BIGINT NULL, d {decimal} NOT NULL, i BIGINT NOT NULL)"));
    let schema = Schema::new(vec![Column::new("i", ColumnType::Int), Column::new("d", ColumnType::Decimal(10, 4))]);
    let all = ["0", "-0.0001", "999999.9999", "0.07", "123456.7", "100000"];
    let all: Vec<_> = all.iter().enumerate().map(|(i, d)| json!({ "i": i, "d": d })).collect();
    let written = rows(&schema, &all);
    let instance = Instance::new("state", 1);
    let mut writer = database.open(&[("table", "t")], &schema, SinkMode::Appends, &instance).unwrap();
    writer.commit(1, &insert_all(&written)).unwrap();
    let (_, batches, foreign) = read_back(&*sink(database, APPEND, &schema, SinkMode::Appends), &instance).unwrap();
    assert_eq!((in_order(&schema, &batches), foreign), (written, Vec::new()));
}

fn large_tables_come_in_pieces(database: &Database) {
    let instance = Instance::new("state", 1);
    let mut writer = database.open(APPEND, &names(), SinkMode::Appends, &instance).unwrap();
    let all: Vec<_> = (0..25_000).map(|n| row("a", n, 1)).collect();
    writer.commit(1, &changes(&names(), &all)).unwrap();
    let reader = sink(database, APPEND, &names(), SinkMode::Appends);
    let (_, batches, _) = read_back(&*reader, &instance).unwrap();
    let lengths: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(lengths, [10_000, 10_000, 5_000]);
    let mut numbers: Vec<i64> =
        batches.iter().flat_map(|batch| batch.column(1).as_primitive::<Int64Type>().values().to_vec()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..25_000).collect::<Vec<_>>());

    let mut pieces = 0;
    let outcome = reader.read_back(&instance.context(), &mut |_| {
        pieces += 1;
        Err(ConnectorError::refused("enough", ""))
    });
    assert!(outcome.is_err_and(|error| error.to_string() == "enough") && pieces == 1);
    let stopped = Instance::new("state", 1);
    stopped.stop.set();
    let error = read_back(&*reader, &stopped).unwrap_err();
    assert!(error.to_string().contains("broken off"), "{error}");
}

fn what_nobody_has_written_is_empty_and_stays_so(database: &Database) {
    let (reader, instance) = (sink(database, APPEND, &names(), SinkMode::Appends), Instance::new("state", 1));
    let empty = |what: &str| {
        let (mark, batches, foreign) = read_back(&*reader, &instance).unwrap();
        assert_eq!((mark, batches.len(), foreign.len()), (Mark::default(), 0, 0), "{what}");
    };
    empty("no database file, or no table");
    match database {
        Database::Sqlite(folder) => assert!(!Path::new(&folder.path().join("test.db")).exists()),
        Database::Server { .. } => assert!(database.rows("SHOW TABLES").is_empty()),
    }
    database.run("CREATE TABLE t (name VARCHAR(20) /*! CHARACTER SET utf8mb4 */ NOT NULL, n BIGINT NOT NULL)");
    database.run("INSERT INTO t VALUES ('somebody else''s', 1)");
    empty("no markers");
    database.open(&[("table", "u"), ("create", "true")], &names(), SinkMode::Appends, &instance).map(drop).unwrap();
    empty("no marker of this table");
}

fn reading_fences_nobody(database: &Database) {
    let instance = Instance::new("state", 1);
    let mut writer = database.open(APPEND, &names(), SinkMode::Appends, &instance).unwrap();
    let reader = sink(database, APPEND, &names(), SinkMode::Appends);
    for epoch in 1..4 {
        writer.commit(epoch, &changes(&names(), &[row("a", 1, 1)])).unwrap();
        let (mark, batches, _) = read_back(&*reader, &Instance::new("state", 9)).unwrap();
        assert_eq!(mark, Mark { epoch, digest: digest(epoch) });
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>() as u64, epoch);
    }
}

fn another_writers_rows_are_not_read(database: &Database) {
    let mut writer = database.open(APPEND, &names(), SinkMode::Appends, &Instance::new("state", 1)).unwrap();
    let reader = sink(database, APPEND, &names(), SinkMode::Appends);
    let (mark, batches, _) = read_back(&*reader, &Instance::new("fresh", 1)).unwrap();
    assert_eq!((mark, batches.len()), (Mark::default(), 0), "nothing is there to mix");
    writer.commit(7, &changes(&names(), &[row("a", 1, 1)])).unwrap();
    for (instance, word) in [
        (Instance::new("fresh", 1), "another state directory"),
        (Instance { sink: "other".into(), ..Instance::new("state", 1) }, "written by sink `out`"),
        (Instance { fingerprint: "changed".into(), ..Instance::new("state", 1) }, "the YAML that feeds"),
    ] {
        let error = read_back(&*reader, &instance).unwrap_err();
        let opened = database.refusal(APPEND, &names(), SinkMode::Appends, &instance);
        assert!(matches!(error, ConnectorError::Diverged { .. }) && error.to_string().contains(word), "{error}");
        assert_eq!(error.to_string(), opened.to_string());
    }
    database.run("DROP TABLE t");
    let error = read_back(&*reader, &Instance::new("state", 1)).unwrap_err();
    assert!(error.to_string().contains("is gone from"), "{error}");
}

fn what_was_changed_by_hand_is_foreign(database: &Database) {
    let schema = Schema::new(vec![
        Column::new("i", ColumnType::Int),
        Column::nullable("b", ColumnType::Bool),
        Column::nullable("j", ColumnType::Json),
    ]);
    let all: Vec<_> = (0..4).map(|i| json!({ "i": i, "b": true, "j": "{}" })).collect();
    let instance = Instance::new("state", 1);
    let mut writer = database.open(KEYED, &schema, SinkMode::Changes, &instance).unwrap();
    writer.commit(1, &insert_all(&rows(&schema, &all))).unwrap();
    database.run("UPDATE t SET b = 5 WHERE i = 1");
    database.run("UPDATE t SET j = '{' WHERE i = 2");
    let (_, batches, mut foreign) = read_back(&*sink(database, KEYED, &schema, SinkMode::Changes), &instance).unwrap();
    foreign.sort();
    assert_eq!(
        foreign,
        [
            "column `b` has 5, which is no bool; the row is (i: 1, b: 5, j: '{}')",
            "column `j` has '{', which is no json; the row is (i: 2, b: 1, j: '{')"
        ]
    );
    let left = in_order(&schema, &batches);
    assert_eq!(left.column(0).as_primitive::<Int64Type>().values(), &[0, 3]);
}

fn mark_and_rows_are_of_one_moment(database: &Database) {
    if database.is_server() {
        // The level at which each statement sees what is new.
        database.run("SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED");
    }
    let schema = Schema::new(vec![Column::new("i", ColumnType::Int), Column::new("n", ColumnType::Int)]);
    let state = |epoch: u64| Arc::new(rows(&schema, &[json!({ "i": 1, "n": epoch })]));
    let mut writer = database.open(KEYED, &schema, SinkMode::Changes, &Instance::new("state", 1)).unwrap();
    writer.commit(1, &insert_all(&state(1))).unwrap();
    let reader = sink(database, KEYED, &schema, SinkMode::Changes);
    let ended = Ended::default();
    let seen = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut seen = std::collections::BTreeSet::new();
            while !ended.is_set() {
                let (mark, batches, _) = read_back(&*reader, &Instance::new("state", 1)).unwrap();
                assert_eq!(
                    (mark.digest, &batches[..]),
                    (digest(mark.epoch), &[state(mark.epoch).as_ref().clone()][..])
                );
                seen.insert(mark.epoch);
            }
            seen.len()
        });
        let end = ended.later();
        for epoch in 2..400 {
            writer.commit(epoch, &insert_all(&state(epoch))).unwrap();
        }
        drop(end);
        reading.join().unwrap()
    });
    if database.is_server() {
        database.run("SET GLOBAL TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    }
    assert!(seen > 5, "the reader saw only {seen} epochs");
}
