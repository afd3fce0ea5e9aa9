//! The one writer of a topic.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::Path;

use engine::connector::{ConnectorError, Mark, Records};
use engine::ownership::Stopped;

use crate::exclusive_lock::lock_exclusively;

use super::epoch_marks::{EpochMarks, complete_mark, last_mark};
use super::failure::io_failure;
use super::frame::EpochMark;
use super::partition_file::PartitionFile;
use super::partitioner::partition_of_record;
use super::record::TopicRecord;
use super::topics::Topics;

/// The file whose lock the writer holds.
const LOCK_FILE: &str = "writer.lock";

/// What has happened when an append returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The records are on the disk.
    Synced,
    /// The records outlive this process, but not a loss of power before [`TopicWriter::sync`].
    Buffered,
}

/// Appends to the partitions of a topic, and holds the topic's lock while it lives.
#[derive(Debug)]
pub struct TopicWriter {
    partitions: Vec<PartitionFile>,
    durability: Durability,
    /// Counts records without a key.
    keyless: u64,
    _lock: File,
}

impl TopicWriter {
    /// Opens a topic for writing: takes its lock, checks its files and cuts torn tails off.
    ///
    /// # Errors
    /// The topic does not exist, is damaged, or another writer has it open; a `predecessor` that is stopped is ended, should it be that one.
    pub fn open(
        topics: &Topics,
        topic: &str,
        durability: Durability,
        predecessor: Option<&Stopped>,
    ) -> Result<Self, ConnectorError> {
        let paths = topics.partition_paths(topic)?;
        let lock = lock(&topics.folder(topic)?, topic, predecessor)?;
        let partitions = paths.iter().map(|path| PartitionFile::open(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { partitions, durability, keyless: 0, _lock: lock })
    }

    /// Appends records to the partitions that their keys say; records without a key go to one partition after the other.
    ///
    /// # Errors
    /// The file system fails. What was already appended to other partitions stays.
    pub fn append(&mut self, records: &[TopicRecord]) -> Result<(), ConnectorError> {
        let shares = share_out(records, self.partitions.len() as u32, self.keyless);
        self.keyless += records.iter().filter(|record| record.key.is_none()).count() as u64;
        for (partition, share) in &shares {
            for frame in cut(share) {
                self.partitions[*partition as usize].append(frame, None)?;
            }
        }
        match self.durability {
            Durability::Synced => shares.keys().try_for_each(|partition| self.partitions[*partition as usize].sync()),
            Durability::Buffered => Ok(()),
        }
    }

    /// Waits until everything appended is on the disk.
    ///
    /// # Errors
    /// The file system fails.
    pub fn sync(&self) -> Result<(), ConnectorError> {
        self.partitions.iter().try_for_each(PartitionFile::sync)
    }

    /// Appends the records of a writer's epoch, exactly once: a partition's share and the epoch with its digest are one frame, and
    /// partitions that already have the epoch are left alone. The same epoch must come with the same records. Returns when all
    /// of it is on the disk.
    ///
    /// # Errors
    /// The file system fails; committing the same epoch again then completes it. Or a later epoch was begun, and must be completed first.
    pub fn commit(
        &mut self,
        writer: &str,
        Mark { epoch, digest }: Mark,
        records: &[TopicRecord],
    ) -> Result<(), ConnectorError> {
        let last = last_mark(self.marks(), writer);
        if let Some(last) = last.as_ref().filter(|last| last.epoch > epoch) {
            let complete = self.committed(writer).epoch;
            return if complete >= epoch { Ok(()) } else { Err(skipped(writer, epoch, last.epoch)) };
        }
        // An epoch that was begun is completed over the partitions that it was begun with.
        let partitions = match last {
            Some(last) if last.epoch == epoch => last.partitions.min(self.partitions.len() as u32),
            _ => self.partitions.len() as u32,
        };
        let shares = share_out(records, partitions, epoch);
        let mark = EpochMark { writer: writer.to_owned(), epoch, parts: shares.len() as u32, partitions, digest };
        for (partition, share) in &shares {
            let file = &mut self.partitions[*partition as usize];
            if file.marks().last(writer).is_none_or(|held| held.epoch < epoch) {
                file.append(share, Some(mark.clone()))?;
            }
            file.sync()?;
        }
        Ok(())
    }

    /// The last epoch of a writer that is complete; zero if there is none.
    #[must_use]
    pub fn committed(&self, writer: &str) -> Mark {
        complete_mark(self.marks(), writer).map_or_else(Mark::default, EpochMark::to_mark)
    }

    fn marks(&self) -> impl Iterator<Item = &EpochMarks> + Clone {
        self.partitions.iter().map(PartitionFile::marks)
    }
}

fn skipped(writer: &str, epoch: u64, later: u64) -> ConnectorError {
    ConnectorError::diverged(
        format!(
            "epoch {epoch} of `{writer}` is to be written, but a part of epoch {later} is there and nothing between"
        ),
        "write to another topic from a new state directory",
    )
}

/// Records by partition, each share in the order given. The `n`th record without a key goes to partition `first + n`, so that the same
/// records and the same `first` make the same shares.
fn share_out(records: &[TopicRecord], partitions: u32, first: u64) -> BTreeMap<u32, Vec<&TopicRecord>> {
    let mut shares: BTreeMap<u32, Vec<&TopicRecord>> = BTreeMap::new();
    let mut keyless = first;
    for record in records {
        let partition = partition_of_record(record, keyless, partitions);
        keyless = keyless.wrapping_add(u64::from(record.key.is_none()));
        shares.entry(partition).or_default().push(record);
    }
    shares
}

/// Cuts a share into frames of about [`Records::PAYLOAD_MAX`].
fn cut<'a, 'b>(share: &'b [&'a TopicRecord]) -> Vec<&'b [&'a TopicRecord]> {
    let mut frames = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (at, record) in share.iter().enumerate() {
        size += record.size();
        if size >= Records::PAYLOAD_MAX {
            frames.push(&share[start..=at]);
            (start, size) = (at + 1, 0);
        }
    }
    if start < share.len() {
        frames.push(&share[start..]);
    }
    frames
}

fn lock(folder: &Path, topic: &str, predecessor: Option<&Stopped>) -> Result<File, ConnectorError> {
    let path = folder.join(LOCK_FILE);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| io_failure("open", &path, &error))?;
    match lock_exclusively(&file, predecessor) {
        Ok(true) => Ok(file),
        Ok(false) => Err(ConnectorError::refused(
            format!("topic `{topic}` is being written by another process or sink"),
            "stop the other writer, or write to a topic of its own: the embedded log takes one writer a topic",
        )),
        Err(error) => Err(io_failure("lock", &path, &error)),
    }
}
