//! What a workload's process prints: appended to one file, which is kept from growing without end.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// A longer file is set aside, in place of the one that was set aside before. It is in memory on most hosts.
pub(super) const LOG_BYTES_MAX: u64 = 4 << 20;

/// Opens a log to be written at its end, after what earlier runs have printed.
pub(super) fn open(path: &Path) -> io::Result<File> {
    bound(path)?;
    OpenOptions::new().create(true).append(true).open(path)
}

/// Sets a log aside that has become too long. Who writes to it goes on at the beginning of the same file.
pub(super) fn bound(path: &Path) -> io::Result<()> {
    let length = match std::fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    if length <= LOG_BYTES_MAX {
        return Ok(());
    }
    let log = OpenOptions::new().read(true).write(true).open(path)?;
    // What is written between the copy and the cut is lost, as with `logrotate`'s copytruncate.
    let copied = set_aside(&log, length, &earlier(path));
    log.set_len(0)?;
    copied
}

/// Where what was printed before is.
fn earlier(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

/// Copies the end of a log that was `length` bytes long.
fn set_aside(mut log: &File, length: u64, to: &Path) -> io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    log.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
    let mut to = File::create(to)?;
    io::copy(&mut log.take(LOG_BYTES_MAX), &mut to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_long_log_is_set_aside_and_written_on() {
        let folder = std::env::temp_dir().join(format!("netloom-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("web");
        open(&path).unwrap().write_all(b"first run\n").unwrap();
        let mut log = open(&path).unwrap();
        log.write_all(b"second run\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first run\nsecond run\n");

        let line = [b'x'; 1024];
        for _ in 0..LOG_BYTES_MAX / 1024 {
            log.write_all(&line).unwrap();
        }
        log.write_all(b"the end\n").unwrap();
        bound(&path).unwrap();
        log.write_all(b"after it\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"after it\n");
        let earlier = std::fs::read(folder.join("web.1")).unwrap();
        assert_eq!(earlier.len() as u64, LOG_BYTES_MAX);
        assert!(earlier.ends_with(b"xthe end\n"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
