//! Telling a torn tail from damage: does a good frame follow the bad bytes?

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::frame::{FRAME_HEADER, FRAME_MAGIC, FrameHeader};

/// How much is looked at in one go.
const WINDOW: usize = 4 << 20;

/// Whether any good frame begins after byte `position`. A torn tail has none: what was cut short was written last.
pub(super) fn good_frame_follows(file: &File, salt: u64, position: u64) -> io::Result<bool> {
    let mut at = position + 1;
    loop {
        let window = read_at_most(file, at, WINDOW)?;
        for found in positions(&window) {
            if is_frame(file, salt, at + found as u64)? {
                return Ok(true);
            }
        }
        if window.len() < WINDOW {
            return Ok(false);
        }
        at += (WINDOW - FRAME_MAGIC.len()) as u64;
    }
}

/// Where the word that begins a frame stands.
fn positions(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.windows(FRAME_MAGIC.len()).enumerate().filter(|(_, word)| *word == FRAME_MAGIC).map(|(at, _)| at)
}

/// Whether a good frame begins at byte `position`.
pub(super) fn is_frame(file: &File, salt: u64, position: u64) -> io::Result<bool> {
    let Some(header) = FrameHeader::decode(&read_at_most(file, position, FRAME_HEADER)?) else { return Ok(false) };
    if file.metadata()?.len() < position + (FRAME_HEADER + header.length) as u64 {
        return Ok(false);
    }
    let body = read_at_most(file, position + FRAME_HEADER as u64, header.length)?;
    Ok(header.fits(salt, &body))
}

/// Up to `count` bytes from `position` on; fewer only at the end of the file.
pub(super) fn read_at_most(file: &File, position: u64, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match file.read_at(&mut bytes[filled..], position + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
