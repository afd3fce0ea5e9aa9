//! Failures of the file system and damaged logs, in the engine's terms.

use std::io;
use std::path::Path;

use engine::connector::ConnectorError;

/// A failure of the file system while doing `action` (as `read`) to `path`.
pub(super) fn io_failure(action: &str, path: &Path, error: &io::Error) -> ConnectorError {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "give this user access to the state directory, or choose another with `--state`"
        }
        io::ErrorKind::StorageFull => "make room on the disk and start again; nothing that was confirmed is lost",
        io::ErrorKind::NotFound => "the file was removed while in use; restore it, or start from a new state directory",
        _ => "check the disk and the state directory, then start again",
    };
    ConnectorError::refused(format!("cannot {action} {}: {error}", path.display()), hint)
}

/// A log with damage that is not a torn tail.
pub(super) fn damaged(path: &Path, position: u64, what: &str) -> ConnectorError {
    ConnectorError::diverged(
        format!("topic log {} is damaged at byte {position}: {what}", path.display()),
        "restore the file from a copy, or delete the topic's folder and produce its records again",
    )
}
