//! A netlink socket: requests with acknowledgement, dumps, and raw batches.

use super::{Acknowledgement, Frame, Frames, Malformed, Message, NetlinkError, Refusal};
use crate::system;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

/// `NLM_F_REQUEST`.
const FLAG_REQUEST: u16 = 1;
/// `NLM_F_ACK`.
pub(crate) const FLAG_ACK: u16 = 4;
/// `NLM_F_DUMP_INTR`: the dump is not of one moment.
const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
/// `NLM_F_DUMP`: root and match.
const FLAG_DUMP: u16 = 0x300;
/// `NLMSG_ERROR`.
const KIND_ERROR: u16 = 2;
/// `NLMSG_DONE`.
const KIND_DONE: u16 = 3;
/// How often a dump that was overtaken by changes is begun again.
const DUMP_ATTEMPTS_MAX: u32 = 16;
/// Larger than any datagram the kernel makes for a dump (32 KiB) or an acknowledgement.
const RECEIVE_BYTES: usize = 64 * 1024;
/// The kernel answers within the sending call; this only keeps a fault from hanging us.
const RECEIVE_TIMEOUT_S: i64 = 10;
/// What the kernel takes of the send buffer for itself (`netlink_sendmsg`).
const SEND_OVERHEAD_BYTES: usize = 64;

/// The protocols used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `NETLINK_ROUTE`: links, addresses, neighbours, routes, rules.
    Route,
    /// `NETLINK_NETFILTER`: nf_tables and conntrack.
    Netfilter,
}

/// A socket in the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct NetlinkSocket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Box<[u8]>,
    send_bytes_max: usize,
}

/// A message from the kernel, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_seq`.
    pub sequence: u32,
    /// What follows the header.
    pub payload: Vec<u8>,
}

impl NetlinkSocket {
    /// Opens a socket in the calling thread's network namespace.
    pub fn open(protocol: Protocol) -> Result<Self, NetlinkError> {
        let (number, name) = match protocol {
            Protocol::Route => (libc::NETLINK_ROUTE, "NETLINK_ROUTE"),
            Protocol::Netfilter => (libc::NETLINK_NETFILTER, "NETLINK_NETFILTER"),
        };
        Self::prepare(number).map_err(|source| NetlinkError::Open { protocol: name, source })
    }

    fn prepare(number: i32) -> io::Result<Self> {
        let fd = system::socket(libc::AF_NETLINK, libc::SOCK_RAW, number)?;
        for option in [libc::NETLINK_EXT_ACK, libc::NETLINK_CAP_ACK, libc::NETLINK_GET_STRICT_CHK] {
            // Kernels without these merely say less about errors and filter less.
            let _ = system::set_option(&fd, libc::SOL_NETLINK, option, &1i32);
        }
        let timeout = libc::timeval { tv_sec: RECEIVE_TIMEOUT_S, tv_usec: 0 };
        system::set_option(&fd, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &timeout)?;
        let buffer = vec![0; RECEIVE_BYTES].into_boxed_slice();
        Ok(Self { fd, sequence: 0, buffer, send_bytes_max: usize::MAX })
    }

    /// The socket's port, by which the kernel tells others who made a change.
    pub fn port(&self) -> io::Result<u32> {
        let mut address: libc::sockaddr_nl = system::zeroed();
        let mut bytes = system::length_of::<libc::sockaddr_nl>();
        // SAFETY: address and length live through the call; the length says how much fits.
        system::check(unsafe {
            libc::getsockname(
                self.fd.as_raw_fd(),
                std::ptr::from_mut(&mut address).cast(),
                &mut bytes,
            )
        })?;
        Ok(address.nl_pid)
    }

    /// Sends one request, waits for its acknowledgement, and gives what came before that.
    pub fn request(&mut self, message: &mut Message) -> Result<Vec<Reply>, NetlinkError> {
        let sequence = self.next_sequence();
        let bytes = message.seal(FLAG_REQUEST | FLAG_ACK, sequence)?;
        send(self.fd.as_fd(), bytes)?;
        let mut replies = Vec::new();
        loop {
            let length = self.receive(0)?.ok_or(NetlinkError::NoAnswer)?;
            for frame in Frames::new(&self.buffer[..length]) {
                let frame = frame?;
                if frame.sequence != sequence {
                    continue;
                }
                if frame.kind == KIND_ERROR {
                    return accept(&frame).map(|()| replies);
                }
                replies.push(Reply::keep(&frame));
            }
        }
    }

    /// Sends a dump request and gives all of the kernel's answer, taken at one moment.
    pub fn dump(&mut self, message: &mut Message) -> Result<Vec<Reply>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS_MAX {
            if let Some(replies) = self.dump_once(message)? {
                return Ok(replies);
            }
        }
        Err(NetlinkError::DumpInterrupted { attempts: DUMP_ATTEMPTS_MAX })
    }

    /// One attempt at a dump; `None` if it was overtaken by a change.
    fn dump_once(&mut self, message: &mut Message) -> Result<Option<Vec<Reply>>, NetlinkError> {
        let sequence = self.next_sequence();
        let bytes = message.seal(FLAG_REQUEST | FLAG_DUMP, sequence)?;
        send(self.fd.as_fd(), bytes)?;
        let (mut replies, mut whole) = (Vec::new(), true);
        loop {
            let length = self.receive(0)?.ok_or(NetlinkError::NoAnswer)?;
            for frame in Frames::new(&self.buffer[..length]) {
                let frame = frame?;
                if frame.sequence != sequence {
                    continue;
                }
                whole &= frame.flags & FLAG_DUMP_INTERRUPTED == 0;
                match frame.kind {
                    KIND_ERROR => return accept(&frame).map(|()| Some(replies)),
                    KIND_DONE => {
                        if !frame.payload.is_empty() {
                            accept(&frame)?;
                        }
                        return Ok(whole.then_some(replies));
                    }
                    _ => replies.push(Reply::keep(&frame)),
                }
            }
        }
    }

    /// Sends prepared bytes in one call and gives every refusal and acknowledgement of them,
    /// which the kernel has queued by the time the call returns, with their sequence numbers.
    pub(crate) fn batch(&mut self, bytes: &[u8]) -> Result<Vec<(u32, Refusal)>, NetlinkError> {
        send(self.fd.as_fd(), bytes)?;
        let mut answers = Vec::new();
        loop {
            let length = match self.receive(libc::MSG_DONTWAIT) {
                // More refusals than the buffer holds: those that fit say enough.
                Err(error) if error.errno() == Some(libc::ENOBUFS) => continue,
                received => received?,
            };
            let Some(length) = length else { break };
            for frame in Frames::new(&self.buffer[..length]) {
                let frame = frame?;
                if frame.kind == KIND_ERROR {
                    answers.push((frame.sequence, Acknowledgement::parse(&frame)?.0));
                }
            }
        }
        Ok(answers)
    }

    /// Acts as on a host whose send buffers hold only so much, which tests cannot bring about.
    #[doc(hidden)]
    pub fn limit_send(&mut self, bytes: usize) {
        self.send_bytes_max = bytes;
    }

    /// A sequence number for the next message.
    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Makes room to send `bytes` in one call, as far as the kernel lets us; gives the limit.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<usize, NetlinkError> {
        let limit = self.send_limit()?;
        if bytes <= limit {
            return Ok(limit);
        }
        let wanted = i32::try_from(bytes + SEND_OVERHEAD_BYTES).unwrap_or(i32::MAX);
        // The forced form needs CAP_NET_ADMIN over the machine; in a user namespace it fails,
        // and the other form goes up to `net.core.wmem_max`.
        for option in [libc::SO_SNDBUFFORCE, libc::SO_SNDBUF] {
            if system::set_option(&self.fd, libc::SOL_SOCKET, option, &wanted).is_ok() {
                break;
            }
        }
        self.send_limit()
    }

    fn send_limit(&self) -> Result<usize, NetlinkError> {
        let buffer = system::option(&self.fd, libc::SOL_SOCKET, libc::SO_SNDBUF)
            .map_err(|source| NetlinkError::Transfer { doing: "buffer query", source })?;
        let limit = usize::try_from(buffer).unwrap_or(0).saturating_sub(SEND_OVERHEAD_BYTES);
        Ok(limit.min(self.send_bytes_max))
    }

    /// Receives one datagram from the kernel into the buffer; `None` if there is none.
    fn receive(&mut self, flags: i32) -> Result<Option<usize>, NetlinkError> {
        loop {
            let mut sender: libc::sockaddr_nl = system::zeroed();
            let mut sender_bytes = system::length_of::<libc::sockaddr_nl>();
            // SAFETY: buffer and address live through the call, and their lengths are passed.
            let received = system::check_count(unsafe {
                libc::recvfrom(
                    self.fd.as_raw_fd(),
                    self.buffer.as_mut_ptr().cast(),
                    self.buffer.len(),
                    flags | libc::MSG_TRUNC,
                    std::ptr::from_mut(&mut sender).cast(),
                    &mut sender_bytes,
                )
            });
            match received {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(source) => return Err(NetlinkError::Transfer { doing: "receive", source }),
                // Another process may send to this socket; only the kernel has port 0.
                Ok(_) if sender.nl_pid != 0 => {}
                Ok(length) if length > self.buffer.len() => {
                    return Err(Malformed("longer than the receive buffer").into());
                }
                Ok(length) => return Ok(Some(length)),
            }
        }
    }
}

impl AsFd for NetlinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Reply {
    fn keep(frame: &Frame<'_>) -> Self {
        Self { kind: frame.kind, sequence: frame.sequence, payload: frame.payload.to_vec() }
    }
}

fn accept(frame: &Frame<'_>) -> Result<(), NetlinkError> {
    let Acknowledgement(refusal) = Acknowledgement::parse(frame)?;
    if refusal.errno == 0 { Ok(()) } else { Err(NetlinkError::Refused(refusal)) }
}

fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<(), NetlinkError> {
    loop {
        // SAFETY: `bytes` lives through the call and its length is passed.
        let sent = system::check_count(unsafe {
            libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0)
        });
        match sent {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(NetlinkError::Transfer { doing: "send", source }),
        }
    }
}
