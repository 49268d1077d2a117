//! Processes: descriptors that name them, who we are, pipes, randomness from the kernel.

use crate::system;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// Why another process could not be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It could not be opened.
    #[error("cannot open process {pid}: {source}; it may have ended")]
    Open {
        /// Its id.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// Its namespaces could not be read.
    #[error(
        "cannot read the namespaces of process {pid}: {source}; it takes the same user or root"
    )]
    Inspect {
        /// Its id.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// It could not be sent a signal.
    #[error("cannot signal the process: {source}; it may have ended")]
    Signal {
        /// Why.
        source: io::Error,
    },
}

/// A descriptor that names one process for good, unlike its id; readable when it has ended.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens process `pid`.
    pub fn open(pid: u32) -> Result<Self, ProcessError> {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        // Descriptors are small numbers, and failure is -1.
        let opened = system::owned(fd as libc::c_int);
        opened.map(Self).map_err(|source| ProcessError::Open { pid, source })
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: i32) -> Result<(), ProcessError> {
        let none: *const libc::siginfo_t = std::ptr::null();
        // SAFETY: the descriptor is open, and a null siginfo is allowed.
        let result = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal, none, 0)
        };
        let result = system::check(result as libc::c_int);
        result.map(drop).map_err(|source| ProcessError::Signal { source })
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The name of process `pid`, while it is there.
pub fn name_of(pid: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(text.trim_end().to_owned())
}

/// The user the process acts as.
pub fn effective_user() -> u32 {
    // SAFETY: cannot fail.
    unsafe { libc::geteuid() }
}

/// The group the process acts as.
pub fn effective_group() -> u32 {
    // SAFETY: cannot fail.
    unsafe { libc::getegid() }
}

/// A pipe, closed on exec: where to read, where to write.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors.
    system::check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: the kernel has just given both descriptors to us.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Has the kernel kill this process when the thread that started it ends.
pub fn die_with_parent() -> io::Result<()> {
    let signal = libc::SIGKILL as libc::c_ulong;
    // SAFETY: no pointers are passed.
    system::check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) }).map(drop)
}

/// Gives memory that was freed back to the kernel, where the allocator is one that would keep it (glibc, malloc_trim(3)). It
/// takes milliseconds, during which other threads may wait for memory.
pub fn release_freed_memory() {
    // SAFETY: no pointers are passed, and only memory that nobody uses is given back.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Fills `bytes` with the kernel's randomness, waiting at boot until there is enough.
pub fn random(bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        // SAFETY: `rest` lives through the call and its length is passed.
        let got = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match system::check_count(got) {
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A child process that has ended and not been waited for, if there is one.
///
/// Process 1 of a sandbox inherits the children of others and must wait for them too.
pub fn ended_child() -> io::Result<Option<u32>> {
    let mut info: libc::siginfo_t = system::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` lives through the call.
    match system::check(unsafe { libc::waitid(libc::P_ALL, 0, &mut info, flags) }) {
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        Err(error) => Err(error),
        Ok(_) => {
            // SAFETY: the call filled `info` for a child, or left its zeroes.
            let pid = unsafe { info.si_pid() };
            Ok(u32::try_from(pid).ok().filter(|pid| *pid != 0))
        }
    }
}

/// Waits for a child that [`ended_child`] has named and that no other part of the program does.
pub fn reap(pid: u32) -> io::Result<ExitStatus> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    match system::check(unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) })? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(ExitStatus::from_raw(status)),
    }
}

/// Sends a signal to every process of a group; one that is gone is no error.
pub fn signal_group(leader: u32, signal: i32) {
    let Ok(group) = libc::pid_t::try_from(leader) else { return };
    if group > 1 {
        // SAFETY: no pointers are passed; groups 0 and 1 would mean others than were meant.
        unsafe { libc::kill(-group, signal) };
    }
}
