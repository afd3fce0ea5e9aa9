//! The journal's file: framed entries, appended, synced, read from the front.
//!
//! A frame is a head of three little-endian words (the body's length, the body's CRC-32C, the CRC-32C of those two words) and the body:
//! one byte for its kind, then JSON; a payload has the length of its JSON head (4 bytes) before it and Arrow IPC bytes behind it.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::runtime::RunError;
use crate::runtime::state_folder::{make_folder, sync_folder};

use super::entry::{Entry, EpochRecord, PartitionStart};
use super::payload;

const PARTITIONS: u8 = b'p';
const PAYLOAD: u8 = b'd';
const EPOCH: u8 = b'e';
/// The length of a frame's head.
const HEAD: usize = 12;

/// The head of a [`PAYLOAD`] body, and the body of a [`PARTITIONS`] one.
#[derive(Serialize, Deserialize)]
struct Head {
    source: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    partition: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    partitions: Vec<PartitionStart>,
}

/// Appends entries.
#[derive(Debug)]
pub(in crate::runtime) struct Journal {
    path: PathBuf,
    file: File,
    frames: Vec<u8>,
}

/// Reads entries from the front.
pub(in crate::runtime) struct JournalReader {
    path: PathBuf,
    file: BufReader<File>,
    length: u64,
    at: u64,
}

impl Journal {
    /// The journal in a pipeline's folder: a reader of what is there. It becomes a [`Journal`] when it has come to its end.
    pub(in crate::runtime) fn open(folder: &Path) -> Result<JournalReader, RunError> {
        let folder = folder.join("journal");
        make_folder(&folder)?;
        let path = folder.join("000000.journal");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(RunError::file(&path))?;
        sync_folder(&folder)?;
        let length = file.metadata().map_err(RunError::file(&path))?.len();
        Ok(JournalReader { path, file: BufReader::with_capacity(1 << 20, file), length, at: 0 })
    }

    /// Adds an entry; it is durable after the next [`Journal::sync`].
    pub(in crate::runtime) fn append(&mut self, entry: &Entry) -> Result<(), RunError> {
        let start = self.frames.len();
        self.frames.extend_from_slice(&[0; HEAD]);
        match entry {
            Entry::Epoch(record) => {
                self.frames.push(EPOCH);
                self.push_json(record);
            }
            Entry::Partitions { source, partitions } => {
                self.frames.push(PARTITIONS);
                let head = Head { source: source.clone(), partition: String::new(), partitions: partitions.clone() };
                self.push_json(&head);
            }
            Entry::Payload { source, partition, records } => {
                self.frames.push(PAYLOAD);
                let head = Head { source: source.clone(), partition: partition.clone(), partitions: Vec::new() };
                let head = serde_json::to_vec(&head).expect("a head is plain text");
                self.frames.extend_from_slice(&(head.len() as u32).to_le_bytes());
                self.frames.extend_from_slice(&head);
                let bytes = payload::encode(records)
                    .map_err(|error| RunError::File { path: self.path.clone(), error: std::io::Error::other(error) })?;
                self.frames.extend_from_slice(&bytes);
            }
        }
        let body = &self.frames[start + HEAD..];
        let head = head(body.len() as u32, crc32c::crc32c(body));
        self.frames[start..start + HEAD].copy_from_slice(&head);
        Ok(())
    }

    fn push_json(&mut self, value: &impl Serialize) {
        serde_json::to_writer(&mut self.frames, value).expect("entries are plain text and numbers");
    }

    /// Makes everything that was appended durable.
    pub(in crate::runtime) fn sync(&mut self) -> Result<(), RunError> {
        if self.frames.is_empty() {
            return Ok(());
        }
        self.file.write_all(&self.frames).and_then(|()| self.file.sync_data()).map_err(RunError::file(&self.path))?;
        self.frames.clear();
        Ok(())
    }
}

impl JournalReader {
    /// The next entry; none at the end. An entry that was cut off while it was written is the end.
    pub(in crate::runtime) fn next(&mut self) -> Result<Option<Entry>, RunError> {
        if self.length - self.at < HEAD as u64 {
            return Ok(None);
        }
        let mut found = [0; HEAD];
        self.file.read_exact(&mut found).map_err(RunError::file(&self.path))?;
        let [a, b, c, d, e, f, g, h, ..] = found;
        let (length, checksum) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if found != head(length, checksum) {
            // Zeros are blocks that the file system had reserved for an entry that was never synced.
            return if found == [0; HEAD] { self.rest_is_zeros() } else { Err(self.corrupt("its head is garbled")) };
        }
        let end = self.at + HEAD as u64 + u64::from(length);
        if end > self.length {
            return Ok(None);
        }
        let mut body = vec![0; length as usize];
        self.file.read_exact(&mut body).map_err(RunError::file(&self.path))?;
        if crc32c::crc32c(&body) != checksum {
            return if end == self.length { Ok(None) } else { Err(self.corrupt("its checksum does not match")) };
        }
        let entry = parse(&body).map_err(|what| self.corrupt(&what))?;
        self.at = end;
        Ok(Some(entry))
    }

    fn rest_is_zeros(&mut self) -> Result<Option<Entry>, RunError> {
        let mut rest = Vec::new();
        self.file.read_to_end(&mut rest).map_err(RunError::file(&self.path))?;
        if rest.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(self.corrupt("its head is garbled")) }
    }

    /// Cuts off what was torn, and appends from here on.
    pub(in crate::runtime) fn into_journal(self) -> Result<Journal, RunError> {
        let path = self.path;
        let mut file = self.file.into_inner();
        let mut cut = || {
            file.set_len(self.at)?;
            file.seek(SeekFrom::Start(self.at))?;
            file.sync_all()
        };
        cut().map_err(RunError::file(&path))?;
        Ok(Journal { path, file, frames: Vec::new() })
    }

    fn corrupt(&self, what: &str) -> RunError {
        RunError::State {
            folder: self.path.clone(),
            what: format!("the journal is damaged: of the entry at byte {}, {what}", self.at),
            hint: "restore the state directory from a copy, or begin anew with another `--state DIR` and empty tables"
                .into(),
        }
    }
}

fn head(length: u32, checksum: u32) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..8].copy_from_slice(&checksum.to_le_bytes());
    let own = crc32c::crc32c(&head[..8]);
    head[8..].copy_from_slice(&own.to_le_bytes());
    head
}

fn parse(body: &[u8]) -> Result<Entry, String> {
    let (kind, rest) = body.split_first().ok_or("there is no kind")?;
    let wrong = |error: serde_json::Error| format!("the text cannot be read ({error})");
    match *kind {
        EPOCH => serde_json::from_slice::<EpochRecord>(rest).map(Entry::Epoch).map_err(wrong),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u64) -> EpochRecord {
        EpochRecord { epoch, ..EpochRecord::default() }
    }

    fn epochs(folder: &Path) -> Result<(Vec<u64>, Journal), RunError> {
        let mut reader = Journal::open(folder)?;
        let mut epochs = Vec::new();
        while let Some(entry) = reader.next()? {
            if let Entry::Epoch(record) = entry {
                epochs.push(record.epoch);
            }
        }
        Ok((epochs, reader.into_journal()?))
    }

    fn write_three(folder: &Path) -> PathBuf {
        let (_, mut journal) = epochs(folder).expect("opens");
        for epoch in 1..=3 {
            journal.append(&Entry::Epoch(record(epoch))).expect("appends");
            journal.sync().expect("syncs");
        }
        journal.path
    }

    #[test]
    fn a_torn_end_is_cut_off_at_every_byte() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = write_three(folder.path());
        let whole = std::fs::read(&path).expect("readable");
        let entry = whole.len() / 3;
        for length in entry * 2..whole.len() {
            std::fs::write(&path, &whole[..length]).expect("writable");
            let (found, mut journal) = epochs(folder.path()).expect("opens");
            assert_eq!(found, [1, 2], "cut to {length} bytes");
            journal.append(&Entry::Epoch(record(9))).expect("appends");
            journal.sync().expect("syncs");
            assert_eq!(epochs(folder.path()).expect("opens").0, [1, 2, 9]);
        }
    }

    #[test]
    fn damage_before_the_end_is_said() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = write_three(folder.path());
        let mut bytes = std::fs::read(&path).expect("readable");
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).expect("writable");
        let error = epochs(folder.path()).expect_err("damaged");
        assert!(error.to_string().contains("journal is damaged"), "{error}");
    }
}
