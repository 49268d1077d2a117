//! Control's Unix socket.

use std::path::Path;
use tokio::net::UnixStream;

/// Connects to a socket of the file system, also where its path is longer than an address holds.
pub(super) fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    let stream = netloom_sys::unix_socket::connect(socket)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}
