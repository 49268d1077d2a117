//! Passing open descriptors to another process over a Unix socket (`SCM_RIGHTS`).

use crate::system;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Descriptors per message; the kernel's own limit is 253.
pub const DESCRIPTORS_MAX: usize = 32;
/// Bytes that control messages with so many descriptors take, as multiples of their alignment.
const CONTROL_WORDS: usize = (DESCRIPTORS_MAX * size_of::<RawFd>() + 64) / size_of::<u64>();

/// Sends `payload`, at least one byte, together with `descriptors`; gives how many bytes went.
pub fn send_descriptors(
    stream: &UnixStream,
    payload: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    if descriptors.len() > DESCRIPTORS_MAX || payload.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let numbers: Vec<RawFd> = descriptors.iter().map(|fd| fd.as_raw_fd()).collect();
    let bytes = size_of_val(numbers.as_slice()) as libc::c_uint;
    let mut control = [0u64; CONTROL_WORDS];
    let mut vector =
        libc::iovec { iov_base: payload.as_ptr().cast_mut().cast(), iov_len: payload.len() };
    let mut message: libc::msghdr = system::zeroed();
    message.msg_iov = &mut vector;
    message.msg_iovlen = 1;
    // SAFETY: `control` is aligned and, by the check above, has room for one control message with
    // these descriptors; everything the message points to lives through the call.
    let sent = unsafe {
        if !numbers.is_empty() {
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(bytes) as usize;
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(bytes) as usize;
            let data = libc::CMSG_DATA(header);
            std::ptr::copy_nonoverlapping(numbers.as_ptr().cast(), data, bytes as usize);
        }
        libc::sendmsg(stream.as_raw_fd(), &message, libc::MSG_NOSIGNAL)
    };
    system::check_count(sent)
}

/// Receives bytes and the descriptors that come with them; 0 bytes mean the end.
pub fn receive_descriptors(
    stream: &UnixStream,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = [0u64; CONTROL_WORDS];
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut message: libc::msghdr = system::zeroed();
    message.msg_iov = &mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: buffer and control live through the call and their lengths are passed.
    let received =
        unsafe { libc::recvmsg(stream.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) };
    let received = system::check_count(received)?;
    // SAFETY: the kernel has filled `control` and set its length, by which the macros walk.
    let descriptors = unsafe { collect(&message) };
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        // Those that came are closed by dropping them.
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((received, descriptors))
}

/// Takes over the descriptors of a received message.
///
/// # Safety
/// `message` must be as `recvmsg` has left it, and this be called once.
unsafe fn collect(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut descriptors = Vec::new();
    // SAFETY: the control buffer is as the kernel left it; every number in a message of rights
    // is a descriptor that was made for us.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(control) = header.as_ref() {
            if (control.cmsg_level, control.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                let bytes = control.cmsg_len - libc::CMSG_LEN(0) as usize;
                let data: *const RawFd = libc::CMSG_DATA(header).cast();
                for index in 0..bytes / size_of::<RawFd>() {
                    let number = std::ptr::read_unaligned(data.add(index));
                    descriptors.push(OwnedFd::from_raw_fd(number));
                }
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    descriptors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::Waker;
    use std::os::fd::AsFd as _;

    #[test]
    fn a_descriptor_arrives_as_the_same_open_file() {
        let (near, far) = UnixStream::pair().unwrap();
        let (one, two) = (Waker::new().unwrap(), Waker::new().unwrap());
        send_descriptors(&near, b"hi", &[one.as_fd(), two.as_fd()]).unwrap();
        let mut buffer = [0; 16];
        let (bytes, received) = receive_descriptors(&far, &mut buffer).unwrap();
        assert_eq!((&buffer[..bytes], received.len()), (&b"hi"[..], 2));
        two.wake();
        let mut count = [0u8; 8];
        let file = std::fs::File::from(received.into_iter().nth(1).unwrap());
        io::Read::read_exact(&mut &file, &mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);
        drop(near);
        assert_eq!(receive_descriptors(&far, &mut buffer).unwrap().0, 0);
    }

    #[test]
    fn too_many_descriptors_are_refused() {
        let (near, _far) = UnixStream::pair().unwrap();
        let waker = Waker::new().unwrap();
        let many = vec![waker.as_fd(); DESCRIPTORS_MAX + 1];
        assert!(send_descriptors(&near, b"x", &many).is_err());
    }
}
