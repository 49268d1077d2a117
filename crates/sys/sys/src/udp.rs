//! The engine's UDP socket: whole batches in and out, both IP versions on one port.

use crate::address::RawAddress;
use crate::system;
use crate::tunnel::Written;
use netloom_base::PacketBatch;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Packets per system call.
const MESSAGES_MAX: usize = 64;
/// Asked for, as far as `net.core.rmem_max` and `wmem_max` allow.
const BUFFER_BYTES: i32 = 4 << 20;

/// Why the engine's socket could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UdpError {
    /// The port could not be had.
    #[error("cannot listen on UDP {address}: {source}{}", remedy(.source))]
    Bind {
        /// The wanted address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The socket could not be made.
    #[error("cannot make a UDP socket: {source}; raise the limit on open files (ulimit -n)")]
    Socket {
        /// Why.
        source: io::Error,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => {
            "; another program has the port (see `ss -ulpn`): stop it, or choose another port"
        }
        Some(libc::EADDRNOTAVAIL) => "; this host does not have that address",
        Some(libc::EACCES) => "; ports below 1024 take CAP_NET_BIND_SERVICE: choose a higher one",
        _ => "",
    }
}

/// A UDP socket that does not block.
#[derive(Debug)]
pub struct UdpSocket {
    fd: OwnedFd,
    ipv6: bool,
}

impl UdpSocket {
    /// A socket on `port` of every address of both IP versions; 0 is any free port.
    ///
    /// It belongs to the calling thread's network namespace. Without IPv6 in the kernel it serves
    /// IPv4 alone.
    pub fn bind_any(port: u16) -> Result<Self, UdpError> {
        let address = SocketAddr::new(std::net::Ipv6Addr::UNSPECIFIED.into(), port);
        match Self::bind(address) {
            Err(UdpError::Socket { source } | UdpError::Bind { source, .. })
                if matches!(
                    source.raw_os_error(),
                    Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
                ) =>
            {
                Self::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
            }
            result => result,
        }
    }

    /// A socket on one address; `[::]` serves IPv4 as well.
    pub fn bind(address: SocketAddr) -> Result<Self, UdpError> {
        let ipv6 = address.is_ipv6();
        let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
        let made = system::socket(family, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, 0);
        let fd = made.map_err(|source| UdpError::Socket { source })?;
        let prepare = || {
            if ipv6 {
                let only = i32::from(!address.ip().is_unspecified());
                system::set_option(&fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, &only)?;
            }
            for option in [libc::SO_RCVBUF, libc::SO_SNDBUF] {
                system::set_option(&fd, libc::SOL_SOCKET, option, &BUFFER_BYTES)?;
            }
            let (raw, length) = RawAddress::new(address, ipv6);
            // SAFETY: `raw` holds an address of `length` bytes and lives through the call.
            system::check(unsafe { libc::bind(fd.as_raw_fd(), raw.as_ptr(), length) })
        };
        prepare().map_err(|source| UdpError::Bind { address, source })?;
        Ok(Self { fd, ipv6 })
    }

    /// The address it is bound to.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        let mut raw = RawAddress::empty();
        let mut length = system::length_of::<RawAddress>();
        // SAFETY: `raw` has room for `length` bytes and lives through the call.
        system::check(unsafe {
            libc::getsockname(self.fd.as_raw_fd(), raw.as_mut_ptr(), &mut length)
        })?;
        raw.get().ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Appends the packets that wait, as far as they fit, and where they came from; gives how many.
    ///
    /// Packets longer than a slot of the batch are dropped. Each is received in place: one system
    /// call per packet, and no copy.
    pub fn receive_batch(
        &mut self,
        batch: &mut PacketBatch,
        sources: &mut Vec<SocketAddr>,
    ) -> io::Result<usize> {
        let before = batch.len();
        while let Some(slot) = batch.spare() {
            match receive(self.fd.as_fd(), slot) {
                Ok((length, Some(source))) if length <= slot.len() => {
                    batch.commit(length);
                    sources.push(source);
                }
                // Cut short, or from nowhere.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(batch.len() - before)
    }

    /// Sends packets, each to its destination. What the kernel refuses is dropped, as on any wire.
    pub fn send<'a>(
        &mut self,
        packets: impl IntoIterator<Item = (SocketAddr, &'a [u8])>,
    ) -> Written {
        let mut written = Written::default();
        let mut packets = packets.into_iter().peekable();
        while packets.peek().is_some() {
            let mut names = [RawAddress::empty(); MESSAGES_MAX];
            let mut vectors = [system::zeroed::<libc::iovec>(); MESSAGES_MAX];
            let mut messages = [system::zeroed::<libc::mmsghdr>(); MESSAGES_MAX];
            let mut count = 0;
            for (destination, packet) in packets.by_ref().take(MESSAGES_MAX) {
                let length;
                (names[count], length) = RawAddress::new(destination, self.ipv6);
                vectors[count] = libc::iovec {
                    // The kernel only reads from it.
                    iov_base: packet.as_ptr().cast_mut().cast(),
                    iov_len: packet.len(),
                };
                let header = &mut messages[count].msg_hdr;
                header.msg_name = names[count].as_mut_ptr().cast();
                header.msg_namelen = length;
                header.msg_iov = &mut vectors[count];
                header.msg_iovlen = 1;
                count += 1;
            }
            self.send_some(&mut messages[..count], &mut written);
        }
        written
    }

    /// Sends prepared messages; one that is refused does not hold the others up.
    fn send_some(&self, mut messages: &mut [libc::mmsghdr], written: &mut Written) {
        while !messages.is_empty() {
            // SAFETY: each message points to a name, a vector and a packet that the caller keeps.
            let result = unsafe {
                libc::sendmmsg(
                    self.fd.as_raw_fd(),
                    messages.as_mut_ptr(),
                    // At most 64.
                    messages.len() as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            let done = match system::check(result) {
                Ok(sent) => {
                    let sent = usize::try_from(sent).unwrap_or(0);
                    written.packets += sent;
                    sent
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(_) => {
                    written.dropped += 1;
                    1
                }
            };
            messages = &mut messages[done..];
        }
    }
}

/// One packet: its whole length, which may exceed the slot's, and its source.
fn receive(fd: BorrowedFd<'_>, slot: &mut [u8]) -> io::Result<(usize, Option<SocketAddr>)> {
    let mut source = RawAddress::empty();
    let mut source_bytes = system::length_of::<RawAddress>();
    // SAFETY: slot and address live through the call, and their lengths are passed.
    let length = system::check_count(unsafe {
        libc::recvfrom(
            fd.as_raw_fd(),
            slot.as_mut_ptr().cast(),
            slot.len(),
            libc::MSG_TRUNC | libc::MSG_DONTWAIT,
            source.as_mut_ptr(),
            &mut source_bytes,
        )
    })?;
    Ok((length, source.get()))
}

/// A signal, or an ICMP error for a packet sent earlier, which the engine finds out by itself.
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINTR | libc::ECONNREFUSED | libc::EHOSTUNREACH | libc::ENETUNREACH)
    )
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
