//! Tests: a file as a sink, on real files.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use engine::connector::{
    Changes, CheckContext, Committed, ConnectContext, ConnectorError, Mark, Member, MemberChanges, MemberError, Sink,
    SinkInput, SinkKind, SinkMode, Writer,
};
use engine::diagnostic::Diagnostics;
use engine::digest::Digest;
use engine::schema::{Column, ColumnType, Schema};
use engine::spec::Variables;

use super::FileSinkKind;
use super::reading::{context, entry};

fn schema() -> Schema {
    Schema::new(vec![Column::new("n", ColumnType::Int), Column::nullable("s", ColumnType::String)])
}

const DIGEST: &str = "0123456789abcdef0123456789abcdef";

/// What the sink holds after an epoch.
fn held(epoch: u64) -> Vec<Committed> {
    let digest = if epoch == 0 { Digest::default() } else { DIGEST.parse().expect("a digest") };
    vec![Committed::Epoch(Mark { epoch, digest })]
}

fn changes(rows: &[(i64, Option<&str>, i64)]) -> [MemberChanges; 1] {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let texts: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringViewArray>());
    let rows_batch = RecordBatch::try_new(schema().arrow(), vec![numbers, texts]).expect("columns of the schema");
    let changes = Changes { rows: rows_batch, diffs: rows.iter().map(|row| row.2).collect() };
    [MemberChanges { member: 0, changes, digest: DIGEST.parse().expect("a digest") }]
}

fn check(folder: &Path, pairs: &[(&str, &str)], mode: SinkMode) -> (Option<Box<dyn Sink>>, Diagnostics) {
    let (variables, mut diagnostics) = (Variables::default(), Diagnostics::default());
    let input = SinkInput { name: "out".into(), schema: schema(), mode, order: Vec::new() };
    let mut context = CheckContext { folder, variables: &variables, diagnostics: &mut diagnostics };
    let sink = FileSinkKind.check(&entry(FileSinkKind.keys(), pairs), &input, &mut context);
    (sink, diagnostics)
}

fn open(folder: &Path, pairs: &[(&str, &str)], context: &ConnectContext) -> Result<Box<dyn Writer>, MemberError> {
    let sink = check(folder, pairs, SinkMode::Appends).0.expect("a sound entry");
    sink.open(&[Member { sink: &*sink, context }])
}

fn refusal(opened: Result<Box<dyn Writer>, MemberError>) -> ConnectorError {
    opened.map(|writer| writer.committed()).expect_err("the file must be refused").error
}

#[test]
fn a_path_that_is_no_file_is_found_at_check() {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, word) in [("", "`path` is empty"), (".", "is a folder"), ("out/", "is a folder")] {
        let (sink, diagnostics) = check(folder.path(), &[("path", path)], SinkMode::Appends);
        assert!(sink.is_none(), "{path}");
        assert!(diagnostics.sorted()[0].message.contains(word), "{path}");
    }
    let unknown = open(folder.path(), &[("path", "${NOWHERE}")], &context(folder.path()));
    assert!(matches!(refusal(unknown), ConnectorError::Unusable { .. }));
}

#[test]
fn epochs_are_appended_once_whatever_a_crash_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let context = context(folder);
    let keys = [("path", "out/rows.json")];
    let path = folder.join("out/rows.json");
    let read = || std::fs::read_to_string(&path).expect("the sink's file");

    let mut writer = open(folder, &keys, &context).expect("nothing is there yet");
    assert_eq!(writer.committed(), held(0));
    writer.commit(3, &changes(&[(1, Some("a"), 2), (2, None, 1)])).expect("written");
    assert_eq!(writer.committed(), held(3));
    drop(writer);
    let committed = "{\"n\":1,\"s\":\"a\"}\n{\"n\":1,\"s\":\"a\"}\n{\"n\":2,\"s\":null}\n";
    assert_eq!(read(), committed);

    std::fs::write(&path, format!("{committed}{{\"n\":3,\"s\"")).expect("a torn epoch");
    let mut writer = open(folder, &keys, &context).expect("its own file");
    assert_eq!((writer.committed(), read().as_str()), (held(3), committed));
    writer.commit(4, &changes(&[(3, None, 1)])).expect("written");
    assert_eq!(read(), format!("{committed}{{\"n\":3,\"s\":null}}\n"));
    assert!(writer.commit(5, &changes(&[(3, None, -1)])).is_err(), "nothing can be taken back");
}

#[test]
fn an_instance_that_was_taken_over_from_changes_nothing_whenever_it_wakes() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let at = |generation| ConnectContext { generation, taken_over: generation > 1, ..context(folder) };
    let keys = [("path", "rows.json")];
    let read = || std::fs::read_to_string(folder.join("rows.json")).expect("the sink's file");
    let rows = "{\"n\":1,\"s\":null}\n{\"n\":2,\"s\":null}\n{\"n\":3,\"s\":null}\n";
    let mut first = open(folder, &keys, &at(1)).expect("nothing is there");
    first.commit(1, &changes(&[(1, None, 1)])).expect("room");
    let mut second = open(folder, &keys, &at(2)).expect("its predecessor is stopped");
    second.commit(2, &changes(&[(2, None, 1)])).expect("room");
    // It wakes within a commit, and others within their openings.
    first.commit(2, &changes(&[(7, None, 1)])).expect("room");
    for _ in 0..2 {
        let late = refusal(open(folder, &keys, &at(1)));
        assert!(matches!(&late, ConnectorError::Fenced { .. }), "{late}");
    }
    second.commit(3, &changes(&[(3, None, 1)])).expect("room");
    assert_eq!(read(), rows);
    drop(second);
    assert_eq!(open(folder, &keys, &at(3)).expect("its own file").committed(), held(3));
    assert_eq!(read(), rows);
}

#[test]
fn csv_has_one_header() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let context = context(folder);
    let keys = [("path", "rows.csv"), ("format", "csv")];
    drop(open(folder, &keys, &context).expect("nothing is there yet"));
    let mut writer = open(folder, &keys, &context).expect("its own file");
    writer.commit(1, &changes(&[(1, Some("a,\"b\""), 1), (2, None, 1), (3, Some(""), 1)])).expect("written");
    drop(open(folder, &keys, &context).expect("its own file"));
    let text = std::fs::read_to_string(folder.join("rows.csv")).expect("the sink's file");
    assert_eq!(text, "n,s\n1,\"a,\"\"b\"\"\"\n2,\n3,\"\"\n");
}

#[test]
fn files_of_others_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let context = context(folder);
    std::fs::write(folder.join("foreign.json"), "{}\n").expect("a file");
    let foreign = refusal(open(folder, &[("path", "foreign.json")], &context));
    assert!(matches!(&foreign, ConnectorError::Refused { .. }), "{foreign}");
    std::fs::write(folder.join("empty.json"), "").expect("a file");
    let keys = [("path", "empty.json")];
    let mut writer = open(folder, &keys, &context).expect("an empty file is nobody's");
    writer.commit(1, &changes(&[(1, None, 1)])).expect("written");

    let other = ConnectContext { fingerprint: "two".into(), ..context.clone() };
    assert!(matches!(refusal(open(folder, &keys, &other)), ConnectorError::Refused { .. }));
    assert!(matches!(refusal(open(folder, &[("path", "other.json")], &context)), ConnectorError::Refused { .. }));
    std::fs::write(folder.join("empty.json"), "").expect("a file");
    assert!(matches!(refusal(open(folder, &keys, &context)), ConnectorError::Diverged { .. }));
}

#[test]
fn rows_that_change_are_refused_at_check() {
    let (sink, diagnostics) = check(Path::new("."), &[("path", "x")], SinkMode::Changes);
    assert!(sink.is_none());
    assert_eq!(diagnostics.sorted()[0].code, engine::diagnostic::Code::SinkCannotTake);
}
