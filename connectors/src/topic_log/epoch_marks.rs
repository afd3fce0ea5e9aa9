//! How far a writer's epochs are complete in a topic, by the marks of its partitions.

use std::collections::HashMap;
use std::path::PathBuf;

use engine::connector::ConnectorError;

use super::frame::EpochMark;
use super::partition_reader::PartitionReader;

/// The last marks of each writer in a partition.
#[derive(Debug, Default)]
pub(super) struct EpochMarks {
    by_writer: HashMap<String, LastMarks>,
}

/// A writer's last mark in a partition, and the one before: what counts while the last epoch is not complete.
#[derive(Debug)]
struct LastMarks {
    last: EpochMark,
    before: Option<EpochMark>,
}

impl EpochMarks {
    /// Takes note of a frame's mark.
    pub(super) fn note(&mut self, mark: EpochMark) {
        match self.by_writer.get_mut(&mark.writer) {
            Some(marks) => marks.before = Some(std::mem::replace(&mut marks.last, mark)),
            None => drop(self.by_writer.insert(mark.writer.clone(), LastMarks { last: mark, before: None })),
        }
    }

    /// The last mark of a writer.
    pub(super) fn last(&self, writer: &str) -> Option<&EpochMark> {
        self.by_writer.get(writer).map(|marks| &marks.last)
    }
}

/// The last mark that a writer has in any of these partitions.
pub(super) fn last_mark<'a>(partitions: impl Iterator<Item = &'a EpochMarks>, writer: &str) -> Option<&'a EpochMark> {
    partitions.filter_map(|marks| marks.last(writer)).max_by_key(|mark| mark.epoch)
}

/// The mark of the last epoch that is complete over these partitions.
pub(super) fn complete_mark<'a>(
    partitions: impl Iterator<Item = &'a EpochMarks> + Clone,
    writer: &str,
) -> Option<&'a EpochMark> {
    let last = last_mark(partitions.clone(), writer)?;
    let parts = partitions.clone().filter(|marks| marks.last(writer).is_some_and(|mark| mark.epoch == last.epoch));
    if parts.count() >= last.parts as usize {
        return Some(last);
    }
    let marks = partitions.filter_map(|marks| marks.by_writer.get(writer));
    let all = marks.flat_map(|marks| std::iter::once(&marks.last).chain(&marks.before));
    all.filter(|mark| mark.epoch < last.epoch).max_by_key(|mark| mark.epoch)
}

/// The same, read from the partitions' files.
///
/// # Errors
/// A file cannot be read, or is damaged.
pub(crate) fn read_complete_mark(paths: &[PathBuf], writer: &str) -> Result<Option<EpochMark>, ConnectorError> {
    let mut partitions = Vec::with_capacity(paths.len());
    for path in paths {
        let mut marks = EpochMarks::default();
        let mut reader = PartitionReader::open(path)?;
        while let Some(frame) = reader.next_frame()? {
            frame.mark.into_iter().for_each(|mark| marks.note(mark));
        }
        partitions.push(marks);
    }
    Ok(complete_mark(partitions.iter(), writer).cloned())
}
