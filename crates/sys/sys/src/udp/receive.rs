//! Receiving: datagrams of one flow in one piece, in place.

use super::control::Received;
use crate::address::RawAddress;
use crate::system;
use netloom_base::PacketBatch;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Datagrams, or pieces of them, received per system call.
const RECEIVED_MAX: usize = 16;

/// Receives what waits, into the free regions of a batch; whether there may be more. Adds what cannot be handed on to `unreadable`.
pub(super) fn receive_some(
    fd: BorrowedFd<'_>,
    batch: &mut PacketBatch,
    sources: &mut Vec<SocketAddr>,
    unreadable: &mut u64,
) -> io::Result<bool> {
    let mut names = [RawAddress::empty(); RECEIVED_MAX];
    let mut vectors = [system::zeroed::<libc::iovec>(); RECEIVED_MAX];
    let mut controls = [Received::default(); RECEIVED_MAX];
    let mut messages = [system::zeroed::<libc::mmsghdr>(); RECEIVED_MAX];
    let mut count = 0;
    for region in batch.spare_regions().take(RECEIVED_MAX) {
        vectors[count] =
            libc::iovec { iov_base: region.as_mut_ptr().cast(), iov_len: region.len() };
        let header = &mut messages[count].msg_hdr;
        header.msg_name = names[count].as_mut_ptr().cast();
        header.msg_namelen = system::length_of::<RawAddress>();
        header.msg_iov = &mut vectors[count];
        header.msg_iovlen = 1;
        header.msg_control = std::ptr::from_mut(&mut controls[count]).cast();
        header.msg_controllen = size_of::<Received>();
        count += 1;
    }
    // SAFETY: each message points to a name, a vector, a control buffer and a region of the batch, all
    // of which live through the call; their lengths are passed.
    let received = system::check(unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            messages.as_mut_ptr(),
            // At most 16.
            count as libc::c_uint,
            libc::MSG_DONTWAIT,
            std::ptr::null_mut(),
        )
    })?;
    let received = usize::try_from(received).unwrap_or(0);
    for index in 0..received {
        let (header, length) = (&messages[index].msg_hdr, messages[index].msg_len as usize);
        let is_whole = header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) == 0;
        let Some(source) = names[index].get().filter(|_| is_whole && length > 0) else {
            // Cut short, empty, or from nowhere.
            batch.skip();
            *unreadable += 1;
            continue;
        };
        let (part_bytes, ecn) = controls[index].read(header.msg_controllen);
        let (first, parts) = (batch.len(), part_bytes.map_or(1, |bytes| length.div_ceil(bytes)));
        commit(batch, length, part_bytes);
        let committed = batch.len() - first;
        sources.extend(std::iter::repeat_n(source, committed));
        *unreadable += (parts - committed) as u64;
        if ecn != 0 {
            (first..batch.len()).for_each(|index| batch.set_ecn(index, ecn));
        }
    }
    Ok(received == count)
}

/// Takes the next free region for a datagram, or for parts of which only the last may be shorter, as far as there is room.
fn commit(batch: &mut PacketBatch, length: usize, part_bytes: Option<usize>) {
    match part_bytes.filter(|bytes| *bytes < length) {
        Some(bytes) => drop(batch.commit_parts(length, bytes)),
        None if batch.room_for() > 0 => batch.commit(length),
        None => batch.skip(),
    }
}
