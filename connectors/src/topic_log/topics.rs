//! The folder of all topics.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use engine::connector::ConnectorError;

use super::failure::io_failure;
use super::name::{NAME_HINT, embedded_name_problem};
use super::partition_file::PartitionFile;
use super::partition_reader::PartitionReader;

/// How many partitions a topic gets that is created without a number.
pub const DEFAULT_PARTITIONS: u32 = 3;

/// The topics below one state root.
#[derive(Clone, Debug)]
pub struct Topics {
    root: PathBuf,
}

/// A topic and how far each of its partitions reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSummary {
    /// Its name.
    pub name: String,
    /// First offset and the offset after the last record, by partition.
    pub partitions: Vec<(u64, u64)>,
}

impl Topics {
    /// The topics of a state root: its folder `topics`, which need not exist yet.
    #[must_use]
    pub fn below(state_root: &Path) -> Self {
        Self { root: state_root.join("topics") }
    }

    /// Whether a topic exists.
    ///
    /// # Errors
    /// The name is no topic's name.
    pub fn exists(&self, topic: &str) -> Result<bool, ConnectorError> {
        Ok(self.folder(topic)?.is_dir())
    }

    /// Makes a topic, in one step: it is there with all its partitions or not at all. A topic that exists is left as it is.
    ///
    /// # Errors
    /// The name is no topic's name, or the file system fails.
    pub fn create(&self, topic: &str, partitions: u32) -> Result<(), ConnectorError> {
        let folder = self.folder(topic)?;
        if folder.is_dir() {
            return Ok(());
        }
        let draft = self.root.join(format!(".{topic}.{}", std::process::id()));
        let made = (|| {
            fs::create_dir_all(&self.root)?;
            if draft.is_dir() {
                fs::remove_dir_all(&draft)?;
            }
            fs::create_dir(&draft)?;
            (0..partitions.max(1)).try_for_each(|number| PartitionFile::create(&draft.join(file_name(number))))?;
            sync_folder(&draft)?;
            match fs::rename(&draft, &folder) {
                Err(_) if folder.is_dir() => fs::remove_dir_all(&draft),
                result => result,
            }?;
            sync_folder(&self.root)
        })();
        made.map_err(|error| io_failure("create topic at", &folder, &error))
    }

    /// Adds partitions until there are `partitions` of them; more are left as they are. Keys move: what follows goes by the new number.
    ///
    /// # Errors
    /// The topic does not exist, or the file system fails.
    pub fn add_partitions(&self, topic: &str, partitions: u32) -> Result<(), ConnectorError> {
        let present = self.partition_paths(topic)?.len() as u32;
        let folder = self.folder(topic)?;
        (present..partitions)
            .try_for_each(|number| {
                let draft = folder.join(format!(".{}", file_name(number)));
                PartitionFile::create(&draft)?;
                fs::rename(&draft, folder.join(file_name(number)))
            })
            .and_then(|()| sync_folder(&folder))
            .map_err(|error| io_failure("add partitions to", &folder, &error))
    }

    /// The files of a topic's partitions, by number.
    ///
    /// # Errors
    /// The topic does not exist.
    pub fn partition_paths(&self, topic: &str) -> Result<Vec<PathBuf>, ConnectorError> {
        let folder = self.folder(topic)?;
        let paths: Vec<_> =
            (0..).map(|number| folder.join(file_name(number))).take_while(|path| path.is_file()).collect();
        if paths.is_empty() {
            return Err(ConnectorError::refused(
                format!("topic `{topic}` does not exist in the embedded log {}", self.root.display()),
                format!("create it: `flowctl topic produce {topic}`, or run a pipeline with a sink that writes to it"),
            ));
        }
        Ok(paths)
    }

    /// All topics by name, with how far they reach.
    ///
    /// # Errors
    /// The file system fails, or a topic is damaged.
    pub fn list(&self) -> Result<Vec<TopicSummary>, ConnectorError> {
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_failure("read", &self.root, &error)),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| embedded_name_problem(name).is_none())
            .collect();
        names.sort_unstable();
        names.into_iter().map(|name| self.summary(name)).collect()
    }

    fn summary(&self, name: String) -> Result<TopicSummary, ConnectorError> {
        let paths = self.partition_paths(&name)?;
        let ends = paths.iter().map(|path| end_offset(path)).collect::<Result<Vec<_>, _>>()?;
        let partitions = ends.into_iter().map(|end| (0, end)).collect();
        Ok(TopicSummary { name, partitions })
    }

    /// The folder of a topic.
    pub(super) fn folder(&self, topic: &str) -> Result<PathBuf, ConnectorError> {
        match embedded_name_problem(topic) {
            Some(problem) => Err(ConnectorError::unusable(problem, NAME_HINT)),
            None => Ok(self.root.join(topic)),
        }
    }
}

/// The offset after the last record that readers of a partition's file can see now.
pub(crate) fn end_offset(path: &Path) -> Result<u64, ConnectorError> {
    let mut reader = PartitionReader::open(path)?;
    reader.skip_to(u64::MAX)?;
    Ok(reader.next_offset())
}

fn file_name(number: u32) -> String {
    format!("{number}.log")
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
