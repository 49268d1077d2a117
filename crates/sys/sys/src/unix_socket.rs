//! Stream sockets of the file system, also where their path is longer than an address holds.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Bytes of a path in `sockaddr_un`, without the final zero.
const PATH_BYTES_MAX: usize = 107;

/// Listens at `path`.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    let short = Shortened::of(path)?;
    UnixListener::bind(&short.path)
}

/// Connects to what listens at `path`.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let short = Shortened::of(path)?;
    UnixStream::connect(&short.path)
}

/// A path that fits: through the open folder, if the path itself does not.
struct Shortened {
    path: PathBuf,
    _folder: Option<File>,
}

impl Shortened {
    fn of(path: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the path of a file"));
        };
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        let folder = File::open(folder)?;
        let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
        Ok(Self { path, _folder: Some(folder) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[test]
    fn a_path_of_any_length_can_be_listened_at() {
        let base = std::env::temp_dir().join(format!("netloom-socket-{}", std::process::id()));
        let folder = base.join("a".repeat(100)).join("b".repeat(100));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("x.sock");
        let listener = bind(&path).unwrap();
        let mut caller = connect(&path).unwrap();
        caller.write_all(b"hello").unwrap();
        drop(caller);
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        std::fs::remove_dir_all(&base).unwrap();
        assert_eq!(text, "hello");
    }
}
