//! What outlives instances: the journal's segments, the files of checkpoints, the generation and whose the folder is.

use std::collections::BTreeSet;

use crate::runtime::journal::{Seal, Segment};
use crate::runtime::protocol::{lineage, read_from};

use super::names::Names;
use super::sink::{SINKS, SmallMark};

/// How many epochs there can be.
pub(super) const EPOCHS: usize = 4;
/// How many entries a segment can have.
const ENTRIES: usize = 12;

/// What epochs hold, by their number: the generation that has cut them, since each cuts an epoch once. Zero: nothing.
pub(super) type Contents = [u8; EPOCHS + 1];

/// Run files, one bit each.
pub(super) type Runs = u32;

/// The run that a generation makes for a checkpoint at an epoch.
pub(super) fn run(generation: u8, epoch: u8) -> Runs {
    1 << ((usize::from(generation) - 1) * EPOCHS + usize::from(epoch) - 1)
}

/// The generation that has made a run, by the place of its bit.
pub(super) fn made_by(bit: u32) -> u64 {
    u64::from(bit) / EPOCHS as u64 + 1
}

/// An entry of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// An epoch: who has cut it. What sinks held then is left out: it only helps.
    Epoch(u8),
    /// What sinks hold.
    Marks([SmallMark; SINKS]),
    /// A checkpoint and its runs.
    Checkpoint(u8, Runs),
    /// The beginning of an entry.
    Torn,
    /// An entry that does not follow the one before it.
    Astray,
}

/// A file of the journal, and its base entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: Segment,
    pub(super) contents: Contents,
    pub(super) before: Option<Seal>,
    entries: [Option<Entry>; ENTRIES],
    pub(super) written: u8,
    /// How many of those survive a power loss.
    pub(super) durable: u8,
}

impl File {
    pub(super) fn new(name: Segment, contents: Contents, before: Option<Seal>) -> Self {
        Self { name, contents, before, entries: [None; ENTRIES], written: 0, durable: 0 }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries[usize::from(self.written)] = Some(entry);
        self.written += 1;
    }

    pub(super) fn cut(&mut self, length: u8) {
        self.entries[usize::from(length)..].fill(None);
        self.written = length;
        self.durable = self.durable.min(length);
    }

    /// The last durable entry that says what sinks hold.
    fn last_marks(&self) -> Option<usize> {
        let durable = &self.entries[..usize::from(self.durable)];
        durable.iter().rposition(|entry| matches!(entry, Some(Entry::Marks(_))))
    }

    /// Marks before the entry at `live` are not looked at any more.
    fn encode(&self, live: usize, names: &mut Names, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&[0xf0, names.generation(self.name.generation as u8), self.name.base as u8]);
        bytes.extend_from_slice(&[self.written, self.durable]);
        names.contents(&self.contents, bytes);
        if let Some(seal) = self.before {
            bytes.push(names.generation(seal.segment.generation as u8));
            bytes.extend_from_slice(&[seal.segment.base as u8, seal.length as u8]);
        }
        let mut epoch = self.name.base as usize;
        for (at, entry) in self.entries[..usize::from(self.written)].iter().flatten().enumerate() {
            match entry {
                Entry::Epoch(content) => {
                    epoch += 1;
                    bytes.extend_from_slice(&[1, names.content(epoch, *content)]);
                }
                Entry::Marks(_) if at < live => bytes.push(2),
                Entry::Marks([a, b]) => bytes.extend_from_slice(&[3, a.written, a.passed, b.written, b.passed]),
                Entry::Checkpoint(epoch, runs) => {
                    bytes.extend_from_slice(&[4, *epoch]);
                    names.runs(*runs, bytes);
                }
                Entry::Torn => bytes.push(5),
                Entry::Astray => bytes.push(6),
            }
        }
    }
}

/// What is durable, and what only the operating system knows yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Disk {
    /// The last generation, which owns the folder.
    pub(super) generation: u8,
    /// In the order of their names.
    pub(super) files: Vec<File>,
    /// Those that exist.
    pub(super) runs: Runs,
}

/// What somebody sees who reads the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// An instance: everything that was written.
    Written,
    /// Somebody after a power loss.
    Durable,
}

/// What the journal says.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    /// The epoch behind which it begins.
    pub(super) oldest: u8,
    pub(super) last: u8,
    pub(super) contents: Contents,
    /// What was noted of sinks last.
    pub(super) noted: Option<[SmallMark; SINKS]>,
    /// Checkpoints that can be put back, if their runs are there.
    pub(super) checkpoints: Vec<(u8, Runs)>,
    /// Where it ends.
    pub(super) end: Option<Seal>,
    /// Where its last file ends, if what is torn counts.
    pub(super) torn_end: u64,
}

/// Why the journal cannot be read.
pub(super) type Damage = &'static str;

impl Disk {
    pub(super) fn names(&self) -> Vec<Segment> {
        self.files.iter().map(|file| file.name).collect()
    }

    /// The names of the segments that count.
    pub(super) fn lineage(&self) -> Vec<Segment> {
        let links = lineage(&self.names(), |name| Ok::<_, Damage>(self.file(name).and_then(|file| file.before)));
        links.unwrap_or_default().iter().map(|link| link.segment).collect()
    }

    pub(super) fn file(&self, name: Segment) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    pub(super) fn file_mut(&mut self, name: Segment) -> Option<&mut File> {
        self.files.iter_mut().find(|file| file.name == name)
    }

    /// Makes a file, durably, in place of one of the same name.
    pub(super) fn create(&mut self, file: File) {
        self.files.retain(|other| other.name != file.name);
        let place = self.files.partition_point(|other| other.name < file.name);
        self.files.insert(place, file);
    }

    /// Reads the journal as a start does.
    pub(super) fn read(&self, view: View) -> Result<Reading, Damage> {
        let links = lineage(&self.names(), |name| Ok::<_, Damage>(self.file(name).and_then(|file| file.before)))?;
        let links: Vec<_> = links.iter().skip(read_from(&links, 0)).copied().collect();
        let bases: BTreeSet<u8> = links.iter().map(|link| link.segment.base as u8).collect();
        let mut reading = Reading::default();
        for link in links {
            let Some(file) = self.file(link.segment) else { return Err("a segment is gone") };
            let base = file.name.base as u8;
            if reading.last == 0 {
                (reading.oldest, reading.last, reading.contents) = (base, base, file.contents);
            } else if base != reading.last {
                return Err("the epochs before it are missing");
            }
            let there = if view == View::Written { file.written } else { file.durable };
            let length = link.seal.map_or(there, |seal| seal.length as u8);
            if there < length {
                return Err("a segment is cut off");
            }
            reading.take(file, length, link.seal.is_some(), &bases)?;
        }
        Ok(reading)
    }

    pub(super) fn encode(&self, names: &mut Names, bytes: &mut Vec<u8>) {
        names.runs(self.runs, bytes);
        let lineage = self.lineage();
        let speaks = |name: &Segment| self.file(*name).is_some_and(|file| file.last_marks().is_some());
        let speaker = lineage.iter().rposition(speaks);
        for file in &self.files {
            // What does not count will not be read.
            let Some(place) = lineage.iter().position(|name| *name == file.name) else {
                bytes.extend_from_slice(&[0xf2, names.generation(file.name.generation as u8)]);
                bytes.extend_from_slice(&[file.name.base as u8, file.written, file.durable]);
                continue;
            };
            let live = match speaker {
                Some(speaker) if place < speaker => usize::MAX,
                _ => file.last_marks().unwrap_or(0),
            };
            file.encode(live, names, bytes);
        }
    }
}

impl Reading {
    fn take(&mut self, file: &File, length: u8, sealed: bool, bases: &BTreeSet<u8>) -> Result<(), Damage> {
        let mut end = length;
        for (at, entry) in file.entries[..usize::from(length)].iter().flatten().enumerate() {
            match entry {
                Entry::Epoch(content) => {
                    self.last += 1;
                    self.contents[usize::from(self.last)] = *content;
                }
                Entry::Marks(marks) => self.noted = Some(*marks),
                Entry::Checkpoint(epoch, runs) if bases.contains(epoch) => self.checkpoints.push((*epoch, *runs)),
                Entry::Checkpoint(..) => {}
                Entry::Torn if !sealed && at + 1 == usize::from(length) => end = at as u8,
                Entry::Torn => return Err("a torn entry stands before others"),
                Entry::Astray => return Err("an entry does not follow what stands before it"),
            }
        }
        self.end = Some(Seal { segment: file.name, length: end.into(), hash: 0 });
        self.torn_end = length.into();
        Ok(())
    }
}
