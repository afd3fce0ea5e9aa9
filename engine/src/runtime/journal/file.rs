//! The journal's files: framed entries, appended, synced, read from the front.
//!
//! A segment is named after its base, the last epoch before it; all but the first begin with an entry that says how everything then stood, so that
//! those before it can be removed once a checkpoint holds their meaning.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::runtime::RunError;
use crate::runtime::state_folder::{make_folder, replace_file, sync_folder};

use super::entry::{Base, Entry};
use super::frame::{HEAD, encode, head, parse};

/// Appends entries to the last segment.
#[derive(Debug)]
pub(in crate::runtime) struct Journal {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    frames: Vec<u8>,
}

/// Reads entries, segment after segment.
pub(in crate::runtime) struct JournalReader {
    folder: PathBuf,
    later: VecDeque<PathBuf>,
    path: PathBuf,
    file: BufReader<File>,
    length: u64,
    at: u64,
}

impl Journal {
    /// The journal in a pipeline's folder from the segment whose base is epoch `from`: a reader of what is there. It becomes a [`Journal`] when it has
    /// come to its end.
    pub(in crate::runtime) fn open(folder: &Path, from: u64) -> Result<JournalReader, RunError> {
        let folder = folder.join("journal");
        make_folder(&folder)?;
        let mut segments: VecDeque<PathBuf> =
            bases(&folder)?.into_iter().filter(|base| *base >= from).map(|base| segment(&folder, base)).collect();
        let first = segments.pop_front().unwrap_or_else(|| segment(&folder, 0));
        let (file, length) = open_segment(&first)?;
        sync_folder(&folder)?;
        Ok(JournalReader { folder, later: segments, path: first, file, length, at: 0 })
    }

    /// The epochs with which the segments in a pipeline's folder begin, in order.
    pub(in crate::runtime) fn bases(folder: &Path) -> Result<BTreeSet<u64>, RunError> {
        let folder = folder.join("journal");
        if folder.exists() { bases(&folder) } else { Ok(BTreeSet::new()) }
    }

    /// Begins a new segment, with what a reader that begins there must know.
    pub(in crate::runtime) fn roll(&mut self, base: Base, carried: &[Entry]) -> Result<(), RunError> {
        self.sync()?;
        let path = segment(&self.folder, base.record.epoch);
        let mut frames = Vec::new();
        encode(&mut frames, &Entry::Base(base), &path)?;
        carried.iter().try_for_each(|entry| encode(&mut frames, entry, &path))?;
        replace_file(&path, &frames)?;
        let file = OpenOptions::new().append(true).open(&path).map_err(RunError::file(&path))?;
        (self.path, self.file) = (path, file);
        Ok(())
    }

    /// Removes the segments before the one whose base is epoch `base`.
    pub(in crate::runtime) fn remove_before(&self, base: u64) -> Result<(), RunError> {
        for old in bases(&self.folder)?.into_iter().filter(|old| *old < base) {
            let path = segment(&self.folder, old);
            fs::remove_file(&path).map_err(RunError::file(&path))?;
        }
        sync_folder(&self.folder)
    }

    /// Adds an entry; it is durable after the next [`Journal::sync`].
    pub(in crate::runtime) fn append(&mut self, entry: &Entry) -> Result<(), RunError> {
        encode(&mut self.frames, entry, &self.path)
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

fn open_segment(path: &Path) -> Result<(BufReader<File>, u64), RunError> {
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(path);
    let file = file.map_err(RunError::file(path))?;
    let length = file.metadata().map_err(RunError::file(path))?.len();
    Ok((BufReader::with_capacity(1 << 20, file), length))
}

fn segment(folder: &Path, base: u64) -> PathBuf {
    folder.join(format!("{base:012}.journal"))
}

fn bases(folder: &Path) -> Result<BTreeSet<u64>, RunError> {
    let names = fs::read_dir(folder).map_err(RunError::file(folder))?;
    let names = names.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<Vec<_>, _>>();
    let names = names.map_err(RunError::file(folder))?;
    let base = |name: &OsString| name.to_str()?.strip_suffix(".journal")?.parse().ok();
    Ok(names.iter().filter_map(base).collect())
}

impl JournalReader {
    /// The next entry; none at the end. An entry that was cut off while it was written is the end, in the last segment.
    pub(in crate::runtime) fn next(&mut self) -> Result<Option<Entry>, RunError> {
        loop {
            if let Some(entry) = self.next_of_segment()? {
                return Ok(Some(entry));
            }
            let Some(path) = self.later.pop_front() else { return Ok(None) };
            if self.at < self.length {
                return Err(self.corrupt("it is cut off, though a later segment follows"));
            }
            let (file, length) = open_segment(&path)?;
            (self.path, self.file, self.length, self.at) = (path, file, length, 0);
        }
    }

    fn next_of_segment(&mut self) -> Result<Option<Entry>, RunError> {
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
        let (folder, path) = (self.folder, self.path);
        let mut file = self.file.into_inner();
        let mut cut = || {
            file.set_len(self.at)?;
            file.seek(SeekFrom::Start(self.at))?;
            file.sync_all()
        };
        cut().map_err(RunError::file(&path))?;
        Ok(Journal { folder, path, file, frames: Vec::new() })
    }

    /// The last entry that was read is damaged, or what lies behind it.
    pub(in crate::runtime) fn corrupt(&self, what: &str) -> RunError {
        RunError::State {
            folder: self.path.clone(),
            what: format!("the journal is damaged: of the entry at byte {}, {what}", self.at),
            hint: "restore the state directory from a copy, or begin anew with another `--state DIR` and empty tables"
                .into(),
        }
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
