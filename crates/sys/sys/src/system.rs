//! What every system call here needs: its result as `io::Result`, and options of sockets.

use std::ffi::{CString, NulError};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The result of a call that gives -1 and `errno` on failure.
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The result of a call that gives a count of bytes, or -1 and `errno`.
pub(crate) fn check_count(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Takes over the descriptor that a call has just made.
pub(crate) fn owned(result: libc::c_int) -> io::Result<OwnedFd> {
    let fd = check(result)?;
    // SAFETY: the kernel has just given this descriptor to us, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes a socket that is closed on exec.
pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    owned(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) })
}

/// Sets a socket option to a plain value.
pub(crate) fn set_option<T>(fd: impl AsFd, level: i32, option: i32, value: &T) -> io::Result<()> {
    // SAFETY: `value` lives through the call and its size is passed with it.
    check(unsafe {
        libc::setsockopt(
            fd.as_fd().as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast(),
            length_of::<T>(),
        )
    })
    .map(drop)
}

/// Reads an integer socket option.
pub(crate) fn option(fd: impl AsFd, level: i32, option: i32) -> io::Result<i32> {
    let mut value = 0i32;
    let mut length = length_of::<i32>();
    // SAFETY: `value` and `length` live through the call; `length` says how much `value` holds.
    check(unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            level,
            option,
            std::ptr::from_mut(&mut value).cast(),
            &mut length,
        )
    })?;
    Ok(value)
}

/// The size of a type, as socket calls want it.
pub(crate) fn length_of<T>() -> libc::socklen_t {
    // Every type passed here is a small C structure.
    size_of::<T>() as libc::socklen_t
}

/// A C structure with all bytes zero, which is a valid value for the plain structures of libc.
pub(crate) fn zeroed<T: Plain>() -> T {
    // SAFETY: `Plain` is implemented only for structures whose fields may all be zero.
    unsafe { MaybeUninit::<T>::zeroed().assume_init() }
}

/// Structures made of integers and nullable pointers only.
///
/// # Safety
/// All bytes zero must be a valid value.
pub(crate) unsafe trait Plain {}

macro_rules! plain {
    ($($name:ty),* $(,)?) => {
        $(
            // SAFETY: integers and nullable pointers only.
            unsafe impl Plain for $name {}
        )*
    };
}

plain!(
    libc::sockaddr_nl,
    libc::sockaddr_ll,
    libc::sockaddr_in,
    libc::sockaddr_in6,
    libc::cmsghdr,
    libc::ifreq,
    libc::iovec,
    libc::mmsghdr,
    libc::msghdr,
    libc::siginfo_t,
    libc::sigset_t,
    libc::signalfd_siginfo,
    libc::statfs,
    libc::timespec,
);

/// A path as the kernel wants it.
pub(crate) fn c_path(path: &Path) -> Result<CString, NulError> {
    CString::new(path.as_os_str().as_bytes())
}

/// Binds a socket to an address of its family.
pub(crate) fn bind<T>(fd: impl AsFd, address: &T) -> io::Result<()> {
    // SAFETY: `address` is a whole socket address and lives through the call.
    check(unsafe {
        libc::bind(fd.as_fd().as_raw_fd(), std::ptr::from_ref(address).cast(), length_of::<T>())
    })
    .map(drop)
}

/// A `struct ifreq` for the link `name`, which is cut to what fits.
pub(crate) fn interface_request(name: &str) -> libc::ifreq {
    let mut request: libc::ifreq = zeroed();
    // The last byte stays NUL.
    let room = &mut request.ifr_name[..libc::IFNAMSIZ - 1];
    for (to, from) in room.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    request
}
