//! Failures of the file system, as connector errors.

use std::io::{Error, ErrorKind};
use std::path::Path;

use engine::connector::ConnectorError;

/// An operation on a file that failed; `verb` says what could not be done to it, as `read`.
pub(super) fn file_error(verb: &str, path: &Path, error: &Error) -> ConnectorError {
    let what = format!("cannot {verb} {}: {error}", path.display());
    match error.kind() {
        ErrorKind::NotFound => ConnectorError::refused(what, "check that the path exists"),
        ErrorKind::PermissionDenied => {
            ConnectorError::refused(what, "check the permissions of the file and its folder")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            ConnectorError::unavailable(what, "make room, then start again")
        }
        _ => ConnectorError::unavailable(what, "check the path and the disk, then start again"),
    }
}
