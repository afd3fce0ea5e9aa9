//! What a sink of the embedded log remembers in the pipeline's state folder: `sinks/<name>.epoch`, which says what its rows mean.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use engine::connector::{ConnectContext, ConnectorError};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    topic: String,
    state_id: String,
    fingerprint: String,
}

impl Memory {
    fn of(context: &ConnectContext, topic: &str) -> Self {
        Self { topic: topic.to_owned(), state_id: context.state_id.clone(), fingerprint: context.fingerprint.clone() }
    }
}

/// Makes sure that what the sink has written belongs to this run. `false` if it has no marker.
///
/// # Errors
/// The marker speaks of another topic, another state or another meaning of the rows, or cannot be read.
pub(super) fn check_marker(context: &ConnectContext, topic: &str) -> Result<bool, ConnectorError> {
    let path = path_of(context);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failure("read", &path, &error)),
    };
    let memory: Memory =
        serde_json::from_slice(&text).map_err(|error| other(&path, &format!("it cannot be understood ({error})")))?;
    let wanted = Memory::of(context, topic);
    if memory.topic != wanted.topic {
        Err(other(&path, &format!("it was made for topic `{}`, not `{topic}`", memory.topic)))
    } else if memory.state_id != wanted.state_id {
        Err(other(&path, "it comes from another state directory"))
    } else if memory.fingerprint != wanted.fingerprint {
        Err(other(&path, "the rows of this sink meant something else when it was made"))
    } else {
        Ok(true)
    }
}

/// As [`check_marker`], and makes the marker if there is none.
///
/// # Errors
/// As [`check_marker`], or the file system fails.
pub(super) fn claim_marker(context: &ConnectContext, topic: &str) -> Result<(), ConnectorError> {
    if check_marker(context, topic)? {
        return Ok(());
    }
    let path = path_of(context);
    let text = serde_json::to_vec(&Memory::of(context, topic)).map_err(io::Error::from);
    text.and_then(|text| replace(&path, &text)).map_err(|error| failure("save", &path, &error))
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
