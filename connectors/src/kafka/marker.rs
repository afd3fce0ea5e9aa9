//! What a sink remembers in the pipeline's state folder: `sinks/<name>.epoch`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use engine::connector::{ConnectContext, ConnectorError};
use serde::{Deserialize, Serialize};

/// The durable memory of one topic sink.
#[derive(Debug)]
pub(super) struct Marker {
    path: PathBuf,
    memory: Memory,
}

#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    topic: String,
    state_id: String,
    fingerprint: String,
    epoch: u64,
    /// By partition: records of later epochs lie at these offsets or after them.
    positions: BTreeMap<u32, u64>,
}

impl Marker {
    /// Reads the sink's marker; `None` if it has never been saved.
    ///
    /// # Errors
    /// The marker speaks of another topic, another state or another meaning of the rows, or cannot be read.
    pub(super) fn load(context: &ConnectContext, topic: &str) -> Result<Option<Self>, ConnectorError> {
        let path = path_of(context);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failure("read", &path, &error)),
        };
        let memory: Memory = serde_json::from_slice(&text)
            .map_err(|error| other(&path, &format!("it cannot be understood ({error})")))?;
        if memory.topic != topic {
            return Err(other(&path, &format!("it was made for topic `{}`, not `{topic}`", memory.topic)));
        }
        if memory.state_id != context.state_id {
            return Err(other(&path, "it comes from another state directory"));
        }
        if memory.fingerprint != context.fingerprint {
            return Err(other(&path, "the rows of this sink meant something else when it was made"));
        }
        Ok(Some(Self { path, memory }))
    }

    /// A marker of a sink that has written nothing, saved at once.
    ///
    /// # Errors
    /// The file system fails.
    pub(super) fn begin(
        context: &ConnectContext,
        topic: &str,
        positions: BTreeMap<u32, u64>,
    ) -> Result<Self, ConnectorError> {
        let memory = Memory {
            topic: topic.to_owned(),
            state_id: context.state_id.clone(),
            fingerprint: context.fingerprint.clone(),
            epoch: 0,
            positions,
        };
        let marker = Self { path: path_of(context), memory };
        marker.save()?;
        Ok(marker)
    }

    /// The last epoch that is known to be complete.
    pub(super) fn epoch(&self) -> u64 {
        self.memory.epoch
    }

    /// Where to look for records of later epochs; partitions that are not in it are new.
    pub(super) fn positions(&self) -> &BTreeMap<u32, u64> {
        &self.memory.positions
    }

    /// Remembers durably that an epoch is complete.
    ///
    /// # Errors
    /// The file system fails.
    pub(super) fn advance(&mut self, epoch: u64, positions: BTreeMap<u32, u64>) -> Result<(), ConnectorError> {
        self.memory.epoch = epoch;
        self.memory.positions.extend(positions);
        self.save()
    }

    fn save(&self) -> Result<(), ConnectorError> {
        let text = serde_json::to_vec(&self.memory).map_err(io::Error::from);
        text.and_then(|text| replace(&self.path, &text)).map_err(|error| failure("save", &self.path, &error))
    }
}

fn path_of(context: &ConnectContext) -> PathBuf {
    context.state_folder.join("sinks").join(format!("{}.epoch", context.name))
}

/// Writes a file so that it is there as a whole, or as it was.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = path.with_extension("epoch.new");
    let mut file = File::create(&draft)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

fn failure(action: &str, path: &Path, error: &io::Error) -> ConnectorError {
    ConnectorError::refused(
        format!("cannot {action} {}: {error}", path.display()),
        "check the state directory and its disk",
    )
}

fn other(path: &Path, why: &str) -> ConnectorError {
    ConnectorError::diverged(
        format!("marker {} does not belong to this run: {why}", path.display()),
        "write to another topic from a new state directory, or put the pipeline back as it was",
    )
}
