//! Run files: entries of cuts, sorted by cut and key, in blocks with checksums.
//!
//! A file begins with [`MAGIC`]. A block is its length and the CRC-32C of its body (4 bytes each, little-endian), then the body: entries, each the cut's
//! kind (1 byte) and place (4 bytes), and key and value with their lengths before them (4 bytes each).

use std::collections::BTreeSet;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::disk::{self, File};
use crate::failpoint::{Failpoint, hit};
use crate::render::{Cut, CutKey, CutValue, SumEntry};
use crate::runtime::RunError;
use crate::runtime::protocol::is_mine;
use crate::runtime::state_folder::sync_folder;
use crate::safeguard::Safeguard;

use super::entry::{CutDigests, Run};

const MAGIC: &[u8] = b"flowctl run 1\n";
/// A block is written when it has this many bytes.
const BLOCK: usize = 256 << 10;

/// An entry and the cut that it has passed.
pub(super) type RunEntry = (Cut, CutKey, CutValue);

/// Makes a new file of the entries that `fill` pushes, durably.
pub(super) fn write_run(
    folder: &Path,
    name: String,
    fill: impl FnOnce(&mut RunWriter) -> Result<(), RunError>,
) -> Result<Run, RunError> {
    let path = folder.join(&name);
    let written = RunWriter::create(path.clone()).and_then(|mut writer| {
        fill(&mut writer)?;
        let (bytes, digests) = writer.finish()?;
        sync_folder(folder)?;
        Ok(Run { name, bytes, digests })
    });
    if written.is_err() {
        // A disk that is full must not fill further with parts; what cannot be removed is removed at the next start.
        let _ = disk::remove(&path);
    }
    written
}

/// A run that is being written.
pub(super) struct RunWriter {
    path: PathBuf,
    file: BufWriter<File>,
    body: Vec<u8>,
    bytes: u64,
    digests: CutDigests,
}

impl RunWriter {
    fn create(path: PathBuf) -> Result<Self, RunError> {
        let file = disk::create(&path).map_err(RunError::file(&path))?;
        let mut file = BufWriter::new(file);
        file.write_all(MAGIC).map_err(RunError::file(&path))?;
        let (body, bytes) = (Vec::with_capacity(BLOCK), MAGIC.len() as u64);
        Ok(Self { path, file, body, bytes, digests: CutDigests::default() })
    }

    /// Adds an entry; they come in order.
    pub(super) fn push(&mut self, cut: Cut, entry: SumEntry<'_>) -> Result<(), RunError> {
        let (kind, place) = match cut {
            Cut::Source(place) => (0, place),
            Cut::Node(place) => (1, place),
        };
        let at = self.body.len();
        self.body.push(kind);
        self.body.extend_from_slice(&(place as u32).to_le_bytes());
        self.push_with_length(|body| entry.encode_key(body));
        self.push_with_length(|body| entry.encode_value(body));
        self.digests.add(cut, &self.body[at..]);
        if self.body.len() >= BLOCK { self.flush().map_err(RunError::file(&self.path)) } else { Ok(()) }
    }

    fn push_with_length(&mut self, push: impl FnOnce(&mut Vec<u8>)) {
        let at = self.body.len();
        self.body.extend_from_slice(&[0; 4]);
        push(&mut self.body);
        let length = (self.body.len() - at - 4) as u32;
        self.body[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&(self.body.len() as u32).to_le_bytes())?;
        self.file.write_all(&crc32c::crc32c(&self.body).to_le_bytes())?;
        self.file.write_all(&self.body)?;
        self.bytes += 8 + self.body.len() as u64;
        self.body.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(u64, CutDigests), RunError> {
        if !self.body.is_empty() {
            self.flush().map_err(RunError::file(&self.path))?;
        }
        let sync = |file: BufWriter<File>| {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            hit(Failpoint::RunSync)?;
            file.sync()
        };
        sync(self.file).map_err(RunError::file(&self.path))?;
        Ok((self.bytes, self.digests))
    }
}

/// Reads a run's entries in order.
pub(super) struct RunReader {
    path: PathBuf,
    file: BufReader<File>,
    left: u64,
    body: Vec<u8>,
    at: usize,
    digests: CutDigests,
    /// What they must come to.
    expected: CutDigests,
}

impl RunReader {
    pub(super) fn open(folder: &Path, run: &Run) -> Result<Self, RunError> {
        let path = folder.join(&run.name);
        let file = disk::open(&path).map_err(RunError::file(&path))?;
        let length = file.length().map_err(RunError::file(&path))?;
        let mut reader = Self {
            path,
            file: BufReader::new(file),
            left: run.bytes,
            body: Vec::new(),
            at: 0,
            digests: CutDigests::default(),
            expected: run.digests.clone(),
        };
        if length != run.bytes {
            return Err(reader.damaged("its length is not what the journal says"));
        }
        let mut magic = [0; MAGIC.len()];
        reader.read(&mut magic)?;
        if magic != MAGIC { Err(reader.damaged("it does not begin as a run does")) } else { Ok(reader) }
    }

    /// The next entry; none at the end, if all that came is what was written.
    pub(super) fn next(&mut self) -> Result<Option<RunEntry>, RunError> {
        if self.at == self.body.len() && !self.next_block()? {
            let is_same = self.digests == self.expected || !Safeguard::RunCompared.holds();
            return if is_same { Ok(None) } else { Err(self.damaged("it has other entries than the journal says")) };
        }
        match parse(&self.body[self.at..]) {
            Some((entry, length)) => {
                self.digests.add(entry.0, &self.body[self.at..self.at + length]);
                self.at += length;
                Ok(Some(entry))
            }
            None => Err(self.damaged("an entry cannot be read")),
        }
    }

    fn next_block(&mut self) -> Result<bool, RunError> {
        if self.left == 0 {
            return Ok(false);
        }
        let mut head = [0; 8];
        self.read(&mut head)?;
        let [a, b, c, d, e, f, g, h] = head;
        let (length, checksum) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if u64::from(length) > self.left || length == 0 {
            return Err(self.damaged("a block is cut off"));
        }
        let mut body = std::mem::take(&mut self.body);
        body.resize(length as usize, 0);
        self.read(&mut body)?;
        (self.body, self.at) = (body, 0);
        let is_sound = crc32c::crc32c(&self.body) == checksum || !Safeguard::CheckpointChecked.holds();
        if is_sound { Ok(true) } else { Err(self.damaged("a checksum does not match")) }
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), RunError> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| self.damaged("it is cut off"))?;
        self.file.read_exact(bytes).map_err(RunError::file(&self.path))
    }

    fn damaged(&self, what: &str) -> RunError {
        RunError::State {
            folder: self.path.clone(),
            what: format!("the checkpoint is damaged: {what}"),
            hint: "restore the state directory from a copy, or begin anew with another `--state DIR` and empty tables"
                .into(),
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(RunEntry, usize)> {
    let (kind, rest) = bytes.split_first()?;
    let (place, rest) = split_u32(rest)?;
    let (length, rest) = split_u32(rest)?;
    let (key, rest) = rest.split_at_checked(length as usize)?;
    let (length, rest) = split_u32(rest)?;
    let (value, rest) = rest.split_at_checked(length as usize)?;
    let cut = match kind {
        0 => Cut::Source(place as usize),
        1 => Cut::Node(place as usize),
        _ => return None,
    };
    Some(((cut, key.into(), CutValue::decode(value)?), bytes.len() - rest.len()))
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

/// The name of a run that a start of this generation makes: the `file`th of its files, for a checkpoint at `epoch`.
pub(super) fn run_name(epoch: u64, generation: u64, file: u64) -> String {
    format!("{epoch:012}-{generation}-{file}.run")
}

/// The generation of the start that has made a run of this name.
fn made_by(name: &str) -> Option<u64> {
    name.strip_suffix(".run")?.split('-').nth(1)?.parse().ok()
}

/// Removes every run file that is none of these, of those that a start of this generation may touch.
pub(in crate::runtime) fn remove_others<'a>(
    folder: &Path,
    generation: u64,
    runs: impl IntoIterator<Item = &'a Run>,
) -> Result<(), RunError> {
    let kept: BTreeSet<&str> = runs.into_iter().map(|run| run.name.as_str()).collect();
    for name in disk::names(folder).map_err(RunError::file(folder))? {
        let (path, name) = (folder.join(&name), name.to_str().unwrap_or_default());
        if made_by(name).is_some_and(|made_by| is_mine(made_by, generation)) && !kept.contains(name) {
            hit(Failpoint::RunsRemove).map_err(RunError::file(&path))?;
            match disk::remove(&path) {
                // Two may remove at once, if one of them was stopped before.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(RunError::File { path, error }),
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn entry(key: u32, count: i64) -> RunEntry {
        (Cut::Node(3), Box::new(key.to_be_bytes()), CutValue::Count(count))
    }

    fn write_all(folder: &Path, name: String, entries: &[RunEntry]) -> Run {
        let fill = |run: &mut RunWriter| {
            entries.iter().try_for_each(|(cut, key, value)| run.push(*cut, SumEntry::Value(key, value)))
        };
        write_run(folder, name, fill).expect("written")
    }

    fn read_all(folder: &Path, run: &Run) -> Result<Vec<RunEntry>, RunError> {
        let mut reader = RunReader::open(folder, run)?;
        std::iter::from_fn(|| reader.next().transpose()).collect()
    }

    #[test]
    fn entries_come_back_over_many_blocks() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let entries: Vec<RunEntry> = (0..40_000).map(|key| entry(key, i64::from(key) - 7)).collect();
        let run = write_all(folder.path(), run_name(1, 2, 0), &entries);
        assert!(run.bytes > 3 * BLOCK as u64);
        assert_eq!(read_all(folder.path(), &run).expect("read"), entries);
        let empty = write_all(folder.path(), run_name(2, 2, 1), &[]);
        assert_eq!(read_all(folder.path(), &empty).expect("read"), []);
        remove_others(folder.path(), 2, [&empty]).expect("removed");
        assert!(read_all(folder.path(), &run).is_err() && read_all(folder.path(), &empty).is_ok());
        remove_others(folder.path(), 1, []).expect("nothing to remove");
        assert!(read_all(folder.path(), &empty).is_ok(), "a later start has made it");
    }

    #[test]
    fn a_run_that_only_looks_alike_is_another() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [run, other] = [1, 2].map(|count| write_all(folder.path(), format!("{count}.run"), &[entry(7, count)]));
        assert_eq!(run.bytes, other.bytes);
        let swapped = Run { name: other.name.clone(), ..run.clone() };
        let error = read_all(folder.path(), &swapped).expect_err("another run");
        assert!(error.to_string().contains("other entries than the journal says"), "{error}");
        assert!(read_all(folder.path(), &run).is_ok() && read_all(folder.path(), &other).is_ok());
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = write_all(folder.path(), "a.run".into(), &[0, 1, 2, 3, 4].map(|key| entry(key, 1)));
        let path = folder.path().join("a.run");
        let whole = fs::read(&path).expect("readable");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            fs::write(&path, &bytes).expect("writable");
            assert!(read_all(folder.path(), &run).is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).expect("writable");
            assert!(read_all(folder.path(), &run).is_err(), "cut to {at}");
        }
    }
}
