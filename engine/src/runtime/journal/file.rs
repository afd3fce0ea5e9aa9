//! The journal: entries are appended to its last segment, synced, and read from the front.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::failpoint::{Failpoint, hit};
use crate::runtime::RunError;
use crate::runtime::state_folder::{make_folder, replace_file, sync_folder};

use super::entry::{Base, Entry};
use super::frame::{FrameReader, encode};
use super::segment::{Link, Seal, Segment, chain, make, segments};

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
}

/// Reads entries, segment after segment.
pub(in crate::runtime) struct JournalReader {
    folder: PathBuf,
    later: VecDeque<Link>,
    segment: Segment,
    frames: FrameReader,
}

impl Journal {
    /// The journal in a pipeline's folder from the last segment whose base is epoch `from`: a reader of what is there. It becomes a [`Journal`] when it
    /// has come to its end.
    pub(in crate::runtime) fn open(folder: &Path, from: u64) -> Result<JournalReader, RunError> {
        let folder = folder.join("journal");
        make_folder(&folder)?;
        let mut links = chain(&folder)?;
        let begin = links.iter().rposition(|link| link.segment.base == from).unwrap_or(0);
        links.drain(..begin);
        let first = match links.pop_front() {
            Some(first) => first,
            None => {
                let segment = Segment { generation: 1, base: 0 };
                make(&segment.path(&folder))?;
                Link { segment, seal: None }
            }
        };
        sync_folder(&folder)?;
        JournalReader::open(folder, first, links)
    }

    /// A reader of the whole journal that a pipeline's folder has now, which changes nothing; none if there is none yet.
    pub(in crate::runtime) fn look(folder: &Path) -> Result<Option<JournalReader>, RunError> {
        let folder = folder.join("journal");
        let mut links = if folder.exists() { chain(&folder)? } else { VecDeque::new() };
        links.pop_front().map(|first| JournalReader::open(folder, first, links)).transpose()
    }

    /// The segments in a pipeline's folder, in order, and how many bytes each has.
    pub(in crate::runtime) fn segments(folder: &Path) -> Result<Vec<(Segment, u64)>, RunError> {
        let folder = folder.join("journal");
        let links = if folder.exists() { chain(&folder)? } else { VecDeque::new() };
        let length = |link: Link| {
            let path = link.segment.path(&folder);
            let found = fs::metadata(&path).map_err(RunError::file(&path))?.len();
            Ok((link.segment, link.seal.map_or(found, |seal| seal.length)))
        };
        links.into_iter().map(length).collect()
    }

    /// The epochs with which the segments in a pipeline's folder begin, in order.
    pub(in crate::runtime) fn bases(folder: &Path) -> Result<BTreeSet<u64>, RunError> {
        let folder = folder.join("journal");
        if !folder.exists() {
            return Ok(BTreeSet::new());
        }
        Ok(chain(&folder)?.iter().map(|link| link.segment.base).collect())
    }

    /// Begins a new segment, with what a reader that begins there must know.
    pub(in crate::runtime) fn roll(&mut self, generation: u64, base: Base, carried: &[Entry]) -> Result<(), RunError> {
        self.sync()?;
        let segment = Segment { generation, base: base.record.epoch };
        hit(Failpoint::SegmentBegin).map_err(RunError::file(&self.path))?;
        let before = Some(Seal { segment: self.segment, length: self.end.0, hash: self.end.1 });
        let path = segment.path(&self.folder);
        let mut frames = Vec::new();
        let mut hash = encode(&mut frames, 0, &Entry::Base(Base { before, ..base }), &path)?;
        for entry in carried {
            hash = encode(&mut frames, hash, entry, &path)?;
        }
        replace_file(&path, &frames)?;
        hit(Failpoint::SegmentBegun).map_err(RunError::file(&path))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(RunError::file(&path))?;
        (self.segment, self.path, self.file) = (segment, path, file);
        (self.end, self.hash) = ((frames.len() as u64, hash), hash);
        Ok(())
    }

    /// Removes the segments before the last one whose base is epoch `base`, and those that do not count.
    pub(in crate::runtime) fn remove_before(&self, base: u64) -> Result<(), RunError> {
        let chain = chain(&self.folder)?;
        let first = chain.iter().rposition(|link| link.segment.base <= base).unwrap_or(0);
        let kept: BTreeSet<Segment> = chain.iter().skip(first).map(|link| link.segment).collect();
        for old in segments(&self.folder)?.into_iter().filter(|segment| !kept.contains(segment)) {
            let path = old.path(&self.folder);
            hit(Failpoint::SegmentsRemove).map_err(RunError::file(&path))?;
            fs::remove_file(&path).map_err(RunError::file(&path))?;
        }
        sync_folder(&self.folder)
    }

    /// Adds an entry; it is durable after the next [`Journal::sync`].
    pub(in crate::runtime) fn append(&mut self, entry: &Entry) -> Result<(), RunError> {
        self.hash = encode(&mut self.frames, self.hash, entry, &self.path)?;
        Ok(())
    }

    /// Makes everything that was appended durable.
    pub(in crate::runtime) fn sync(&mut self) -> Result<(), RunError> {
        if self.frames.is_empty() {
            return Ok(());
        }
        self.write().map_err(RunError::file(&self.path))?;
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
        self.file.sync_data()?;
        hit(Failpoint::JournalSynced)
    }
}

impl JournalReader {
    fn open(folder: PathBuf, first: Link, later: VecDeque<Link>) -> Result<Self, RunError> {
        let frames = FrameReader::open(&first.segment.path(&folder), first.seal)?;
        Ok(Self { folder, later, segment: first.segment, frames })
    }

    /// The next entry; none at the end. An entry that was cut off while it was written is the end, in the last segment.
    pub(in crate::runtime) fn next(&mut self) -> Result<Option<Entry>, RunError> {
        loop {
            if let Some(entry) = self.frames.next()? {
                return Ok(Some(entry));
            }
            let Some(Link { segment, seal }) = self.later.pop_front() else { return Ok(None) };
            self.segment = segment;
            self.frames = FrameReader::open(&segment.path(&self.folder), seal)?;
        }
    }

    /// Appends from here on. What was torn is cut off, unless its writer may still be writing: then a new segment is to be begun at once.
    pub(in crate::runtime) fn into_journal(self, writer_may_live: bool) -> Result<Journal, RunError> {
        let Self { folder, segment, frames, .. } = self;
        let path = segment.path(&folder);
        let (length, hash) = frames.end();
        let mut file = OpenOptions::new().write(true).open(&path).map_err(RunError::file(&path))?;
        let mut cut = || {
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
            file.sync_all()
        };
        if !writer_may_live {
            cut().map_err(RunError::file(&path))?;
        }
        Ok(Journal { folder, segment, path, file, end: (length, hash), frames: Vec::new(), hash })
    }

    /// The last entry that was read is damaged, or what lies behind it.
    pub(in crate::runtime) fn corrupt(&self, what: &str) -> RunError {
        self.frames.corrupt(what)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::EpochRecord;
    use super::*;

    fn record(epoch: u64) -> EpochRecord {
        EpochRecord { epoch, ..EpochRecord::default() }
    }

    fn epochs(folder: &Path) -> Result<(Vec<u64>, Journal), RunError> {
        let mut reader = Journal::open(folder, 0)?;
        let mut epochs = Vec::new();
        while let Some(entry) = reader.next()? {
            if let Entry::Epoch(record) = entry {
                epochs.push(record.epoch);
            }
        }
        Ok((epochs, reader.into_journal(false)?))
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

    #[test]
    fn what_is_moved_left_out_or_put_twice_is_said() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = write_three(folder.path());
        let whole = std::fs::read(&path).expect("readable");
        let (first, rest) = whole.split_at(whole.len() / 3);
        let (second, third) = rest.split_at(whole.len() / 3);
        for other in [[second, first, third].concat(), [first, third].concat(), [first, second, second].concat()] {
            std::fs::write(&path, other).expect("writable");
            let error = epochs(folder.path()).expect_err("damaged");
            assert!(error.to_string().contains("does not follow"), "{error}");
        }
    }

    #[test]
    fn what_a_predecessor_writes_after_a_segment_was_begun_does_not_count() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_three(folder.path());
        let (_, mut stopped) = epochs(folder.path()).expect("opens");
        let mut reader = Journal::open(folder.path(), 0).expect("opens");
        while reader.next().expect("sound").is_some() {}
        let mut taker = reader.into_journal(true).expect("opens");
        taker.roll(2, Base { record: record(3), ..Base::default() }, &[]).expect("rolls");
        for journal in [&mut taker, &mut stopped] {
            journal.append(&Entry::Epoch(record(4))).expect("appends");
            journal.sync().expect("syncs");
        }
        stopped.roll(1, Base { record: record(4), ..Base::default() }, &[]).expect("rolls");
        assert_eq!(epochs(folder.path()).expect("opens").0, [1, 2, 3, 4]);
        taker.remove_before(3).expect("removes");
        let left: Vec<_> = std::fs::read_dir(folder.path().join("journal")).expect("there").collect();
        assert_eq!(left.len(), 1);
    }
}
