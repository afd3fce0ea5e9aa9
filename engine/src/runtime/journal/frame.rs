//! Entries as frames: the form in which the journal's files hold them, written and read.
//!
//! A frame is a head of [`HEAD`] bytes, all little-endian, and a body. The head: the body's length (4 bytes), the body's CRC-32C (4), the hash of the body
//! seeded with the hash of the frame before (XXH3, 8), and the CRC-32C of all that (4). So no frame can be changed, left out, put in or moved without
//! showing. The body: one byte for its kind, then JSON; a payload has the length of its JSON head (4 bytes) before it and Arrow IPC bytes behind it.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::disk::File;
use crate::runtime::RunError;
use crate::runtime::checkpoint::Checkpoint;
use crate::safeguard::Safeguard;

use super::entry::{Base, Entry, EpochRecord, PartitionStart};
use super::payload;
use super::segment::{Seal, open};

const PARTITIONS: u8 = b'p';
const PAYLOAD: u8 = b'd';
const EPOCH: u8 = b'e';
const BASE: u8 = b'b';
const CHECKPOINT: u8 = b'c';
const MARKS: u8 = b'm';
const AGAIN: u8 = b'a';
/// The length of a frame's head.
pub(super) const HEAD: usize = 20;

/// The head of a [`PAYLOAD`] body, and the body of a [`PARTITIONS`] one.
#[derive(Serialize, Deserialize)]
struct Head {
    source: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    partition: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    partitions: Vec<PartitionStart>,
}

/// Appends an entry's frame behind one with hash `before`; gives its own.
pub(super) fn encode(frames: &mut Vec<u8>, before: u64, entry: &Entry, path: &Path) -> Result<u64, RunError> {
    let start = frames.len();
    frames.extend_from_slice(&[0; HEAD]);
    match entry {
        Entry::Epoch(record) => push_json(frames, EPOCH, record),
        Entry::Marks(marks) => push_json(frames, MARKS, marks),
        Entry::Again(again) => push_json(frames, AGAIN, again),
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
    let hash = xxh3_64_with_seed(body, before);
    let head = head(body.len() as u32, crc32c::crc32c(body), hash);
    frames[start..start + HEAD].copy_from_slice(&head);
    Ok(hash)
}

fn push_json(frames: &mut Vec<u8>, kind: u8, value: &impl Serialize) {
    frames.push(kind);
    serde_json::to_writer(frames, value).expect("entries are plain text and numbers");
}

fn head(length: u32, checksum: u32, hash: u64) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..8].copy_from_slice(&checksum.to_le_bytes());
    head[8..16].copy_from_slice(&hash.to_le_bytes());
    let own = crc32c::crc32c(&head[..16]);
    head[16..].copy_from_slice(&own.to_le_bytes());
    head
}

/// Reads the frames of one segment, one after the other.
pub(super) struct FrameReader {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the last frame ends that was read.
    at: u64,
    /// Its hash.
    hash: u64,
    /// Where the segment ends.
    length: u64,
    seal: Option<Seal>,
}

impl FrameReader {
    /// Opens a segment's file. If it is sealed, it has to come to what the seal says.
    pub(super) fn open(path: &Path, seal: Option<Seal>) -> Result<Self, RunError> {
        let (file, found) = open(path)?;
        let length = seal.map_or(found, |seal| seal.length);
        let reader = Self { path: path.to_owned(), file, at: 0, hash: 0, length, seal };
        if found < length { Err(reader.corrupt("it is cut off")) } else { Ok(reader) }
    }

    /// The next entry; none at the end. Of a segment that is not sealed, a frame that was cut off while it was written is the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, RunError> {
        let mut read = self.read()?;
        if read.is_none()
            && let Some(seal) = self.seal
            && (self.at, self.hash) != (seal.length, seal.hash)
        {
            return Err(self.corrupt("the frames do not come to what the next segment says"));
        }
        let Some((body, end, hash)) = read.take() else { return Ok(None) };
        let entry = parse(&body).map_err(|what| self.corrupt(&what))?;
        (self.at, self.hash) = (end, hash);
        Ok(Some(entry))
    }

    /// The next body, where its frame ends, and its hash.
    fn read(&mut self) -> Result<Option<(Vec<u8>, u64, u64)>, RunError> {
        if self.length - self.at < HEAD as u64 {
            return Ok(None);
        }
        let mut found = [0; HEAD];
        self.file.read_exact(&mut found).map_err(RunError::file(&self.path))?;
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = found;
        let (length, checksum) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let hash = u64::from_le_bytes([i, j, k, l, m, n, o, p]);
        if found != head(length, checksum, hash) {
            return self.torn_or("its head is garbled");
        }
        let end = self.at + HEAD as u64 + u64::from(length);
        if end > self.length {
            return Ok(None);
        }
        let mut body = vec![0; length as usize];
        self.file.read_exact(&mut body).map_err(RunError::file(&self.path))?;
        if crc32c::crc32c(&body) != checksum {
            return if end == self.length { Ok(None) } else { self.torn_or("its checksum does not match") };
        }
        if xxh3_64_with_seed(&body, self.hash) != hash && Safeguard::JournalChain.holds() {
            return Err(self.corrupt("it does not follow what stands before it"));
        }
        Ok(Some((body, end, hash)))
    }

    /// If nothing but zeros follows, these are blocks that the file system had reserved for what was never synced: the frame was cut off.
    fn torn_or(&mut self, what: &str) -> Result<Option<(Vec<u8>, u64, u64)>, RunError> {
        let mut rest = Vec::new();
        self.file.read_to_end(&mut rest).map_err(RunError::file(&self.path))?;
        if rest.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(self.corrupt(what)) }
    }

    /// The file, where its last frame ends, and the hash of that.
    pub(super) fn into_end(self) -> (File, u64, u64) {
        (self.file.into_inner(), self.at, self.hash)
    }

    /// The last entry that was read is damaged, or what lies behind it.
    pub(super) fn corrupt(&self, what: &str) -> RunError {
        RunError::State {
            folder: self.path.clone(),
            what: format!("the journal is damaged: of the entry at byte {}, {what}", self.at),
            hint: "restore the state directory from a copy, or begin anew with another `--state DIR` and empty tables"
                .into(),
        }
    }
}

fn parse(body: &[u8]) -> Result<Entry, String> {
    let (kind, rest) = body.split_first().ok_or("there is no kind")?;
    let wrong = |error: serde_json::Error| format!("the text cannot be read ({error})");
    match *kind {
        EPOCH => serde_json::from_slice::<EpochRecord>(rest).map(Entry::Epoch).map_err(wrong),
        MARKS => serde_json::from_slice(rest).map(Entry::Marks).map_err(wrong),
        AGAIN => serde_json::from_slice(rest).map(Entry::Again).map_err(wrong),
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
