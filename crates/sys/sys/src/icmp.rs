//! Echo requests and replies (RFC 792, RFC 4443 §4), without privilege where the host allows it.

use crate::address::RawAddress;
use crate::system;
use netloom_base::checksum;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

/// Bytes of an echo message before its payload.
const HEADER_BYTES: usize = 8;

/// Why no echo requests can be sent.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot open a ping socket ({ping}) or a raw one ({raw}); allow the first with \
     `sysctl -w net.ipv4.ping_group_range='0 2147483647'`, or run as root"
)]
pub struct EchoError {
    /// Why no ping socket.
    pub ping: io::Error,
    /// Why no raw socket.
    #[source]
    pub raw: io::Error,
}

/// A socket for echo requests of one IP version. It does not block.
#[derive(Debug)]
pub struct EchoSocket {
    fd: OwnedFd,
    ipv6: bool,
    /// A raw socket sees all messages of the host, and IPv4 ones with their IP header.
    raw: bool,
    identifier: u16,
}

/// An answer to an echo request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EchoReply {
    /// Who answered.
    pub source: IpAddr,
    /// The request's number.
    pub sequence: u16,
    /// The request's payload.
    pub payload: Vec<u8>,
}

impl EchoSocket {
    /// A socket in the calling thread's network namespace. `identifier` tells its requests from
    /// others; a ping socket chooses its own.
    pub fn open(ipv6: bool, identifier: u16) -> Result<Self, EchoError> {
        let (family, protocol) = if ipv6 {
            (libc::AF_INET6, libc::IPPROTO_ICMPV6)
        } else {
            (libc::AF_INET, libc::IPPROTO_ICMP)
        };
        let open = |kind| {
            let fd = system::socket(family, kind | libc::SOCK_NONBLOCK, protocol)?;
            // ICMP errors come back as errors of the socket.
            let (level, option) = if ipv6 {
                (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            } else {
                (libc::IPPROTO_IP, libc::IP_RECVERR)
            };
            system::set_option(&fd, level, option, &1i32)?;
            Ok(fd)
        };
        let (fd, raw) = match open(libc::SOCK_DGRAM) {
            Ok(fd) => (fd, false),
            Err(ping) => match open(libc::SOCK_RAW) {
                Ok(fd) => (fd, true),
                Err(raw) => return Err(EchoError { ping, raw }),
            },
        };
        Ok(Self { fd, ipv6, raw, identifier })
    }

    /// Sends an echo request.
    pub fn send(&self, to: IpAddr, sequence: u16, payload: &[u8]) -> io::Result<()> {
        let mut message = vec![if self.ipv6 { 128 } else { 8 }, 0, 0, 0];
        message.extend_from_slice(&self.identifier.to_be_bytes());
        message.extend_from_slice(&sequence.to_be_bytes());
        message.extend_from_slice(payload);
        if !self.ipv6 {
            // For ICMPv6, whose checksum covers the addresses, the kernel computes it.
            let checksum = checksum::internet(&message);
            message[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
        let (target, length) = RawAddress::new(SocketAddr::new(to, 0), self.ipv6);
        // SAFETY: message and address live through the call, and their lengths are passed.
        system::check_count(unsafe {
            libc::sendto(
                self.fd.as_raw_fd(),
                message.as_ptr().cast(),
                message.len(),
                0,
                target.as_ptr(),
                length,
            )
        })
        .map(drop)
    }

    /// The next reply, if one has arrived. An error is what the network answered instead:
    /// unreachable, prohibited, refused.
    pub fn receive(&self) -> io::Result<Option<EchoReply>> {
        let mut buffer = vec![0; 65_536];
        loop {
            let mut source = RawAddress::empty();
            let received = self.receive_into(&mut buffer, Some(&mut source), 0);
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // The details wait in a queue that would keep the socket ready for ever.
                    while self.receive_into(&mut buffer, None, libc::MSG_ERRQUEUE).is_ok() {}
                    return Err(error);
                }
                Ok(length) => {
                    let reply = self.parse(&buffer[..length.min(buffer.len())], source.get());
                    if reply.is_some() {
                        return Ok(reply);
                    }
                }
            }
        }
    }

    fn receive_into(
        &self,
        buffer: &mut [u8],
        source: Option<&mut RawAddress>,
        flags: i32,
    ) -> io::Result<usize> {
        let mut length = system::length_of::<RawAddress>();
        let (name, length) = match source {
            Some(source) => (source.as_mut_ptr(), std::ptr::from_mut(&mut length)),
            None => (std::ptr::null_mut(), std::ptr::null_mut()),
        };
        // SAFETY: buffer, address and length live through the call; both of the latter are null
        // where no address is wanted.
        system::check_count(unsafe {
            libc::recvfrom(
                self.fd.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                flags | libc::MSG_DONTWAIT,
                name,
                length,
            )
        })
    }

    fn parse(&self, bytes: &[u8], source: Option<SocketAddr>) -> Option<EchoReply> {
        let message = if self.raw && !self.ipv6 {
            let header_bytes = usize::from(bytes.first()? & 0x0f) * 4;
            bytes.get(header_bytes..)?
        } else {
            bytes
        };
        let (header, payload) = message.split_first_chunk::<HEADER_BYTES>()?;
        let identifier = u16::from_be_bytes([header[4], header[5]]);
        let reply = header[0] == if self.ipv6 { 129 } else { 0 };
        // The kernel gives a ping socket only what is its own.
        if !reply || (self.raw && identifier != self.identifier) {
            return None;
        }
        let sequence = u16::from_be_bytes([header[6], header[7]]);
        Some(EchoReply { source: source?.ip(), sequence, payload: payload.to_vec() })
    }
}

impl AsFd for EchoSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
