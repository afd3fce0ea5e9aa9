//! The journal: a start appends entries to segments of its own, syncs them, and reads all segments from the front.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::disk::{self, File};
use crate::failpoint::{Failpoint, hit};
use crate::runtime::RunError;
use crate::runtime::protocol::{read_from, removable};
use crate::runtime::state_folder::{make_folder, replace_file, sync_folder};
use crate::safeguard::Safeguard;

use super::entry::{Base, Entry};
use super::frame::{FrameReader, encode};
use super::segment::{Link, Seal, Segment, chain, segments};

/// Appends entries to the last segment.
#[derive(Debug)]
pub(in crate::runtime) struct Journal {
    folder: PathBuf,
    segment: Segment,
    path: PathBuf,
    file: File,
    /// How long the file is, and the hash of its last frame.
    end: (u64, u64),
    /// What is to be written, and the hash of its last frame.
    frames: Vec<u8>,
    hash: u64,
    /// A write has failed: nobody knows how much of it the file has, so nothing may follow.
    is_broken: bool,
    /// Nothing is written.
    is_left_out: bool,
}

/// Reads entries, segment after segment.
pub(in crate::runtime) struct JournalReader {
    folder: PathBuf,
    later: VecDeque<Link>,
    /// The segment that is being read; none in a new journal.
    open: Option<(Segment, FrameReader)>,
}

impl Journal {
    /// The journal in a pipeline's folder from the last segment whose base is epoch `from`: a reader of what is there. It becomes a [`Journal`] when it
    /// has come to its end.
    pub(in crate::runtime) fn open(folder: &Path, from: u64) -> Result<JournalReader, RunError> {
        let folder = folder.join("journal");
        make_folder(&folder)?;
        let mut links = chain(&folder, &segments(&folder)?)?;
        let begin = read_from(&links, from);
        links.drain(..begin);
        let mut reader = JournalReader { folder, later: links, open: None };
        reader.open_next()?;
        sync_folder(&reader.folder)?;
        Ok(reader)
    }

    /// A reader of the whole journal that a pipeline's folder has now, which changes nothing; none if there is none yet.
    pub(in crate::runtime) fn look(folder: &Path) -> Result<Option<JournalReader>, RunError> {
        let folder = folder.join("journal");
        if !disk::exists(&folder) {
            return Ok(None);
        }
        let later = chain(&folder, &segments(&folder)?)?;
        let mut reader = JournalReader { folder, later, open: None };
        reader.open_next()?;
        Ok(reader.open.is_some().then_some(reader))
    }

    /// The segments in a pipeline's folder, in order, and how many bytes each has.
    pub(in crate::runtime) fn segments(folder: &Path) -> Result<Vec<(Segment, u64)>, RunError> {
        let folder = folder.join("journal");
        let links = if disk::exists(&folder) { chain(&folder, &segments(&folder)?)? } else { VecDeque::new() };
        let length = |link: Link| {
            let path = link.segment.path(&folder);
            let found = disk::open(&path).and_then(|file| file.length()).map_err(RunError::file(&path))?;
            Ok((link.segment, link.seal.map_or(found, |seal| seal.length)))
        };
        links.into_iter().map(length).collect()
    }

    /// The epochs with which the segments in a pipeline's folder begin, in order.
    pub(in crate::runtime) fn bases(folder: &Path) -> Result<BTreeSet<u64>, RunError> {
        let folder = folder.join("journal");
        if !disk::exists(&folder) {
            return Ok(BTreeSet::new());
        }
        Ok(chain(&folder, &segments(&folder)?)?.iter().map(|link| link.segment.base).collect())
    }

    /// Begins a new segment, with what a reader that begins there must know.
    pub(in crate::runtime) fn roll(&mut self, base: Base, carried: &[Entry]) -> Result<(), RunError> {
        if self.is_left_out {
            return Ok(());
        }
        self.sync()?;
        let before = Seal { segment: self.segment, length: self.end.0, hash: self.end.1 };
        *self = Self::begin(self.folder.clone(), self.segment.generation, Some(before), base, carried)?;
        Ok(())
    }

    fn begin(
        folder: PathBuf,
        generation: u64,
        before: Option<Seal>,
        base: Base,
        carried: &[Entry],
    ) -> Result<Self, RunError> {
        let segment = Segment { generation, base: base.record.epoch };
        let path = segment.path(&folder);
        hit(Failpoint::SegmentBegin).map_err(RunError::file(&path))?;
        let mut frames = Vec::new();
        let mut hash = encode(&mut frames, 0, &Entry::Base(Base { before, ..base }), &path)?;
        for entry in carried {
            hash = encode(&mut frames, hash, entry, &path)?;
        }
        replace_file(&path, &frames)?;
        hit(Failpoint::SegmentBegun).map_err(RunError::file(&path))?;
        let file = disk::append(&path).map_err(RunError::file(&path))?;
        let end = (frames.len() as u64, hash);
        Ok(Self { folder, segment, path, file, end, frames: Vec::new(), hash, is_broken: false, is_left_out: false })
    }

    /// Removes what is not needed if the journal must stay behind epoch `from`, of what this start or one before it has made.
    pub(in crate::runtime) fn remove_before(&self, from: u64) -> Result<(), RunError> {
        let there = segments(&self.folder)?;
        let lineage: Vec<Segment> = chain(&self.folder, &there)?.iter().map(|link| link.segment).collect();
        for old in removable(&there, &lineage, from, self.segment.generation) {
            let path = old.path(&self.folder);
            hit(Failpoint::SegmentsRemove).map_err(RunError::file(&path))?;
            match disk::remove(&path) {
                // Two may remove at once, if one of them was stopped before.
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(RunError::File { path, error }),
                _ => {}
            }
        }
        sync_folder(&self.folder)
    }

    /// Writes nothing from now on.
    pub(in crate::runtime) fn leave_out(&mut self) {
        self.is_left_out = true;
    }

    /// Adds an entry; it is durable after the next [`Journal::sync`].
    pub(in crate::runtime) fn append(&mut self, entry: &Entry) -> Result<(), RunError> {
        if self.is_left_out {
            return Ok(());
        }
        self.hash = encode(&mut self.frames, self.hash, entry, &self.path)?;
        Ok(())
    }

    /// Makes everything that was appended durable.
    pub(in crate::runtime) fn sync(&mut self) -> Result<(), RunError> {
        if self.frames.is_empty() {
            return Ok(());
        }
        if self.is_broken {
            return Err(RunError::file(&self.path)(io::Error::other("an earlier write has failed")));
        }
        self.is_broken = true;
        self.write().map_err(RunError::file(&self.path))?;
        self.is_broken = false;
        self.end = (self.end.0 + self.frames.len() as u64, self.hash);
        self.frames.clear();
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        hit(Failpoint::JournalWrite)?;
        let (first, rest) = self.frames.split_at(self.frames.len() / 2);
        self.file.write_all(first)?;
        hit(Failpoint::JournalTorn)?;
        self.file.write_all(rest)?;
        hit(Failpoint::JournalSync)?;
        if Safeguard::JournalDurable.holds() {
            self.file.sync()?;
        }
        hit(Failpoint::JournalSynced)
    }
}

impl JournalReader {
    /// The next entry; none at the end. An entry that was cut off while it was written is the end, in the last segment.
    pub(in crate::runtime) fn next(&mut self) -> Result<Option<Entry>, RunError> {
        while let Some((_, frames)) = &mut self.open {
            if let Some(entry) = frames.next()? {
                return Ok(Some(entry));
            }
            if self.later.is_empty() {
                break;
            }
            self.open_next()?;
        }
        Ok(None)
    }

    fn open_next(&mut self) -> Result<(), RunError> {
        if let Some(Link { segment, seal }) = self.later.pop_front() {
            self.open = Some((segment, FrameReader::open(&segment.path(&self.folder), seal)?));
        }
        Ok(())
    }

    /// Begins a segment behind what was read, to append to; its base is `base`. A segment is only ever written by the start that has begun it: so
    /// what is torn at the end of the one before, or what its writer adds to it, should it only have been stopped, does not count.
    pub(in crate::runtime) fn begin(self, generation: u64, base: Base, carried: &[Entry]) -> Result<Journal, RunError> {
        let Self { folder, open, .. } = self;
        let before = match open {
            None => None,
            Some((segment, frames)) => {
                let (file, length, hash) = frames.into_end();
                // What was read counts from now on, though its writer may have died or been stopped before it was durable.
                file.sync().map_err(RunError::file(segment.path(&folder)))?;
                Some(Seal { segment, length, hash })
            }
        };
        Journal::begin(folder, generation, before, base, carried)
    }

    /// The last entry that was read is damaged, or what lies behind it.
    pub(in crate::runtime) fn corrupt(&self, what: &str) -> RunError {
        match &self.open {
            Some((_, frames)) => frames.corrupt(what),
            None => RunError::Died("a reader of a journal that is not there"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::EpochRecord;
    use super::*;

    fn base(epoch: u64) -> Base {
        Base { record: EpochRecord { epoch, ..EpochRecord::default() }, ..Base::default() }
    }

    fn read(folder: &Path) -> Result<(Vec<u64>, JournalReader), RunError> {
        let mut reader = Journal::open(folder, 0)?;
        let mut epochs = Vec::new();
        while let Some(entry) = reader.next()? {
            if let Entry::Epoch(record) = entry {
                epochs.push(record.epoch);
            }
        }
        Ok((epochs, reader))
    }

    fn epochs(folder: &Path) -> Result<Vec<u64>, RunError> {
        read(folder).map(|(epochs, _)| epochs)
    }

    /// A start that has read everything and goes on.
    fn start(folder: &Path, generation: u64) -> Journal {
        let (epochs, reader) = read(folder).expect("sound");
        reader.begin(generation, base(epochs.last().copied().unwrap_or(0)), &[]).expect("begins")
    }

    fn write(journal: &mut Journal, epoch: u64) {
        journal.append(&Entry::Epoch(base(epoch).record)).expect("appends");
        journal.sync().expect("syncs");
    }

    /// A segment of three epochs, and where each entry ends.
    fn write_three(folder: &Path) -> (PathBuf, Vec<usize>) {
        let mut journal = start(folder, 1);
        let mut ends = vec![journal.end.0 as usize];
        for epoch in 1..=3 {
            write(&mut journal, epoch);
            ends.push(journal.end.0 as usize);
        }
        (journal.path, ends)
    }

    #[test]
    fn a_torn_end_does_not_count_at_every_byte() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, ends) = write_three(folder.path());
        let whole = std::fs::read(&path).expect("readable");
        let zeros = |length: usize, whole_length: usize| [&whole[..length], &vec![0; whole_length - length]].concat();
        let cut = (ends[2]..ends[3] - 1).flat_map(|length| {
            // Blocks may have been reserved for what was not written.
            [whole[..length].to_vec(), zeros(length, ends[3]), zeros(length, ends[3] + 100)]
        });
        for torn in cut {
            std::fs::write(&path, &torn).expect("writable");
            assert_eq!(epochs(folder.path()).expect("sound"), [1, 2], "{} bytes", torn.len());
            let mut journal = start(folder.path(), 2);
            write(&mut journal, 9);
            assert_eq!(epochs(folder.path()).expect("sound"), [1, 2, 9]);
            std::fs::remove_file(journal.path).expect("removable");
        }
    }

    #[test]
    fn nothing_follows_a_write_that_has_failed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut journal = start(folder.path(), 1);
        write(&mut journal, 1);
        let read_only = disk::open(&journal.path).expect("readable");
        let file = std::mem::replace(&mut journal.file, read_only);
        journal.append(&Entry::Epoch(base(2).record)).expect("appends");
        journal.sync().expect_err("it cannot be written");
        journal.file = file;
        journal.sync().expect_err("it may stand there in part");
        assert_eq!(epochs(folder.path()).expect("sound"), [1]);
    }

    #[test]
    fn damage_before_the_end_is_said() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, ends) = write_three(folder.path());
        let mut bytes = std::fs::read(&path).expect("readable");
        bytes[ends[0] + 20] ^= 1;
        std::fs::write(&path, &bytes).expect("writable");
        let error = epochs(folder.path()).expect_err("damaged");
        assert!(error.to_string().contains("journal is damaged"), "{error}");
    }

    #[test]
    fn what_is_moved_left_out_or_put_twice_is_said() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, ends) = write_three(folder.path());
        let whole = std::fs::read(&path).expect("readable");
        let part = |at: usize| &whole[ends[at - 1]..ends[at]];
        let (head, first, second, third) = (&whole[..ends[0]], part(1), part(2), part(3));
        for other in [
            [head, second, first, third].concat(),
            [head, first, third].concat(),
            [head, first, second, second].concat(),
        ] {
            std::fs::write(&path, other).expect("writable");
            let error = epochs(folder.path()).expect_err("damaged");
            assert!(error.to_string().contains("does not follow"), "{error}");
        }
    }

    #[test]
    fn what_a_predecessor_writes_after_a_segment_was_begun_does_not_count() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut stopped = start(folder.path(), 1);
        (1..=3).for_each(|epoch| write(&mut stopped, epoch));
        let mut taker = start(folder.path(), 2);
        write(&mut taker, 4);
        write(&mut stopped, 4);
        stopped.roll(base(4), &[]).expect("rolls");
        assert_eq!(epochs(folder.path()).expect("sound"), [1, 2, 3, 4]);
        taker.remove_before(3).expect("removes");
        let left: Vec<_> = std::fs::read_dir(folder.path().join("journal")).expect("there").collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_predecessor_that_wakes_removes_nothing_of_its_successor() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut stopped = start(folder.path(), 1);
        (1..=3).for_each(|epoch| write(&mut stopped, epoch));
        let mut taker = start(folder.path(), 2);
        write(&mut taker, 4);
        taker.roll(base(4), &[]).expect("rolls");
        stopped.remove_before(3).expect("removes");
        write(&mut taker, 5);
        assert_eq!(epochs(folder.path()).expect("sound"), [4, 5]);
    }
}
