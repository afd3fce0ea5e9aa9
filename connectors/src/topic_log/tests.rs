//! The log as writers and readers see it: order, restarts, torn tails at every byte, damage, epochs.

use std::fs;
use std::path::Path;

use engine::connector::{ConnectorError, Mark};
use engine::digest::Digest;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn topic(partitions: u32) -> (TempDir, Topics) {
    let folder = TempDir::new().expect("a temporary folder");
    let topics = Topics::below(folder.path());
    topics.create("t", partitions).expect("a new topic");
    (folder, topics)
}

fn record(key: Option<&str>, value: &str) -> TopicRecord {
    TopicRecord {
        key: key.map(|key| key.as_bytes().to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: Vec::new(),
        timestamp: 1_000,
    }
}

/// An epoch with a digest of its own.
fn mark(epoch: u64) -> Mark {
    let mut digest = Digest::default();
    digest.add(&epoch.to_le_bytes(), 1);
    Mark { epoch, digest }
}

fn open(topics: &Topics) -> TopicWriter {
    TopicWriter::open(topics, "t", Durability::Buffered, None).expect("nobody else writes")
}

/// The values of one partition, with offsets checked to be dense.
fn values(path: &Path) -> Vec<String> {
    let mut reader = PartitionReader::open(path).expect("a log");
    let mut found = Vec::new();
    while let Some(frame) = reader.next_frame().expect("no damage") {
        for view in frame.records() {
            assert_eq!(view.offset, found.len() as u64);
            found.push(String::from_utf8(view.value.expect("a value").to_vec()).expect("text"));
        }
    }
    found
}

fn all_values(topics: &Topics) -> Vec<Vec<String>> {
    topics.partition_paths("t").expect("the topic").iter().map(|path| values(path)).collect()
}

#[test]
fn keyless_records_go_round_and_keys_stay_together() {
    let (_folder, topics) = topic(3);
    let mut writer = open(&topics);
    writer.append(&["a", "b", "c", "d"].map(|value| record(None, value))).expect("room");
    writer.append(&[record(None, "e")]).expect("room");
    assert_eq!(all_values(&topics), [vec!["a", "d"], vec!["b", "e"], vec!["c"]]);
    writer.append(&["f", "g"].map(|value| record(Some("abc"), value))).expect("room");
    let home = partition_of_key(b"abc", 3) as usize;
    assert!(all_values(&topics)[home].ends_with(&["f".into(), "g".into()]));
    assert_eq!(topics.list().expect("one topic")[0].partitions.iter().map(|(_, end)| end).sum::<u64>(), 7);
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let (_folder, topics) = topic(1);
    let first = open(&topics);
    let second = TopicWriter::open(&topics, "t", Durability::Buffered, None);
    assert!(matches!(second, Err(ConnectorError::Refused { .. })));
    drop(first);
    open(&topics);
}

#[test]
fn a_reader_sees_what_is_appended_after_it_caught_up() {
    let (_folder, topics) = topic(1);
    let mut writer = open(&topics);
    let path = &topics.partition_paths("t").expect("the topic")[0];
    let mut reader = PartitionReader::open(path).expect("a log");
    assert_eq!(reader.next_frame().expect("no damage"), None);
    for round in 0..3 {
        writer.append(&[record(None, "x"), record(None, "y")]).expect("room");
        assert_eq!(reader.next_frame().expect("no damage").expect("a frame").end(), 2 * (round + 1));
        assert_eq!(reader.next_frame().expect("no damage"), None);
    }
}

#[test]
fn a_tail_torn_at_any_byte_is_ignored_by_readers_and_cut_by_the_writer() {
    let (_folder, topics) = topic(1);
    let path = topics.partition_paths("t").expect("the topic").remove(0);
    open(&topics).append(&[record(None, "kept")]).expect("room");
    let kept = fs::read(&path).expect("a file").len();
    open(&topics).append(&[record(Some("k"), "torn"), record(None, "too")]).expect("room");
    let whole = fs::read(&path).expect("a file");
    for length in kept..whole.len() {
        fs::write(&path, &whole[..length]).expect("a file");
        let mut reader = PartitionReader::open(&path).expect("a log");
        assert_eq!(reader.next_frame().expect("no damage").expect("the first").count, 1);
        assert_eq!(reader.next_frame().expect("a torn tail is no damage"), None, "{length}");
        open(&topics).append(&[record(None, "next")]).expect("room");
        assert_eq!(reader.next_frame().expect("no damage").expect("the new one").count, 1, "{length}");
        assert_eq!(values(&path), ["kept", "next"], "{length}");
    }
}

#[test]
fn a_flipped_bit_before_the_last_frame_is_damage_and_in_it_a_torn_tail() {
    let (_folder, topics) = topic(1);
    let path = topics.partition_paths("t").expect("the topic").remove(0);
    open(&topics).append(&[record(None, "first")]).expect("room");
    let border = fs::read(&path).expect("a file").len();
    open(&topics).append(&[record(None, "second")]).expect("room");
    let whole = fs::read(&path).expect("a file");
    for at in 16..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).expect("a file");
        let mut reader = PartitionReader::open(&path).expect("a log");
        let outcome = std::iter::from_fn(|| reader.next_frame().transpose()).collect::<Result<Vec<_>, _>>();
        if at < border {
            assert!(matches!(outcome, Err(ConnectorError::Diverged { .. })), "{at}: {outcome:?}");
            let writer = TopicWriter::open(&topics, "t", Durability::Buffered, None);
            assert!(matches!(writer, Err(ConnectorError::Diverged { .. })), "{at}");
        } else {
            assert_eq!(outcome.expect("a torn tail").len(), 1, "{at}");
            assert_eq!(topics.list().expect("readable")[0].partitions, [(0, 1)], "{at}");
        }
    }
}

#[test]
fn an_epoch_that_was_begun_is_completed_and_never_doubled() {
    let (_folder, topics) = topic(3);
    let paths = topics.partition_paths("t").expect("the topic");
    let rows = |epoch: u64| ["a", "b", "c", "d"].map(|name| record(None, &format!("{name}{epoch}")));
    {
        let mut writer = open(&topics);
        writer.commit("w", mark(4), &rows(4)).expect("room");
        assert_eq!(writer.committed("w"), mark(4));
        assert_eq!(writer.committed("stranger"), Mark::default());
    }
    let before: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("a file")).collect();
    open(&topics).commit("w", mark(7), &rows(7)).expect("room");
    let after = all_values(&topics);
    // A crash loses the shares of some partitions; the others hold theirs.
    for lost in 1..7_usize {
        for (partition, path) in paths.iter().enumerate() {
            if lost & (1 << partition) != 0 {
                fs::write(path, &before[partition]).expect("a file");
            }
        }
        topics.add_partitions("t", 3 + lost as u32 % 2).expect("room");
        let mut writer = open(&topics);
        assert_eq!(writer.committed("w"), mark(4), "{lost}");
        assert_eq!(read_complete_mark(&paths, "w").expect("readable").map(|held| held.to_mark()), Some(mark(4)));
        writer.commit("w", mark(7), &rows(7)).expect("room");
        writer.commit("w", mark(7), &rows(7)).expect("room");
        writer.commit("w", mark(4), &rows(4)).expect("an old epoch is skipped");
        assert_eq!(writer.committed("w"), mark(7));
        assert_eq!(all_values(&topics)[..3], after[..], "{lost}");
    }
}

#[test]
fn what_was_begun_with_later_rows_is_not_taken_for_an_earlier_epoch() {
    let (_folder, topics) = topic(2);
    let paths = topics.partition_paths("t").expect("the topic");
    open(&topics).commit("w", mark(4), &[record(None, "a")]).expect("room");
    let before = fs::read(&paths[1]).expect("a file");
    open(&topics).commit("w", mark(7), &[record(None, "b"), record(None, "c")]).expect("room");
    fs::write(&paths[1], &before).expect("a file");
    let mut writer = open(&topics);
    assert!(matches!(writer.commit("w", mark(5), &[record(None, "b")]), Err(ConnectorError::Diverged { .. })));
    writer.commit("w", mark(7), &[record(None, "b"), record(None, "c")]).expect("room");
    writer.commit("w", mark(5), &[record(None, "b")]).expect("an old epoch is skipped");
}

#[test]
fn names_that_leave_the_folder_are_no_topics() {
    let (_folder, topics) = topic(1);
    for name in ["", "..", "a/b", ".t", "ü", &"x".repeat(250)] {
        assert!(matches!(topics.create(name, 1), Err(ConnectorError::Unusable { .. })), "{name}");
    }
    assert!(matches!(topics.partition_paths("absent"), Err(ConnectorError::Refused { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_appended_is_read(batches in prop::collection::vec(
        prop::collection::vec((prop::option::of("[ab]{0,2}"), prop::option::of(prop::collection::vec(any::<u8>(), 0..40))), 0..6), 0..6
    ), skip in 0_u64..20) {
        let (_folder, topics) = topic(2);
        let mut sent = Vec::new();
        for batch in batches {
            let records: Vec<TopicRecord> = batch.into_iter().map(|(key, value)| TopicRecord {
                key: key.map(String::into_bytes), value, headers: Vec::new(), timestamp: 5,
            }).collect();
            open(&topics).append(&records).expect("room");
            sent.extend(records.into_iter().map(|record| (record.key, record.value)));
        }
        let mut read = Vec::new();
        for path in topics.partition_paths("t").expect("the topic") {
            let mut reader = PartitionReader::open(&path).expect("a log");
            while let Some(frame) = reader.next_frame().expect("no damage") {
                read.extend(frame.records().map(|view| (view.key.map(<[u8]>::to_vec), view.value.map(<[u8]>::to_vec))));
            }
            let end = reader.next_offset();
            let mut skipping = PartitionReader::open(&path).expect("a log");
            skipping.skip_to(skip).expect("no damage");
            prop_assert!(skipping.next_offset() <= skip.min(end));
            let next = skipping.next_frame().expect("no damage");
            prop_assert_eq!(next.map(|frame| frame.end() > skip), (end > skip).then_some(true));
        }
        read.sort();
        sent.sort();
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), keep in 0_usize..80) {
        let (_folder, topics) = topic(1);
        let path = topics.partition_paths("t").expect("the topic").remove(0);
        open(&topics).append(&[record(None, "first")]).expect("room");
        let mut file = fs::read(&path).expect("a file");
        file.truncate(keep);
        file.extend(bytes);
        fs::write(&path, &file).expect("a file");
        if let Ok(mut reader) = PartitionReader::open(&path) {
            while let Ok(Some(_)) = reader.next_frame() {}
        }
    }
}
