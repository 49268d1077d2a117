//! Files that go away from a folder, as something to read (`inotify(7)`).

use crate::system;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Room for some events at once; each is of 16 bytes and a name of up to 256.
const BUFFER_BYTES: usize = 4096;

/// A descriptor that becomes readable when a file is removed from a folder or moved out of it, or the folder is.
#[derive(Debug)]
pub struct FolderWatch(OwnedFd);

impl FolderWatch {
    /// Watches a folder from now on. A user may have only so many watches.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let path = CString::new(folder.as_os_str().as_bytes())?;
        // SAFETY: no pointers are passed.
        let fd =
            system::owned(unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })?;
        let what =
            libc::IN_DELETE | libc::IN_MOVED_FROM | libc::IN_DELETE_SELF | libc::IN_MOVE_SELF;
        // SAFETY: the path ends in NUL and lives through the call.
        system::check(unsafe { libc::inotify_add_watch(fd.as_raw_fd(), path.as_ptr(), what) })?;
        Ok(Self(fd))
    }

    /// Forgets what has happened: what is there now is for the caller to look at.
    pub fn clear(&self) {
        let mut buffer = [0_u8; BUFFER_BYTES];
        loop {
            // SAFETY: the buffer lives through the call, and its size is passed.
            let read = system::check_count(unsafe {
                libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len())
            });
            match read {
                Ok(count) if count > 0 => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

impl AsFd for FolderWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::{Interest, PollSet};
    use std::time::Duration;

    fn is_told(watch: &FolderWatch) -> bool {
        let mut set = PollSet::new();
        let number = set.add(watch.as_fd(), Interest::Read);
        set.wait(Some(Duration::ZERO)).unwrap();
        set.is_ready(number)
    }

    #[test]
    fn files_that_go_away_are_told_until_that_is_taken_note_of() {
        let folder = std::env::temp_dir().join(format!("netloom-watch-{}", std::process::id()));
        assert!(FolderWatch::new(&folder).is_err(), "it is not there");
        std::fs::create_dir(&folder).unwrap();
        let watch = FolderWatch::new(&folder).unwrap();
        let file = folder.join("wg0.sock");
        std::fs::write(&file, "").unwrap();
        assert!(!is_told(&watch), "it has come");
        std::fs::remove_file(&file).unwrap();
        assert!(is_told(&watch));
        watch.clear();
        assert!(!is_told(&watch));
        std::fs::remove_dir(&folder).unwrap();
        assert!(is_told(&watch));
    }
}
