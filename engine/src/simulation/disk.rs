//! A disk that keeps for sure only what was synced.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{Disk, File, OpenFile};

use super::dice::Dice;
use super::reach::{Place, reach};

/// A handle on the disk of a world.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedDisk(Arc<Mutex<Content>>);

/// Everything that is on it.
#[derive(Clone, Debug, Default)]
struct Content {
    files: Vec<Stored>,
    /// As running processes see it.
    names: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    /// As it is for sure after a loss of power.
    durable_names: BTreeMap<PathBuf, usize>,
    durable_folders: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug, Default)]
struct Stored {
    bytes: Vec<u8>,
    /// What of it is there for sure.
    durable: Vec<u8>,
}

#[derive(Debug)]
struct Handle {
    disk: SimulatedDisk,
    file: usize,
    at: usize,
}

/// An empty one with the folder `/root`.
impl Default for SimulatedDisk {
    fn default() -> Self {
        let folders: BTreeSet<PathBuf> = ["/", "/root"].map(PathBuf::from).into();
        Self(Arc::new(Mutex::new(Content { folders: folders.clone(), durable_folders: folders, ..Content::default() })))
    }
}

impl SimulatedDisk {
    fn content<T>(&self, act: impl FnOnce(&mut Content) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn handle(&self, file: usize) -> File {
        Box::new(Handle { disk: self.clone(), file, at: 0 })
    }

    /// The disk as it is for sure, whatever happens.
    pub(super) fn for_sure(&self) -> Self {
        let mut content = self.content(|content| content.clone());
        content.lose(&mut |_| 0);
        Self(Arc::new(Mutex::new(content)))
    }

    /// The power goes: of what was not synced the dice leave a part.
    pub(super) fn lose_power(&self, dice: &mut Dice) {
        self.content(|content| content.lose(&mut |end| dice.below(end)));
    }
}

impl Content {
    /// `choose` gives a number below its argument; zero leaves least.
    fn lose(&mut self, choose: &mut dyn FnMut(u64) -> u64) {
        for file in &mut self.files {
            if file.bytes.starts_with(&file.durable) {
                let fresh = (file.bytes.len() - file.durable.len()) as u64;
                let kept = file.durable.len() + choose(fresh + 1) as usize;
                // A file may have grown before its blocks were written.
                let zeros = choose(3) == 2;
                let mut left = file.bytes[..kept].to_vec();
                if zeros {
                    left.resize(file.bytes.len(), 0);
                }
                file.bytes = left;
            } else if choose(2) == 0 {
                file.bytes = file.durable.clone();
            }
            file.durable = file.bytes.clone();
        }
        let paths: BTreeSet<PathBuf> = self.names.keys().chain(self.durable_names.keys()).cloned().collect();
        for path in paths {
            // A name that was given, taken or changed: the old or the new.
            if self.names.get(&path) != self.durable_names.get(&path) && choose(2) == 1 {
                match self.names.get(&path) {
                    Some(file) => drop(self.durable_names.insert(path, *file)),
                    None => drop(self.durable_names.remove(&path)),
                }
            }
        }
        let folders: Vec<PathBuf> = self.folders.difference(&self.durable_folders).cloned().collect();
        for folder in folders {
            let is_inside = folder.parent().is_none_or(|parent| self.durable_folders.contains(parent));
            if is_inside && choose(2) == 1 {
                self.durable_folders.insert(folder);
            }
        }
        self.folders = self.durable_folders.clone();
        let folders = &self.folders;
        self.durable_names.retain(|path, _| path.parent().is_some_and(|parent| folders.contains(parent)));
        self.names = self.durable_names.clone();
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn require_folder(&self, folder: Option<&Path>) -> io::Result<()> {
        let is_there = folder.is_some_and(|folder| self.folders.contains(folder));
        if is_there { Ok(()) } else { Err(ErrorKind::NotFound.into()) }
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path) -> io::Result<File> {
        reach(Place::DiskRead)?;
        self.content(|content| content.find(path)).map(|file| self.handle(file))
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        reach(Place::DiskWrite)?;
        let file = self.content(|content| {
            content.require_folder(path.parent())?;
            if let Ok(file) = content.find(path) {
                content.files[file].bytes.clear();
                return Ok::<_, io::Error>(file);
            }
            content.files.push(Stored::default());
            let file = content.files.len() - 1;
            content.names.insert(path.to_owned(), file);
            Ok(file)
        })?;
        Ok(self.handle(file))
    }

    fn create_new(&self, path: &Path) -> io::Result<()> {
        reach(Place::DiskWrite)?;
        self.content(|content| {
            content.require_folder(path.parent())?;
            if content.find(path).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            content.files.push(Stored::default());
            content.names.insert(path.to_owned(), content.files.len() - 1);
            Ok(())
        })
    }

    fn append(&self, path: &Path) -> io::Result<File> {
        reach(Place::DiskRead)?;
        self.content(|content| content.find(path)).map(|file| self.handle(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        reach(Place::DiskWrite)?;
        self.content(|content| {
            let file = content.names.remove(from).ok_or(ErrorKind::NotFound)?;
            content.names.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        reach(Place::DiskWrite)?;
        self.content(|content| {
            let file = content.find(from)?;
            if content.names.contains_key(to) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            content.names.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        reach(Place::DiskWrite)?;
        self.content(|content| content.names.remove(path).map(drop).ok_or_else(|| ErrorKind::NotFound.into()))
    }

    fn exists(&self, path: &Path) -> bool {
        self.content(|content| content.names.contains_key(path) || content.folders.contains(path))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        reach(Place::DiskRead)?;
        self.content(|content| {
            content.require_folder(Some(folder))?;
            let below = |path: &&PathBuf| path.parent() == Some(folder);
            let paths = content.names.keys().chain(&content.folders).filter(below);
            Ok(paths.filter_map(|path| path.file_name()).map(ToOwned::to_owned).collect())
        })
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        reach(Place::DiskWrite)?;
        self.content(|content| content.folders.extend(folder.ancestors().map(Path::to_owned)));
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        reach(Place::DiskWrite)?;
        self.content(|content| {
            content.require_folder(Some(folder))?;
            let is_below = |path: &PathBuf| path.parent() == Some(folder);
            content.durable_names.retain(|path, _| !is_below(path));
            let below = content.names.iter().filter(|(path, _)| is_below(path));
            content.durable_names.extend(below.map(|(path, file)| (path.clone(), *file)));
            let folders: Vec<_> = content.folders.iter().filter(|path| is_below(path)).cloned().collect();
            content.durable_folders.extend(folders);
            Ok(())
        })
    }
}

impl Read for Handle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.disk.content(|content| {
            let bytes = content.files[self.file].bytes.get(self.at..).unwrap_or_default();
            let count = bytes.len().min(into.len());
            into[..count].copy_from_slice(&bytes[..count]);
            self.at += count;
            Ok(count)
        })
    }
}

impl Write for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        reach(Place::DiskWrite)?;
        self.disk.content(|content| content.files[self.file].bytes.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OpenFile for Handle {
    fn sync(&self) -> io::Result<()> {
        reach(Place::DiskWrite)?;
        self.disk.content(|content| {
            let file = &mut content.files[self.file];
            file.durable = file.bytes.clone();
        });
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.content(|content| content.files[self.file].bytes.len() as u64))
    }
}
