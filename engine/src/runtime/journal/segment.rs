//! Segments: the journal's files, and the chain that they form.
//!
//! A segment is named after the start that began it (its generation), which alone writes it, and its base, the last epoch before it. It begins with a
//! [`Base`] that names the segment before, how long it was and how its hashes ended. So what was torn or written behind that, by an instance that
//! another has taken over from, does not count; nor does a segment that no later one names.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk::{self, File};
use crate::runtime::RunError;
use crate::runtime::protocol::lineage;

use super::entry::{Base, Entry};
use super::frame::FrameReader;

/// A segment's name. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::runtime) struct Segment {
    /// The start that began it.
    pub(in crate::runtime) generation: u64,
    /// The last epoch before it.
    pub(in crate::runtime) base: u64,
}

/// Where a segment ended when the next one was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::runtime) struct Seal {
    /// The segment.
    pub(in crate::runtime) segment: Segment,
    /// Its length in bytes.
    pub(in crate::runtime) length: u64,
    /// The hash of its last frame, which hashes the one before it, and so on.
    pub(in crate::runtime) hash: u64,
}

/// A segment of the chain; sealed if another follows.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime) struct Link {
    /// Which.
    pub(in crate::runtime) segment: Segment,
    /// Where it ended.
    pub(in crate::runtime) seal: Option<Seal>,
}

impl Segment {
    /// Its file.
    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{:06}-{:012}.journal", self.generation, self.base))
    }

    fn of_file(name: &OsString) -> Option<Self> {
        let (generation, base) = name.to_str()?.strip_suffix(".journal")?.split_once('-')?;
        Some(Self { generation: generation.parse().ok()?, base: base.parse().ok()? })
    }
}

/// The segments that count of those that are `there`, oldest first. Empty if there is none.
pub(super) fn chain(folder: &Path, there: &[Segment]) -> Result<VecDeque<Link>, RunError> {
    lineage(there, |segment| Ok(base(folder, segment)?.and_then(|base| base.before)))
}

/// Everything in the folder that has a segment's name.
pub(super) fn segments(folder: &Path) -> Result<Vec<Segment>, RunError> {
    let names = disk::names(folder).map_err(RunError::file(folder))?;
    Ok(names.iter().filter_map(Segment::of_file).collect())
}

/// How everything stood when a segment was begun; none in the first of all.
fn base(folder: &Path, segment: Segment) -> Result<Option<Base>, RunError> {
    let path = segment.path(folder);
    let mut frames = FrameReader::open(&path, None)?;
    match frames.next()? {
        Some(Entry::Base(base)) => Ok(Some(base)),
        // The first of all begins with anything, or with nothing yet.
        _ if segment.base == 0 => Ok(None),
        _ => Err(frames.corrupt("it does not say how everything stood when it was begun")),
    }
}

/// Opens a segment's file to read it; gives its length too.
pub(super) fn open(path: &Path) -> Result<(BufReader<File>, u64), RunError> {
    let file = disk::open(path).map_err(RunError::file(path))?;
    let length = file.length().map_err(RunError::file(path))?;
    Ok((BufReader::with_capacity(1 << 20, file), length))
}
