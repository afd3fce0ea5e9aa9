//! What the check of a `mysql` entry says.

use std::path::Path;

use engine::diagnostic::{Diagnostics, FileId, Span};
use engine::schema::{Column, Schema};
use engine::spec::{Content, Node, Variables};

use super::*;

const SPAN: Span = Span { file: FileId(0), start: 0, end: 1 };

fn scalar(text: &str) -> Node {
    Node { content: Content::Scalar(text.into()), span: SPAN }
}

fn input(mode: SinkMode) -> SinkInput {
    let schema = Schema::new(vec![
        Column::new("user_name", ColumnType::String),
        Column::nullable("game_name", ColumnType::String),
        Column::new("share", ColumnType::Float),
    ]);
    SinkInput { name: "out".into(), schema, mode, order: Vec::new() }
}

/// Checks an entry; the sink's description, or every message with its hint.
fn check(pairs: &[(&str, &str)], input: &SinkInput) -> Result<String, Vec<String>> {
    let pairs = pairs.iter().map(|(key, text)| (Spanned::new((*key).to_owned(), SPAN), scalar(text))).collect();
    let node = Node { content: Content::Map(pairs), span: SPAN };
    let mut diagnostics = Diagnostics::default();
    let variables = Variables::new([("PASS".to_owned(), "hunter2".to_owned())]);
    let sink = Entry::read(&node, KEYS, &variables, &mut diagnostics).and_then(|entry| {
        let mut context =
            CheckContext { folder: Path::new("/pipelines"), variables: &variables, diagnostics: &mut diagnostics };
        MySql.check(&entry, input, &mut context)
    });
    match sink {
        Some(sink) if !diagnostics.has_errors() => Ok(format!("{} {sink:?}", sink.describe())),
        _ => Err(diagnostics
            .sorted()
            .into_iter()
            .map(|found| format!("{} {} ({})", found.code, found.message, found.hint.as_deref().unwrap_or_default()))
            .collect()),
    }
}

#[test]
fn a_sink_says_where_it_writes_and_not_as_whom() {
    let shown = check(&[("table", "t"), ("url", "mysql://me:${PASS}@db/live")], &input(SinkMode::Appends)).unwrap();
    assert!(shown.starts_with("table `t` in MySQL at db:3306/live"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains("me:"), "{shown}");
    let later = check(&[("table", "t"), ("url", "mysql://me:secret@${HOST}/live")], &input(SinkMode::Appends)).unwrap();
    assert!(later.contains("the database that `url` will name") && !later.contains("secret"), "{later}");
}

#[test]
fn appending_refuses_what_changes() {
    let found = check(&[("table", "t")], &input(SinkMode::Changes)).unwrap_err();
    assert!(found[0].starts_with("F402 ") && found[0].contains("mode: upsert"), "{found:?}");
    let found = check(&[("table", "t"), ("key", "user_name")], &input(SinkMode::Appends)).unwrap_err();
    assert!(found[0].starts_with("F109 "), "{found:?}");
}

#[test]
fn a_key_names_columns_that_can_be_one() {
    let upsert = |key: &str| {
        check(&[("table", "t"), ("mode", "upsert"), ("key", key)], &input(SinkMode::Changes))
            .map_err(|found| found[0].clone())
    };
    assert!(upsert("user_name").is_ok());
    assert_eq!(upsert("user_nane").unwrap_err(), "F302 unknown column `user_nane` (did you mean `user_name`?)");
    assert!(upsert("game_name").unwrap_err().contains("may be null"));
    assert!(upsert("share").unwrap_err().contains("is float, which no key can be"));
    let found = check(&[("table", "t"), ("mode", "upsert")], &input(SinkMode::Changes)).unwrap_err();
    assert!(found[0].contains("needs `key`"), "{found:?}");
}

#[test]
fn names_that_no_table_can_have_are_refused() {
    for (table, part) in [
        ("a\0b", "NUL"),
        ("", "empty"),
        (&"x".repeat(65), "64 characters"),
        ("a ", "ends with a space"),
        ("Flowctl_Sinks", "its own notes"),
    ] {
        let found = check(&[("table", table)], &input(SinkMode::Appends)).unwrap_err();
        assert!(found[0].starts_with("F107 ") && found[0].contains(part), "{found:?}");
    }
    assert!(check(&[("table", "x`; DROP TABLE y;--")], &input(SinkMode::Appends)).is_ok());
}

#[test]
fn columns_that_differ_only_in_case_are_refused() {
    let mut input = input(SinkMode::Appends);
    input.schema.columns.push(Column::new("User_Name", ColumnType::Int));
    let found = check(&[("table", "t")], &input).unwrap_err();
    assert!(found[0].contains("`user_name` and `User_Name`"), "{found:?}");
}

#[test]
fn every_problem_is_reported_and_no_url_is_repeated() {
    let pairs = [("table", ""), ("url", "mysql://me:hun/ter2@db/live"), ("mode", "upsert"), ("key", "nobody")];
    let found = check(&pairs, &input(SinkMode::Changes)).unwrap_err();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(!found.concat().contains("ter2"), "{found:?}");
}

#[test]
fn migrations_are_looked_at_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let found = |path: &str| check(&[("table", "t"), ("migrations", path)], &input(SinkMode::Appends));
    let missing = found("no/such/folder").unwrap_err();
    assert!(missing[0].starts_with("F004 ") && missing[0].contains("/pipelines/no/such/folder"), "{missing:?}");
    assert!(found(path).unwrap_err()[0].contains("no migrations"));
    std::fs::write(folder.path().join("V1__t.sql"), "").unwrap();
    found(path).unwrap();
    std::fs::write(folder.path().join("v4_wrong.sql"), "").unwrap();
    assert!(found(path).unwrap_err()[0].contains("v4_wrong.sql"));
    found("${FOLDER}").unwrap();
}
