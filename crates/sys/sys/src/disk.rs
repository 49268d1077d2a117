//! How much may still be written to a folder's disk.

use crate::system;
use std::io;
use std::path::Path;

/// Bytes that this user may still write where `path` is.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let path = system::c_path(path).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut found: libc::statfs = system::zeroed();
    // SAFETY: the path ends in NUL and `found` lives through the call.
    system::check(unsafe { libc::statfs(path.as_ptr(), &mut found) })?;
    let block_bytes = u64::try_from(found.f_bsize).unwrap_or(0);
    Ok(found.f_bavail.saturating_mul(block_bytes))
}

#[cfg(test)]
mod tests {
    use super::free_bytes;
    use std::path::Path;

    #[test]
    fn a_folder_has_room_and_nowhere_has_none() {
        assert!(free_bytes(Path::new("/")).is_ok());
        assert_eq!(free_bytes(Path::new("/proc")).ok(), Some(0));
        assert!(free_bytes(Path::new("/nowhere/at/all")).is_err());
    }
}
