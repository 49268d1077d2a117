//! An open network namespace, and running a function inside it on a thread of its own.

use crate::system;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;

/// `ioctl` that gives a namespace's type (`linux/nsfs.h`).
const NS_GET_NSTYPE: libc::Ioctl = 0xb703;
/// The calling thread's network namespace.
const OWN_NAMESPACE: &str = "/proc/thread-self/ns/net";

/// Why a namespace could not be made, opened, entered or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// It could not be opened.
    #[error("cannot open network namespace {}: {source}; it may not exist (any more)", .path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is no network namespace; name one that `ip netns add` or a container engine made", .path.display())]
    Other {
        /// The file.
        path: PathBuf,
    },
    /// It could not be entered.
    #[error(
        "cannot enter a network namespace: {source}; CAP_SYS_ADMIN is missing: run as root, \
         or use the rootless lab"
    )]
    Enter {
        /// Why.
        source: io::Error,
    },
    /// It could not be made.
    #[error("cannot make network namespace {name} ({step}): {source}{}", remedy(.source))]
    Create {
        /// Its name.
        name: String,
        /// What was being done.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It could not be removed.
    #[error("cannot remove network namespace {name}: {source}{}", remedy(.source))]
    Delete {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The name cannot be that of a file.
    #[error("{name:?} cannot name a namespace: use 1 to 200 of a-z, A-Z, 0-9, '-', '_', '.'")]
    Name {
        /// The name.
        name: String,
    },
    /// No thread could be started to work inside a namespace.
    #[error("cannot start a thread: {source}; raise the limit on processes (ulimit -u)")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "; CAP_SYS_ADMIN is missing: run as root, or use the rootless lab"
        }
        Some(libc::ENOSPC) => "; user.max_net_namespaces is reached: remove some, or raise it",
        Some(libc::EROFS) => "; the run directory must be writable",
        _ => "",
    }
}

/// An open network namespace. It lives as long as this does.
#[derive(Debug)]
pub struct NamespaceHandle {
    fd: OwnedFd,
    /// Device and inode of the namespace, which identify it.
    identity: (u64, u64),
}

impl NamespaceHandle {
    /// Opens the namespace of a file.
    pub fn open(path: &Path) -> Result<Self, NamespaceError> {
        let open = || Self::of_fd(File::open(path)?.into());
        let handle =
            open().map_err(|source| NamespaceError::Open { path: path.to_owned(), source })?;
        // SAFETY: the descriptor is open; the request has no argument and gives a number.
        let kind = unsafe { libc::ioctl(handle.fd.as_raw_fd(), NS_GET_NSTYPE) };
        if kind != libc::CLONE_NEWNET {
            return Err(NamespaceError::Other { path: path.to_owned() });
        }
        Ok(handle)
    }

    /// The calling thread's namespace.
    pub fn current() -> Result<Self, NamespaceError> {
        Self::open(Path::new(OWN_NAMESPACE))
    }

    /// The namespace of a descriptor that the kernel gave.
    pub(crate) fn of_fd(fd: OwnedFd) -> io::Result<Self> {
        let file = File::from(fd);
        let metadata = file.metadata()?;
        Ok(Self { fd: file.into(), identity: (metadata.dev(), metadata.ino()) })
    }

    /// Another handle on the same namespace.
    pub fn try_clone(&self) -> Result<Self, NamespaceError> {
        let cloned = self.fd.try_clone();
        let fd = cloned.map_err(|source| NamespaceError::Open {
            path: PathBuf::from(OWN_NAMESPACE),
            source,
        })?;
        Ok(Self { fd, identity: self.identity })
    }

    /// Device and inode, which no other namespace has while this one lives.
    pub fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Whether the file at `path` is this same namespace.
    pub fn is_at(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }

    /// Runs `work` inside the namespace, on a thread of its own, and gives its result.
    ///
    /// What it opens (sockets, `/proc/sys/net`, `/dev/net/tun`) belongs to the namespace for good.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        let inside = || {
            self.enter_thread()?;
            Ok(work())
        };
        on_thread(inside)?
    }

    /// Moves the calling thread into the namespace.
    pub(crate) fn enter_thread(&self) -> Result<(), NamespaceError> {
        // SAFETY: the descriptor is open; only the calling thread is moved.
        let entered =
            system::check(unsafe { libc::setns(self.fd.as_raw_fd(), libc::CLONE_NEWNET) });
        match entered {
            // Who is there already needs no CAP_SYS_ADMIN.
            Err(_) if self.is_at(Path::new(OWN_NAMESPACE)) => Ok(()),
            entered => entered.map(drop).map_err(|source| NamespaceError::Enter { source }),
        }
    }
}

impl AsFd for NamespaceHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Runs `work` on a thread of its own, so that what it does to its thread ends with it.
pub(super) fn on_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("namespace".to_owned())
            .spawn_scoped(scope, work)
            .map_err(|source| NamespaceError::Thread { source })?;
        Ok(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Moves the calling thread into a new network namespace and opens that.
pub(crate) fn unshare_thread() -> io::Result<NamespaceHandle> {
    // SAFETY: no pointers; only the calling thread is moved.
    system::check(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
    NamespaceHandle::current().map_err(|error| match error {
        NamespaceError::Open { source, .. } => source,
        other => io::Error::other(other),
    })
}

/// Makes a network namespace without a name, which lives as long as its handle and sockets.
pub(crate) fn anonymous() -> Result<NamespaceHandle, NamespaceError> {
    let made = on_thread(unshare_thread)?;
    made.map_err(|source| NamespaceError::Create {
        name: "without a name".to_owned(),
        step: "unshare",
        source,
    })
}
