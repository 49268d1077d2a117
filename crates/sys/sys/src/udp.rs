//! The engine's UDP socket: whole batches in and out, in pieces of 64 KiB where the kernel can, both IP versions on one port.

mod control;
mod receive;
mod send;

use crate::address::RawAddress;
use crate::system;
use netloom_base::PacketBatch;
use receive::receive_some;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

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
    /// Whether packets of one size to one place are sent in one piece.
    sends_segments: bool,
    /// What the kernel was last told of fragments.
    may_fragment: bool,
    /// Datagrams that were received and could not be handed on.
    unreadable: u64,
}

/// How a packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub to: SocketAddr,
    /// How it may be put together with others.
    pub pieces: Pieces,
    /// Whether routers, or this kernel, may cut it. Else it carries "don't fragment", and what the kernel
    /// believes of the path's MTU is passed over (`IP_PMTUDISC_PROBE`, ip(7)).
    pub may_fragment: bool,
    /// The two bits of Explicit Congestion Notification in its IP header (RFC 3168).
    pub ecn: u8,
}

/// How packets to one place may be put together for the kernel (`UDP_SEGMENT`, udp(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// In pieces of equal parts; the last may be shorter.
    Any,
    /// In pieces of equal parts only.
    Equal,
    /// Each by itself.
    None,
}

impl From<SocketAddr> for Route {
    /// In pieces, and cut where the underlay has to.
    fn from(to: SocketAddr) -> Self {
        Self { to, pieces: Pieces::Any, may_fragment: true, ecn: 0 }
    }
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
            for (force, option) in
                [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)]
            {
                // Beyond the limits where that is allowed.
                if system::set_option(&fd, libc::SOL_SOCKET, force, &BUFFER_BYTES).is_err() {
                    system::set_option(&fd, libc::SOL_SOCKET, option, &BUFFER_BYTES)?;
                }
            }
            receive_ecn(&fd, ipv6);
            let (raw, length) = RawAddress::new(address, ipv6);
            // SAFETY: `raw` holds an address of `length` bytes and lives through the call.
            system::check(unsafe { libc::bind(fd.as_raw_fd(), raw.as_ptr(), length) })
        };
        prepare().map_err(|source| UdpError::Bind { address, source })?;
        Ok(Self { fd, ipv6, sends_segments: true, may_fragment: true, unreadable: 0 })
    }

    /// Another handle of the same socket: marks that are set on one hold for both.
    pub fn try_clone(&self) -> io::Result<Self> {
        let Self { ipv6, sends_segments, may_fragment, .. } = *self;
        Ok(Self { fd: self.fd.try_clone()?, ipv6, sends_segments, may_fragment, unreadable: 0 })
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

    /// Takes datagrams of one flow in one piece, as they came (`UDP_GRO`), or one by one. A batch for
    /// them needs regions of 64 KiB. Gives whether that is on.
    pub fn set_receive_offload(&mut self, on: bool) -> bool {
        let value = i32::from(on);
        let set = system::set_option(&self.fd, libc::SOL_UDP, libc::UDP_GRO, &value);
        on && set.is_ok()
    }

    /// Sends datagrams of one size to one place in one piece (`UDP_SEGMENT`), or one by one. It is on
    /// from the beginning, and goes off by itself where a device below refuses it.
    pub fn set_send_offload(&mut self, on: bool) {
        self.sends_segments = on;
    }

    /// Whether datagrams are sent in one piece.
    pub fn has_send_offload(&self) -> bool {
        self.sends_segments
    }

    /// From now on the underlay may cut what is sent, or not.
    fn set_may_fragment(&mut self, may_fragment: bool) {
        if self.may_fragment == may_fragment {
            return;
        }
        let (v4, v6) = if may_fragment {
            (libc::IP_PMTUDISC_WANT, libc::IPV6_PMTUDISC_WANT)
        } else {
            (libc::IP_PMTUDISC_PROBE, libc::IPV6_PMTUDISC_PROBE)
        };
        // Kernels since 2.6.22 know it; one that refuses sends as before.
        let _ = system::set_option(&self.fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, &v4);
        if self.ipv6 {
            let _ = system::set_option(&self.fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, &v6);
        }
        self.may_fragment = may_fragment;
    }

    /// Marks all that is sent, for routing rules (`SO_MARK`); 0 is no mark.
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        system::set_option(&self.fd, libc::SOL_SOCKET, libc::SO_MARK, &mark)
    }

    /// Appends the packets that wait, as far as they fit, with the congestion that they met ([`PacketBatch::ecn`]), and where they
    /// came from; gives how many.
    ///
    /// They are received in place. Those longer than a region of the batch, and empty ones, are dropped
    /// ([`Self::take_unreadable`]).
    ///
    /// # Errors
    /// The kernel gives nothing, and did not before within this call.
    pub fn receive_batch(
        &mut self,
        batch: &mut PacketBatch,
        sources: &mut Vec<SocketAddr>,
    ) -> io::Result<usize> {
        let before = batch.len();
        while !batch.is_full() {
            match receive_some(self.fd.as_fd(), batch, sources, &mut self.unreadable) {
                // The queue is empty.
                Ok(false) => break,
                Ok(true) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if is_transient(&error) => {}
                // What was received counts; an error that stays comes again.
                Err(_) if batch.len() > before => break,
                Err(error) => return Err(error),
            }
        }
        Ok(batch.len() - before)
    }

    /// Datagrams that were received and could not be handed on, since this was last asked.
    pub fn take_unreadable(&mut self) -> u64 {
        std::mem::take(&mut self.unreadable)
    }
}

/// Has the kernel say of each packet which congestion it met. One that does not say it leaves packets unmarked.
fn receive_ecn(fd: &OwnedFd, ipv6: bool) {
    // A socket of IPv6 may have packets of IPv4.
    let _ = system::set_option(fd, libc::IPPROTO_IP, libc::IP_RECVTOS, &1_i32);
    if ipv6 {
        let _ = system::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, &1_i32);
    }
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
