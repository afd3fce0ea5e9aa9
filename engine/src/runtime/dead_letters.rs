//! The file of dead letters: one JSON object a line, as long as the journal says.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::error_row::ErrorRow;
use crate::plan::OnError;

use super::RunError;
use super::journal::DeadLetterMark;

/// Of a record's bytes at most this many are kept.
const BYTES_MAX: usize = 1 << 20;

/// Appends dead letters; what the journal does not know of is cut off when the file is opened.
pub(super) struct DeadLetters {
    path: PathBuf,
    file: File,
    mark: DeadLetterMark,
}

impl DeadLetters {
    /// Opens the file. If the one who has written it may still be writing, it is replaced by a copy.
    pub(super) fn open(folder: &Path, mark: DeadLetterMark, writer_may_live: bool) -> Result<Self, RunError> {
        let path = folder.join("dead-letters.jsonl");
        let unusable = |length: u64| RunError::State {
            folder: folder.to_owned(),
            what: format!("dead-letters.jsonl has {length} bytes, the journal knows of {}", mark.bytes),
            hint: "put the file back; to take letters away, copy it and leave it where it is".into(),
        };
        let length = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if length < mark.bytes {
            return Err(unusable(length));
        }
        let open = || {
            if writer_may_live && path.exists() {
                let copy = path.with_extension("new");
                std::fs::copy(&path, &copy)?;
                std::fs::rename(&copy, &path)?;
            }
            let mut file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
            file.set_len(mark.bytes)?;
            file.seek(SeekFrom::Start(mark.bytes))?;
            Ok(file)
        };
        let file = open().map_err(RunError::file(&path))?;
        Ok(Self { path, file, mark })
    }

    /// Writes an epoch's letters, durably. Letters that are taken back get a line of their own that says so.
    pub(super) fn write(&mut self, epoch: u64, errors: &[(ErrorRow, i64)]) -> Result<(), RunError> {
        let mut lines = Vec::new();
        for (error, diff) in errors.iter().filter(|(error, _)| error.policy == OnError::DeadLetter) {
            for _ in 0..diff.unsigned_abs() {
                serde_json::to_writer(&mut lines, &letter(epoch, error, *diff < 0)).expect("letters are plain JSON");
                lines.push(b'\n');
            }
            self.mark.count = self.mark.count.saturating_add_signed(*diff);
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.file.write_all(&lines).and_then(|()| self.file.sync_data()).map_err(RunError::file(&self.path))?;
        self.mark.bytes += lines.len() as u64;
        Ok(())
    }

    pub(super) fn mark(&self) -> DeadLetterMark {
        self.mark
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn letter(epoch: u64, error: &ErrorRow, retracted: bool) -> Value {
    let mut letter = Map::new();
    letter.insert("epoch".into(), epoch.into());
    if let Some(origin) = &error.origin {
        letter.insert("source".into(), json!(&*origin.source));
        letter.insert("partition".into(), json!(&*origin.partition));
        letter.insert("offset".into(), origin.offset.into());
    }
    letter.insert("operator".into(), json!(&*error.operator));
    letter.insert("code".into(), error.code.into());
    letter.insert("message".into(), error.message.clone().into());
    let bytes = &error.bytes[..error.bytes.len().min(BYTES_MAX)];
    match std::str::from_utf8(bytes) {
        Ok(text) => letter.insert("text".into(), text.into()),
        Err(_) => letter.insert("base64".into(), BASE64_STANDARD.encode(bytes).into()),
    };
    if bytes.len() < error.bytes.len() {
        letter.insert("bytes".into(), error.bytes.len().into());
    }
    if retracted {
        letter.insert("retracted".into(), true.into());
    }
    Value::Object(letter)
}
