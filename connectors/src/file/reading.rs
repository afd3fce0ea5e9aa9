//! Tests: files as a source, on real files.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use engine::connector::{
    Anchor, Bound, CheckContext, ConnectContext, ConnectorError, Constant, OpenSource, Partition, PartitionIndex, Read,
    Reader, Records, Source, SourceKind, StopFlag,
};
use engine::diagnostic::{Diagnostics, FileId, Span};
use engine::spec::{Content, Entry, Node, Spanned, Variables};

use super::FileSourceKind;

const WAIT: Duration = Duration::from_millis(20);

/// An entry of keys and values, as the YAML of a test would have it.
pub(super) fn entry(keys: &'static [engine::spec::Key], pairs: &[(&str, &str)]) -> Entry {
    let span = Span { file: FileId(0), start: 0, end: 0 };
    let pair = |(key, value): &(&str, &str)| {
        (Spanned::new((*key).to_owned(), span), Node { content: Content::Scalar((*value).to_owned()), span })
    };
    let node = Node { content: Content::Map(pairs.iter().map(pair).collect()), span };
    let mut diagnostics = Diagnostics::default();
    let entry = Entry::read(&node, keys, &Variables::default(), &mut diagnostics);
    entry.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

pub(super) fn context(folder: &Path) -> ConnectContext {
    ConnectContext {
        pipeline: "test".into(),
        name: "out".into(),
        state_id: "id".into(),
        generation: 1,
        fingerprint: "one".into(),
        state_root: folder.to_owned(),
        state_folder: folder.join("state"),
        taken_over: false,
        predecessor: None,
        variables: Variables::default(),
        stop: StopFlag::default(),
    }
}

fn source(folder: &Path, pairs: &[(&str, &str)]) -> Box<dyn Source> {
    let (variables, mut diagnostics) = (Variables::default(), Diagnostics::default());
    let mut context = CheckContext { folder, variables: &variables, diagnostics: &mut diagnostics };
    FileSourceKind.check(&entry(FileSourceKind.keys(), pairs), &mut context).expect("a sound entry")
}

type Opened = Result<(Vec<Partition>, Box<dyn Reader>), ConnectorError>;

fn open(folder: &Path, pairs: &[(&str, &str)], resume: &[(&str, u64)], bound: Bound) -> Opened {
    let resume: BTreeMap<String, u64> = resume.iter().map(|(id, offset)| ((*id).to_owned(), *offset)).collect();
    open_again(folder, pairs, &resume, &BTreeMap::new(), bound)
}

fn open_again(
    folder: &Path,
    pairs: &[(&str, &str)],
    resume: &BTreeMap<String, u64>,
    anchors: &BTreeMap<String, Anchor>,
    bound: Bound,
) -> Opened {
    let context = context(folder);
    source(folder, pairs).open(&OpenSource { resume, anchors, bound, wanted: &[], context: &context })
}

/// The error of an opening that must fail.
fn refusal(opened: Opened) -> ConnectorError {
    match opened {
        Ok((partitions, _)) => panic!("opened {partitions:?}"),
        Err(error) => error,
    }
}

/// The records of a batch: partition, offset, text.
fn rows(records: &Records) -> Vec<(u32, u64, String)> {
    let spans = records.spans();
    let row = |(index, span): (usize, &Option<std::ops::Range<u32>>)| {
        let bytes = records.value(span.as_ref().expect("files have no tombstones"));
        (records.partition.0, spans.offsets.at(index), String::from_utf8_lossy(bytes).into_owned())
    };
    spans.values.iter().enumerate().map(row).collect()
}

/// Everything until the end, with the partitions' next offsets checked to follow each other.
fn drain(reader: &mut dyn Reader) -> Vec<(u32, u64, String)> {
    let mut all = Vec::new();
    let mut next: BTreeMap<PartitionIndex, u64> = BTreeMap::new();
    loop {
        match reader.read(WAIT).expect("readable") {
            Read::Records(records) => {
                let before = next.insert(records.partition, records.range.end).unwrap_or(0);
                assert!(before <= records.range.start && records.range.start <= records.range.end);
                all.extend(rows(&records));
            }
            Read::End => return all,
            other => panic!("a bounded reader neither waits nor discovers: {other:?}"),
        }
    }
}

/// The next read that is not idle.
fn next(reader: &mut dyn Reader) -> Read {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        match reader.read(WAIT).expect("readable") {
            Read::Idle => {}
            read => return read,
        }
    }
    panic!("nothing came in 20 s");
}

fn text(row: u32, offset: u64, text: &str) -> (u32, u64, String) {
    (row, offset, text.into())
}

#[test]
fn a_bad_pattern_is_found_at_check() {
    for (path, word) in [("a/[x", "`path: a/[x` is not a pattern"), ("", "`path` is empty")] {
        let (variables, mut diagnostics) = (Variables::default(), Diagnostics::default());
        let mut context = CheckContext { folder: Path::new("."), variables: &variables, diagnostics: &mut diagnostics };
        assert!(FileSourceKind.check(&entry(FileSourceKind.keys(), &[("path", path)]), &mut context).is_none());
        let found = diagnostics.sorted()[0];
        assert_eq!(found.code, engine::diagnostic::Code::BadValue);
        assert!(found.message.starts_with(word), "{}", found.message);
    }
}

#[test]
fn files_are_read_to_their_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("b.json"), "\u{feff}1\r\n\n22\n3").expect("a file");
    std::fs::write(folder.join("a.json"), "x\n").expect("a file");
    std::fs::write(folder.join("empty.json"), "").expect("a file");
    let (partitions, mut reader) = open(folder, &[("path", "*.json")], &[], Bound::Now).expect("files are there");
    let ids: Vec<_> =
        partitions.iter().map(|partition| (partition.id.as_str(), partition.start, partition.end)).collect();
    assert_eq!(ids, [("a.json", 0, Some(2)), ("b.json", 0, Some(11)), ("empty.json", 0, Some(0))]);
    assert_eq!(partitions[1].constants, [Constant::Text("b.json".into())]);
    // What is written later belongs to no bounded run.
    std::fs::write(folder.join("c.json"), "late\n").expect("a file");
    assert_eq!(drain(reader.as_mut()), [text(0, 0, "x"), text(1, 3, "1"), text(1, 7, "22"), text(1, 10, "3")]);
    assert!(matches!(reader.read(WAIT), Ok(Read::End)));
}

#[test]
fn large_files_come_in_batches_of_whole_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let long = "y".repeat(3 * Records::PAYLOAD_MAX);
    let lines: Vec<String> = (0..100_000).map(|line| format!("line {line} with some text")).collect();
    std::fs::write(folder.join("a"), format!("{}\n{long}\n{}", lines.join("\n"), lines.join("\n"))).expect("a file");
    let (_, mut reader) = open(folder, &[("path", "a")], &[], Bound::Now).expect("a file is there");
    let read: Vec<String> = drain(reader.as_mut()).into_iter().map(|(_, _, line)| line).collect();
    assert!(read[..100_000] == lines && read[100_000] == long && read[100_001..] == lines);
}

#[test]
fn a_record_without_end_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = std::fs::File::create(folder.path().join("a")).expect("a file");
    file.set_len(70 << 20).expect("a sparse file");
    let (_, mut reader) = open(folder.path(), &[("path", "a")], &[], Bound::Now).expect("a file is there");
    let error = reader.read(WAIT).expect_err("70 MiB without a line end");
    assert!(matches!(&error, ConnectorError::Refused { what, .. } if what.contains("byte 0 of file")), "{error}");
}

#[test]
fn reading_goes_on_where_it_was_left_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let bounded = |resume: &[(&str, u64)]| open(folder, &[("path", "*.json")], resume, Bound::Now);
    let error = refusal(bounded(&[]));
    assert!(matches!(&error, ConnectorError::Refused { what, .. } if what.contains("`*.json` in ")), "{error}");

    std::fs::write(folder.join("a.json"), "1\n2\n3").expect("a file");
    let (_, mut reader) = bounded(&[("a.json", 2)]).expect("resumable");
    assert_eq!(drain(reader.as_mut()), [text(0, 2, "2"), text(0, 4, "3")]);
    let (_, mut reader) = bounded(&[("a.json", 5)]).expect("resumable at the end");
    assert_eq!(drain(reader.as_mut()), []);
    // The last line had no end: more lines after it are fine, but more text on it is not.
    std::fs::write(folder.join("a.json"), "1\n2\n3\n4").expect("a file");
    let (_, mut reader) = bounded(&[("a.json", 5)]).expect("resumable before a line end");
    assert_eq!(drain(reader.as_mut()), [text(0, 6, "4")]);
    std::fs::write(folder.join("a.json"), "1\n2\n34").expect("a file");
    assert!(matches!(refusal(bounded(&[("a.json", 5)])), ConnectorError::Diverged { .. }));

    assert!(matches!(refusal(bounded(&[("a.json", 7)])), ConnectorError::Diverged { .. }));
    assert!(matches!(refusal(bounded(&[("gone.json", 1)])), ConnectorError::Diverged { .. }));
    assert!(bounded(&[("gone.json", 0)]).is_ok());
}

#[test]
fn followed_files_grow_and_appear() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let keys = [("path", "*.json"), ("follow", "true")];
    let (partitions, mut reader) = open(folder, &keys, &[], Bound::Unbounded).expect("nothing need be there");
    assert_eq!(partitions, []);
    assert!(matches!(reader.read(WAIT), Ok(Read::Idle)));

    std::fs::write(folder.join("a.json"), "1\n2").expect("a file");
    let Read::Discovered(found) = next(reader.as_mut()) else { panic!("the file must be found first") };
    assert_eq!((found[0].id.as_str(), found[0].end), ("a.json", None));
    let Read::Records(records) = next(reader.as_mut()) else { panic!("its first line must come") };
    assert_eq!(rows(&records), [text(0, 0, "1")]);
    assert!(matches!(reader.read(WAIT), Ok(Read::Idle)), "half a line waits");
    std::fs::write(folder.join("a.json"), "1\n23\n").expect("a file");
    let Read::Records(records) = next(reader.as_mut()) else { panic!("the whole line must come") };
    assert_eq!(rows(&records), [text(0, 2, "23")]);
    std::fs::write(folder.join("a.json"), "").expect("a file");
    assert!(matches!(reader.read(WAIT), Err(ConnectorError::Diverged { .. })), "a file must not shrink");
}

#[test]
fn limits_hold_reading_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("a.json"), "1\n2\n").expect("a file");
    std::fs::write(folder.join("b.json"), "3\n").expect("a file");
    let (_, mut reader) = open(folder, &[("path", "*.json")], &[("a.json", 2)], Bound::Now).expect("files are there");
    reader.limit(PartitionIndex(0), Some(2));
    assert!(matches!(reader.read(WAIT), Ok(Read::Reached(PartitionIndex(0), _))));
    let Ok(Read::Records(records)) = reader.read(WAIT) else { panic!("the other file is free") };
    assert_eq!(rows(&records), [text(1, 0, "3")]);
    assert!(matches!(reader.read(WAIT), Ok(Read::Idle)));
    reader.limit(PartitionIndex(0), None);
    assert_eq!(drain(reader.as_mut()), [text(0, 2, "2")]);

    let (_, mut reader) = open(folder, &[("path", "b.json")], &[], Bound::Now).expect("a file is there");
    reader.limit(PartitionIndex(0), Some(20));
    assert!(matches!(reader.read(WAIT), Ok(Read::Records(_))));
    assert!(matches!(reader.read(WAIT), Err(ConnectorError::Diverged { .. })), "the file was longer before");
}

#[test]
fn csv_files_give_their_header_and_quoted_line_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("a.csv"), "\u{feff}n,s\r\n1,\"two\nlines\"\r\n\r\n2,x").expect("a file");
    for (resume, expected) in
        [(0, vec![text(0, 8, "1,\"two\nlines\""), text(0, 25, "2,x")]), (23, vec![text(0, 25, "2,x")])]
    {
        let (_, mut reader) = open(folder, &[("path", "a.csv")], &[("a.csv", resume)], Bound::Now).expect("a file");
        let Ok(Read::Records(records)) = reader.read(WAIT) else { panic!("records must come") };
        assert_eq!(records.preamble.as_deref(), Some(b"n,s".as_slice()));
        assert_eq!(rows(&records), expected);
        assert!(matches!(reader.read(WAIT), Ok(Read::End)));
    }
    let lines = open(folder, &[("path", "a.csv"), ("records", "lines")], &[], Bound::Now);
    assert_eq!(drain(lines.expect("a file").1.as_mut()).len(), 4);
}

#[test]
fn a_file_in_the_place_of_another_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let path = folder.join("a.json");
    for (old, end) in [("1\n2\n", 4), (&*format!("{}\n", "x".repeat(5000)), 5001), ("1\n2", 3)] {
        std::fs::write(&path, old).expect("a file");
        let (_, mut reader) = open(folder, &[("path", "a.json")], &[], Bound::Now).expect("a file");
        let Ok(Read::Records(records)) = reader.read(WAIT) else { panic!("records must come") };
        let anchor = records.anchor.expect("left by every batch");
        assert_eq!((records.range.end, anchor.end), (end, end));
        let anchors = BTreeMap::from([("a.json".to_owned(), anchor)]);
        let again = |at: u64| {
            open_again(folder, &[("path", "a.json")], &BTreeMap::from([("a.json".into(), at)]), &anchors, Bound::Now)
        };
        assert!(again(end).is_ok() && again(0).is_ok());
        std::fs::write(&path, format!("{}\nmore\n", old.trim_end())).expect("a file");
        assert!(again(end).is_ok(), "it has grown");
        let other = old.replace(['2', 'x'], "3") + "\nmore\n";
        std::fs::write(&path, &other).expect("a file");
        for at in [0, end] {
            let refused = refusal(again(at)).to_string();
            assert!(refused.contains(&format!("was read up to byte {end}, but is another now")), "{refused}");
        }
        std::fs::write(&path, &other[..2]).expect("a file");
        assert!(refusal(again(0)).to_string().contains("has 2 bytes, but had"), "it is shorter");
    }
}
