//! The bytes of a pipeline's file, of which it is not known that it is one: bounded in size and in time.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

/// One byte more than the largest pipeline: enough to see that a file is too large.
const BYTES_MAX: u64 = (1 << 20) + 1;
/// How long a pipe may have nobody who writes.
const WRITER_WAIT: Duration = Duration::from_secs(2);
/// How often a pipe is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// Reads a regular file or a pipe, at most 1 MiB and a byte of it.
///
/// # Errors
/// If it cannot be read, is something else, as a device, or is a pipe into which nobody writes.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let kind = std::fs::metadata(path)?.file_type();
    refuse(kind)?;
    // A pipe without a writer would hold up a plain `open` for ever.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    refuse(kind)?;
    if kind.is_fifo() { read_pipe(file) } else { read_regular(file) }
}

fn refuse(kind: FileType) -> io::Result<()> {
    let wrong = |text: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    match kind {
        kind if kind.is_file() || kind.is_fifo() => Ok(()),
        kind if kind.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        kind if kind.is_char_device() || kind.is_block_device() => wrong("it is a device"),
        _ => wrong("it is neither a file nor a pipe"),
    }
}

fn read_regular(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a pipe until its writers have closed it. Before the first byte, none may have come yet.
fn read_pipe(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut pipe = file.take(BYTES_MAX);
    let deadline = Instant::now() + WRITER_WAIT;
    let mut written = false;
    loop {
        match pipe.read_to_end(&mut bytes) {
            Ok(_) if written || !bytes.is_empty() => return Ok(bytes),
            Ok(_) if Instant::now() >= deadline => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe into which nobody writes"));
            }
            Ok(_) => {}
            // Somebody has it open and has not written yet: for him we wait as a shell does.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => written = true,
            Err(error) => return Err(error),
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    fn why(path: &Path) -> String {
        read_file(path).expect_err("it is refused").to_string()
    }

    #[test]
    fn devices_and_folders_are_refused() {
        for device in ["/dev/zero", "/dev/null"] {
            assert_eq!(why(Path::new(device)), "it is a device", "{device}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(read_file(folder.path()).expect_err("a folder").kind(), io::ErrorKind::IsADirectory);
        assert_eq!(read_file(&folder.path().join("none")).expect_err("none").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn large_files_are_read_only_so_far_as_to_know_it() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&vec![b'a'; 3 << 20]).expect("space");
        assert_eq!(read_file(file.path()).expect("it can be read").len(), (1 << 20) + 1);
    }

    #[test]
    fn pipes_are_read_to_their_end_and_not_waited_for_without_a_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("a pipe");
        assert_eq!(why(&path), "it is a pipe into which nobody writes");
        let writer = std::thread::spawn({
            let path = path.clone();
            move || std::fs::write(path, "name: a\n")
        });
        assert_eq!(read_file(&path).expect("it is read"), b"name: a\n");
        writer.join().expect("no panic").expect("it was written");
    }

    #[test]
    fn pipes_of_a_shell_are_read() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        writer.write_all(b"name: a\n").expect("room");
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        let late = std::thread::spawn(move || writer.write_all(&vec![b'#'; 100_000]));
        assert_eq!(read_file(Path::new(&path)).expect("it is read").len(), 100_008);
        late.join().expect("no panic").expect("it was written");
    }
}
