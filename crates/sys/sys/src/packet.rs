//! Raw access for tests and diagnosis: all frames of a link, and packets as one likes to forge them.

use crate::address::RawAddress;
use crate::route::link_index;
use crate::system;
use crate::tunnel::link_address;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

/// Asked for, beyond `net.core.rmem_max` where that is allowed, so that a capture misses nothing.
const RECEIVE_BUFFER_BYTES: i32 = 16 << 20;

/// Why there is no raw access.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The link is not there.
    #[error("there is no link {link} in this namespace; list them with `ip link`")]
    NoSuchLink {
        /// Its name.
        link: String,
    },
    /// The socket could not be made.
    #[error(
        "cannot open a raw socket: {source}; CAP_NET_RAW is missing: run as root or in the lab"
    )]
    Socket {
        /// Why.
        source: io::Error,
    },
    /// The packet could not be sent.
    #[error("cannot send a forged packet: {source}; it must be one whole IP packet or frame")]
    Send {
        /// Why.
        source: io::Error,
    },
}

/// A packet socket on one link: reads every frame, in and out, and writes any.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
    index: u32,
}

/// What was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Bytes of the frame in the buffer.
    pub length: usize,
    /// Bytes that did not fit the buffer.
    pub cut: usize,
    /// Whether this host sent it.
    pub outgoing: bool,
}

impl PacketSocket {
    /// Opens a link of the calling thread's network namespace.
    pub fn open(link: &str) -> Result<Self, PacketError> {
        let unknown = || PacketError::NoSuchLink { link: link.to_owned() };
        let index = link_index(link).ok_or_else(unknown)?;
        let open = || {
            let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK;
            let fd = system::socket(libc::AF_PACKET, kind, 0)?;
            for option in [libc::SO_RCVBUF, libc::SO_RCVBUFFORCE] {
                let _ = system::set_option(&fd, libc::SOL_SOCKET, option, &RECEIVE_BUFFER_BYTES);
            }
            system::bind(&fd, &link_address(index, libc::ETH_P_ALL))?;
            Ok(Self { fd, index })
        };
        open().map_err(|source| PacketError::Socket { source })
    }

    /// Reads the next frame, from its first header byte; `None` if there is none yet.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<Captured>> {
        let mut sender: libc::sockaddr_ll = system::zeroed();
        let mut sender_bytes = system::length_of::<libc::sockaddr_ll>();
        // SAFETY: buffer and address live through the call, and their lengths are passed.
        let result = system::check_count(unsafe {
            libc::recvfrom(
                self.fd.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_TRUNC | libc::MSG_DONTWAIT,
                std::ptr::from_mut(&mut sender).cast(),
                &mut sender_bytes,
            )
        });
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
            Ok(total) => {
                let length = total.min(buffer.len());
                let outgoing = sender.sll_pkttype == libc::PACKET_OUTGOING;
                Ok(Some(Captured { length, cut: total - length, outgoing }))
            }
        }
    }

    /// How many frames were seen and how many of them lost since the last call, for lack of room.
    pub fn statistics(&self) -> io::Result<(u32, u32)> {
        let mut statistics = [0u32; 2];
        let mut length = system::length_of::<[u32; 2]>();
        // SAFETY: `statistics` is a `struct tpacket_stats` and lives through the call.
        system::check(unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                statistics.as_mut_ptr().cast(),
                &mut length,
            )
        })?;
        Ok((statistics[0], statistics[1]))
    }

    /// Puts a whole frame, Ethernet header included, on the link.
    pub fn send_frame(&self, frame: &[u8]) -> Result<(), PacketError> {
        let target = link_address(self.index, libc::ETH_P_ALL);
        // SAFETY: frame and address live through the call, and their lengths are passed.
        let sent = system::check_count(unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                std::ptr::from_ref(&target).cast(),
                system::length_of::<libc::sockaddr_ll>(),
            )
        });
        sent.map(drop).map_err(|source| PacketError::Send { source })
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Sends a whole IP packet, with whatever source it claims, along the routes of the calling
/// thread's network namespace.
pub fn inject_packet(packet: &[u8]) -> Result<(), PacketError> {
    let invalid = || PacketError::Send { source: io::ErrorKind::InvalidInput.into() };
    let v4 = |at: usize| {
        let bytes = packet.get(at..at + 4).and_then(|bytes| bytes.first_chunk::<4>());
        bytes.map(|bytes| IpAddr::from(*bytes)).ok_or_else(invalid)
    };
    let v6 = |at: usize| {
        let bytes = packet.get(at..at + 16).and_then(|bytes| bytes.first_chunk::<16>());
        bytes.map(|bytes| IpAddr::from(*bytes)).ok_or_else(invalid)
    };
    let (source, destination) = match packet.first().map(|byte| byte >> 4) {
        Some(4) => (v4(12)?, v4(16)?),
        Some(6) => (v6(8)?, v6(24)?),
        _ => return Err(invalid()),
    };
    let ipv6 = destination.is_ipv6();
    let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    // This protocol means that the header is in the packet.
    let fd = system::socket(family, libc::SOCK_RAW, libc::IPPROTO_RAW)
        .map_err(|source| PacketError::Socket { source })?;
    let (own, own_length) = RawAddress::new(SocketAddr::new(source, 0), ipv6);
    // Routes may depend on the source, which the kernel takes from the socket. One that is not of this
    // namespace cannot be bound, and is sent all the same.
    // SAFETY: the address lives through the call, and its length is passed.
    let _ = unsafe { libc::bind(fd.as_raw_fd(), own.as_ptr(), own_length) };
    let (target, length) = RawAddress::new(SocketAddr::new(destination, 0), ipv6);
    // SAFETY: packet and address live through the call, and their lengths are passed.
    let sent = system::check_count(unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            packet.as_ptr().cast(),
            packet.len(),
            0,
            target.as_ptr(),
            length,
        )
    });
    sent.map(drop).map_err(|source| PacketError::Send { source })
}
