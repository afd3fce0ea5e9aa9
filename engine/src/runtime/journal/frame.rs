//! Entries as frames: the form in which the journal's files hold them.
//!
//! A frame is a head of three little-endian words (the body's length, the body's CRC-32C, the CRC-32C of those two words) and the body:
//! one byte for its kind, then JSON; a payload has the length of its JSON head (4 bytes) before it and Arrow IPC bytes behind it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::runtime::RunError;
use crate::runtime::checkpoint::Checkpoint;

use super::entry::{Base, Entry, EpochRecord, PartitionStart};
use super::payload;

const PARTITIONS: u8 = b'p';
const PAYLOAD: u8 = b'd';
const EPOCH: u8 = b'e';
const BASE: u8 = b'b';
const CHECKPOINT: u8 = b'c';
const MARKS: u8 = b'm';
/// The length of a frame's head.
pub(super) const HEAD: usize = 12;

/// The head of a [`PAYLOAD`] body, and the body of a [`PARTITIONS`] one.
#[derive(Serialize, Deserialize)]
struct Head {
    source: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    partition: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    partitions: Vec<PartitionStart>,
}

/// Appends an entry's frame.
pub(super) fn encode(frames: &mut Vec<u8>, entry: &Entry, path: &Path) -> Result<(), RunError> {
    let start = frames.len();
    frames.extend_from_slice(&[0; HEAD]);
    match entry {
        Entry::Epoch(record) => push_json(frames, EPOCH, record),
        Entry::Marks(marks) => push_json(frames, MARKS, marks),
        Entry::Base(base) => push_json(frames, BASE, base),
        Entry::Checkpoint(checkpoint) => push_json(frames, CHECKPOINT, checkpoint),
        Entry::Partitions { source, partitions } => {
            let head = Head { source: source.clone(), partition: String::new(), partitions: partitions.clone() };
            push_json(frames, PARTITIONS, &head);
        }
        Entry::Payload { source, partition, records } => {
            frames.push(PAYLOAD);
            let head = Head { source: source.clone(), partition: partition.clone(), partitions: Vec::new() };
            let head = serde_json::to_vec(&head).expect("a head is plain text");
            frames.extend_from_slice(&(head.len() as u32).to_le_bytes());
            frames.extend_from_slice(&head);
            let bytes = payload::encode(records)
                .map_err(|error| RunError::File { path: path.to_owned(), error: std::io::Error::other(error) })?;
            frames.extend_from_slice(&bytes);
        }
    }
    let body = &frames[start + HEAD..];
    let head = head(body.len() as u32, crc32c::crc32c(body));
    frames[start..start + HEAD].copy_from_slice(&head);
    Ok(())
}

fn push_json(frames: &mut Vec<u8>, kind: u8, value: &impl Serialize) {
    frames.push(kind);
    serde_json::to_writer(frames, value).expect("entries are plain text and numbers");
}

pub(super) fn head(length: u32, checksum: u32) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..8].copy_from_slice(&checksum.to_le_bytes());
    let own = crc32c::crc32c(&head[..8]);
    head[8..].copy_from_slice(&own.to_le_bytes());
    head
}

pub(super) fn parse(body: &[u8]) -> Result<Entry, String> {
    let (kind, rest) = body.split_first().ok_or("there is no kind")?;
    let wrong = |error: serde_json::Error| format!("the text cannot be read ({error})");
    match *kind {
        EPOCH => serde_json::from_slice::<EpochRecord>(rest).map(Entry::Epoch).map_err(wrong),
        MARKS => serde_json::from_slice(rest).map(Entry::Marks).map_err(wrong),
        BASE => serde_json::from_slice::<Base>(rest).map(Entry::Base).map_err(wrong),
        CHECKPOINT => serde_json::from_slice::<Checkpoint>(rest).map(Entry::Checkpoint).map_err(wrong),
        PARTITIONS => {
            let head: Head = serde_json::from_slice(rest).map_err(wrong)?;
            Ok(Entry::Partitions { source: head.source, partitions: head.partitions })
        }
        PAYLOAD => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or("the head is missing")?;
            let length = u32::from_le_bytes(*length) as usize;
            let (head, bytes) = rest.split_at_checked(length).ok_or("the head is cut off")?;
            let head: Head = serde_json::from_slice(head).map_err(wrong)?;
            let records = payload::decode(bytes).map_err(|error| format!("the records cannot be read ({error})"))?;
            Ok(Entry::Payload { source: head.source, partition: head.partition, records: Box::new(records) })
        }
        other => Err(format!("the kind {other} is unknown")),
    }
}
