//! Namespaces of our own: each is bound to the file `RUN_DIR/netns/NAME`, as iproute2 does it.

use super::handle::{NamespaceError, NamespaceHandle, on_thread, unshare_thread};
use crate::system;
use std::ffi::CString;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The magic number of the file system of namespaces.
const NSFS_MAGIC: i64 = 0x6e73_6673;
/// Leaves room for the file system's limit of 255.
const NAME_BYTES_MAX: usize = 200;

/// The namespaces below one run directory.
#[derive(Clone, Debug)]
pub struct NamespaceRegistry {
    folder: PathBuf,
}

impl NamespaceRegistry {
    /// The namespaces kept under `run_dir/netns`.
    pub fn new(run_dir: &Path) -> Self {
        Self { folder: run_dir.join("netns") }
    }

    /// The file to which the namespace `name` is bound.
    pub fn path(&self, name: &str) -> Result<PathBuf, NamespaceError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let valid = (1..=NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(plain)
            && !matches!(name, "." | "..");
        if valid {
            Ok(self.folder.join(name))
        } else {
            Err(NamespaceError::Name { name: name.to_owned() })
        }
    }

    /// The names of the namespaces that exist.
    pub fn list(&self) -> Vec<String> {
        // No folder, no namespaces.
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let bound = entries.filter(|entry| is_namespace(&entry.path()));
        let mut names: Vec<_> = bound.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Whether the namespace `name` exists.
    pub fn exists(&self, name: &str) -> bool {
        self.path(name).is_ok_and(|path| is_namespace(&path))
    }

    /// Makes the namespace `name`; one that exists is kept.
    pub fn create(&self, name: &str) -> Result<(), NamespaceError> {
        let path = self.path(name)?;
        if is_namespace(&path) {
            return Ok(());
        }
        let failed =
            |step| move |source| NamespaceError::Create { name: name.to_owned(), step, source };
        std::fs::create_dir_all(&self.folder).map_err(failed("folder"))?;
        let mut options = std::fs::OpenOptions::new();
        // A file left by a crash between the two steps serves as well.
        options.create(true).truncate(false).write(true).mode(0o600);
        options.open(&path).map_err(failed("file"))?;
        let made = on_thread(|| {
            unshare_thread().map_err(failed("unshare"))?;
            bind_own_namespace(&path).map_err(failed("bind mount"))
        })?;
        if made.is_err() {
            // Best effort: the file says nothing without its mount.
            let _ = std::fs::remove_file(&path);
        }
        made
    }

    /// Opens the namespace `name`.
    pub fn open(&self, name: &str) -> Result<NamespaceHandle, NamespaceError> {
        let path = self.path(name)?;
        if !is_namespace(&path) {
            let source = io::Error::from_raw_os_error(libc::ENOENT);
            return Err(NamespaceError::Open { path, source });
        }
        NamespaceHandle::open(&path)
    }

    /// Removes the namespace `name`; one that does not exist is no error.
    ///
    /// The kernel frees it when the last process and socket inside are gone.
    pub fn delete(&self, name: &str) -> Result<(), NamespaceError> {
        let path = self.path(name)?;
        let failed = |source| NamespaceError::Delete { name: name.to_owned(), source };
        while is_namespace(&path) {
            unmount(&path).map_err(failed)?;
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => {
                // Fails while others are in it, and then it should stay.
                let _ = std::fs::remove_dir(&self.folder);
                Ok(())
            }
        }
    }
}

fn is_namespace(path: &Path) -> bool {
    let Ok(path) = system::c_path(path) else { return false };
    let mut found: libc::statfs = system::zeroed();
    // SAFETY: the path ends in NUL and `found` lives through the call.
    let result = unsafe { libc::statfs(path.as_ptr(), &mut found) };
    result == 0 && found.f_type == NSFS_MAGIC
}

fn bind_own_namespace(path: &Path) -> io::Result<()> {
    let source = CString::from(c"/proc/thread-self/ns/net");
    let target = system::c_path(path)?;
    // SAFETY: both paths end in NUL; a bind mount takes no type and no data.
    system::check(unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            std::ptr::null(),
            libc::MS_BIND,
            std::ptr::null(),
        )
    })
    .map(drop)
}

fn unmount(path: &Path) -> io::Result<()> {
    let path = system::c_path(path)?;
    // SAFETY: the path ends in NUL.
    system::check(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) }).map(drop)
}
