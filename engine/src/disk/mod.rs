//! The operations on files that durability rests on, in one place.
//!
//! What is written is durable only after [`OpenFile::sync`], a name only after [`sync_folder`] of its folder. A simulation puts a disk of its own in the
//! place of the real one, which loses everything else when the power goes.

mod real;

use std::ffi::OsString;
use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::path::Path;

pub(crate) use real::RealDisk;

/// A file that is open.
pub(crate) type File = Box<dyn OpenFile>;

/// An open file.
pub(crate) trait OpenFile: Read + Write + Send + Debug {
    /// Makes its content durable.
    fn sync(&self) -> io::Result<()>;
    /// How many bytes it has.
    fn length(&self) -> io::Result<u64>;
}

/// Where files are. Paths are whole.
pub(crate) trait Disk {
    /// Opens a file to read it.
    fn open(&self, path: &Path) -> io::Result<File>;
    /// Makes a file, or empties it, to write it; only its owner can read it.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Makes an empty file; fails if the name is taken.
    fn create_new(&self, path: &Path) -> io::Result<()>;
    /// Opens a file to write behind its end.
    fn append(&self, path: &Path) -> io::Result<File>;
    /// Gives a file another name, in the place of what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name; fails if that is taken.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Whether there is a file or folder of that name.
    fn exists(&self, path: &Path) -> bool;
    /// The names in a folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>>;
    /// Makes a folder, and those above it, that only its owner can read.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// Does something on the disk.
#[cfg(not(test))]
fn on_disk<T>(act: impl FnOnce(&dyn Disk) -> T) -> T {
    act(&RealDisk)
}

/// Does something on the disk: on a simulated one where a simulation runs.
#[cfg(test)]
fn on_disk<T>(act: impl FnOnce(&dyn Disk) -> T) -> T {
    match crate::simulation::disk() {
        Some(disk) => act(&disk),
        None => act(&RealDisk),
    }
}

/// Opens a file to read it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    on_disk(|disk| disk.open(path))
}

/// Makes a file, or empties it, to write it; only its owner can read it.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    on_disk(|disk| disk.create(path))
}

/// Makes an empty file, that only its owner can read; fails if the name is taken.
pub(crate) fn create_new(path: &Path) -> io::Result<()> {
    on_disk(|disk| disk.create_new(path))
}

/// Opens a file to write behind its end.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    on_disk(|disk| disk.append(path))
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    on_disk(|disk| disk.remove(path))
}

/// Whether there is a file or folder of that name.
pub(crate) fn exists(path: &Path) -> bool {
    on_disk(|disk| disk.exists(path))
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    on_disk(|disk| disk.names(folder))
}

/// The content of a file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    on_disk(|disk| disk.sync_folder(folder))
}

/// Makes a folder that only its owner can read; after power loss it is still there.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let is_missing = |above: &&Path| !above.as_os_str().is_empty() && !exists(above);
    let highest = folder.ancestors().take_while(is_missing).last().unwrap_or(folder);
    on_disk(|disk| disk.make_folder(folder))?;
    let made = folder.ancestors().take_while(|above| above.starts_with(highest));
    let above = made.filter_map(Path::parent).filter(|parent| !parent.as_os_str().is_empty());
    above.collect::<Vec<_>>().into_iter().rev().try_for_each(sync_folder)
}

/// Makes a file with this content, which after a crash is there whole or not at all; fails if the name is taken. `draft` is a name that nobody else uses.
pub(crate) fn make_whole(path: &Path, draft: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = create(draft)?;
    file.write_all(content)?;
    file.sync()?;
    on_disk(|disk| disk.link(draft, path))?;
    remove(draft)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Replaces a file's content so that a crash leaves either the old or the new. Nothing is durable yet.
pub(crate) fn swap(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    create(&temporary)?.write_all(content)?;
    on_disk(|disk| disk.rename(&temporary, path))
}

/// Replaces a file's content so that a crash leaves either the old or the new, and after it the new.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = create(&temporary)?;
    file.write_all(content)?;
    file.sync()?;
    on_disk(|disk| disk.rename(&temporary, path))?;
    path.parent().map_or(Ok(()), sync_folder)
}
