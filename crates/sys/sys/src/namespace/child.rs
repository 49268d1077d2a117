//! What runs between fork and exec: system calls only, no allocation, no locks.

use crate::system;
use std::ffi::CStr;
use std::io;
use std::os::fd::RawFd;

/// Distance between the encodings of steps; error numbers are below 4096.
const STEP_STRIDE: i32 = 4096;

/// A step that can fail between fork and exec. Only an error number reaches the parent, so the
/// step travels inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    UserNamespace = 1,
    UserMap = 2,
    OtherNamespaces = 3,
    EnterNamespace = 4,
    PrivateMounts = 5,
    Fork = 6,
    Tmpfs = 7,
    ResolvConf = 8,
}

impl Step {
    const ALL: [Self; 8] = [
        Self::UserNamespace,
        Self::UserMap,
        Self::OtherNamespaces,
        Self::EnterNamespace,
        Self::PrivateMounts,
        Self::Fork,
        Self::Tmpfs,
        Self::ResolvConf,
    ];

    /// Puts the step into the error of a call.
    pub(super) fn of<T>(self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            io::Error::from_raw_os_error(self as i32 * STEP_STRIDE + errno)
        })
    }

    /// Takes the step out of the error that `Command::spawn` gave.
    pub(super) fn decode(error: io::Error) -> (Option<Self>, io::Error) {
        let Some(raw) = error.raw_os_error() else { return (None, error) };
        let step = Self::ALL.into_iter().find(|step| *step as i32 == raw / STEP_STRIDE);
        match step {
            Some(_) => (step, io::Error::from_raw_os_error(raw % STEP_STRIDE)),
            None => (None, error),
        }
    }
}

/// `mount(2)` for paths that were made before the fork.
pub(super) fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    data: Option<&CStr>,
) -> io::Result<()> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: all strings end in NUL and live through the call; absent ones are null.
    system::check(unsafe {
        libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, pointer(data).cast())
    })
    .map(drop)
}

/// Moves the process into new namespaces.
pub(super) fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: no pointers are passed.
    system::check(unsafe { libc::unshare(flags) }).map(drop)
}

/// Moves the process into namespaces behind a descriptor.
pub(super) fn setns(fd: RawFd, flags: i32) -> io::Result<()> {
    // SAFETY: no pointers are passed.
    system::check(unsafe { libc::setns(fd, flags) }).map(drop)
}

/// Writes `content` to the file `path` in one call.
pub(super) fn write_file(path: &CStr, content: &[u8]) -> io::Result<()> {
    // SAFETY: the path ends in NUL.
    let fd = system::owned(unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) })?;
    write(std::os::fd::AsRawFd::as_raw_fd(&fd), content)
}

/// Writes `content` to a descriptor in one call.
pub(super) fn write(fd: RawFd, content: &[u8]) -> io::Result<()> {
    // SAFETY: `content` lives through the call and its length is passed.
    system::check_count(unsafe { libc::write(fd, content.as_ptr().cast(), content.len()) })
        .map(drop)
}

/// Forks, so that the child is inside the new process id namespace, where its parent cannot be.
///
/// The child returns. The parent stays as its stand-in: it passes signals on, waits, and ends as
/// the child ended. It first writes the child's process id to `report`, if there is one.
pub(super) fn fork_into_namespace(report: Option<RawFd>) -> io::Result<()> {
    // SAFETY: this process has one thread, being itself a fork that has not executed yet.
    let child = system::check(unsafe { libc::fork() })?;
    if child == 0 {
        return crate::process::die_with_parent();
    }
    if let Some(report) = report {
        // Without the report the parent reads the end of the pipe, and says so.
        let _ = write(report, &child.to_ne_bytes());
    }
    // SAFETY: closes what this process has no use for, above all the pipe by which
    // `Command::spawn` learns that the program was executed.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    stand_in_for(child)
}

fn stand_in_for(child: libc::pid_t) -> ! {
    // SAFETY: plain system calls on local structures; the process has one thread and ends here.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
        loop {
            let mut status = 0;
            if libc::waitpid(child, &mut status, libc::WNOHANG) == child {
                end_as(status);
            }
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let signal = libc::sigwaitinfo(&all, &mut info);
            // The terminal sends its signals to the whole group, the child included.
            if signal > 0 && signal != libc::SIGCHLD && info.si_code != libc::SI_KERNEL {
                libc::kill(child, signal);
            }
        }
    }
}

fn end_as(status: libc::c_int) -> ! {
    // SAFETY: plain system calls; the process ends here in one way or the other.
    unsafe {
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            libc::signal(signal, libc::SIG_DFL);
            libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
            libc::raise(signal);
            libc::_exit(128 + signal);
        }
        libc::_exit(libc::WEXITSTATUS(status));
    }
}

/// Takes no signal mask along: what this process takes by descriptor, a program takes as ever.
pub(super) fn unblock_signals() {
    let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is made before it is used, and no old mask is asked for.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_survives_its_way_through_an_error_number() {
        for step in Step::ALL {
            let error = io::Error::from_raw_os_error(libc::EPERM);
            let (found, cause) = Step::decode(step.of::<()>(Err(error)).unwrap_err());
            assert_eq!(found, Some(step));
            assert_eq!(cause.raw_os_error(), Some(libc::EPERM));
        }
        let (none, cause) = Step::decode(io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!((none, cause.raw_os_error()), (None, Some(libc::ENOENT)));
    }
}
