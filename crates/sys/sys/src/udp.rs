//! The engine's UDP socket: whole batches in and out, in pieces of 64 KiB where the kernel can, both IP versions on one port.

use crate::address::RawAddress;
use crate::system;
use crate::tunnel::Written;
use netloom_base::PacketBatch;
use std::io;
use std::iter::Peekable;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Messages per system call, each a packet or a piece.
const MESSAGES_MAX: usize = 64;
/// Packets per system call.
const VECTORS_MAX: usize = 128;
/// Packets of a piece (`UDP_MAX_SEGMENTS` of older kernels).
const SEGMENTS_MAX: usize = 64;
/// Bytes of a piece: what one datagram of IPv4 could hold.
const PIECE_BYTES_MAX: usize = 65_507;
/// Datagrams, or pieces of them, received per system call.
const RECEIVED_MAX: usize = 16;
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
            let (raw, length) = RawAddress::new(address, ipv6);
            // SAFETY: `raw` holds an address of `length` bytes and lives through the call.
            system::check(unsafe { libc::bind(fd.as_raw_fd(), raw.as_ptr(), length) })
        };
        prepare().map_err(|source| UdpError::Bind { address, source })?;
        Ok(Self { fd, ipv6, sends_segments: true })
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

    /// Marks all that is sent, for routing rules (`SO_MARK`); 0 is no mark.
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        system::set_option(&self.fd, libc::SOL_SOCKET, libc::SO_MARK, &mark)
    }

    /// Appends the packets that wait, as far as they fit, and where they came from; gives how many.
    ///
    /// Packets longer than a region of the batch are dropped. They are received in place.
    pub fn receive_batch(
        &mut self,
        batch: &mut PacketBatch,
        sources: &mut Vec<SocketAddr>,
    ) -> io::Result<usize> {
        let before = batch.len();
        while !batch.is_full() {
            match receive_some(self.fd.as_fd(), batch, sources) {
                // The queue is empty.
                Ok(false) => break,
                Ok(true) => {}
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
            let mut vectors = [system::zeroed::<libc::iovec>(); VECTORS_MAX];
            let mut controls = [SegmentControl::default(); MESSAGES_MAX];
            let mut messages = [system::zeroed::<libc::mmsghdr>(); MESSAGES_MAX];
            let (mut count, mut used) = (0, 0);
            while count < MESSAGES_MAX && used < VECTORS_MAX {
                let room = if self.sends_segments { VECTORS_MAX - used } else { 1 };
                let free = &mut vectors[used..used + room.min(SEGMENTS_MAX)];
                let Some(piece) = fill(&mut packets, free) else { break };
                let header = &mut messages[count].msg_hdr;
                let length;
                (names[count], length) = RawAddress::new(piece.to, self.ipv6);
                header.msg_name = names[count].as_mut_ptr().cast();
                header.msg_namelen = length;
                header.msg_iov = vectors[used..].as_mut_ptr();
                header.msg_iovlen = piece.packets;
                if piece.packets > 1 {
                    controls[count] = SegmentControl::new(piece.packet_bytes);
                    header.msg_control = std::ptr::from_mut(&mut controls[count]).cast();
                    header.msg_controllen = size_of::<SegmentControl>();
                }
                used += piece.packets;
                count += 1;
            }
            self.send_some(&mut messages[..count], &mut written);
        }
        written
    }

    /// Sends prepared messages; one that is refused does not hold the others up.
    fn send_some(&mut self, mut messages: &mut [libc::mmsghdr], written: &mut Written) {
        while !messages.is_empty() {
            // SAFETY: each message points to a name, vectors and packets that the caller keeps.
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
                    let packets = messages[..sent].iter().map(|one| one.msg_hdr.msg_iovlen);
                    written.packets += packets.sum::<usize>();
                    sent
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => {
                    self.send_apart(&mut messages[0].msg_hdr, &error, written);
                    1
                }
            };
            messages = &mut messages[done..];
        }
    }

    /// After a refusal: what was one piece goes packet by packet, and a device that cannot checksum
    /// what it cuts (EIO, udp(7)) gets no more pieces.
    fn send_apart(
        &mut self,
        refused: &mut libc::msghdr,
        error: &io::Error,
        written: &mut Written,
    ) {
        if refused.msg_iovlen <= 1 {
            written.dropped += 1;
            return;
        }
        if error.raw_os_error() == Some(libc::EIO) {
            self.sends_segments = false;
        }
        (refused.msg_control, refused.msg_controllen) = (std::ptr::null_mut(), 0);
        let packets = std::mem::replace(&mut refused.msg_iovlen, 1);
        for _ in 0..packets {
            // SAFETY: the message points to a name and to one of its vectors, which the caller keeps.
            let result =
                unsafe { libc::sendmsg(self.fd.as_raw_fd(), refused, libc::MSG_DONTWAIT) };
            written.count(1, system::check_count(result).is_ok());
            // SAFETY: there are as many vectors, one behind the other; the last step ends behind them.
            refused.msg_iov = unsafe { refused.msg_iov.add(1) };
        }
    }
}

/// Packets that are sent in one piece.
struct Piece {
    to: SocketAddr,
    packets: usize,
    packet_bytes: usize,
}

/// Fills vectors with packets that go to one place and have one size, but for the last one.
fn fill<'a>(
    packets: &mut Peekable<impl Iterator<Item = (SocketAddr, &'a [u8])>>,
    vectors: &mut [libc::iovec],
) -> Option<Piece> {
    let (to, first) = packets.next()?;
    let vector = |packet: &[u8]| libc::iovec {
        // The kernel only reads from it.
        iov_base: packet.as_ptr().cast_mut().cast(),
        iov_len: packet.len(),
    };
    vectors[0] = vector(first);
    let (mut count, mut bytes, mut last) = (1, first.len(), first.len());
    while count < vectors.len() && last == first.len() {
        let fits = |(other, packet): &(SocketAddr, &[u8])| {
            *other == to && packet.len() <= first.len() && bytes + packet.len() <= PIECE_BYTES_MAX
        };
        let Some((_, packet)) = packets.next_if(fits) else { break };
        vectors[count] = vector(packet);
        count += 1;
        bytes += packet.len();
        last = packet.len();
    }
    Some(Piece { to, packets: count, packet_bytes: first.len() })
}

/// Receives what waits, into the free regions of a batch; whether there may be more.
fn receive_some(
    fd: BorrowedFd<'_>,
    batch: &mut PacketBatch,
    sources: &mut Vec<SocketAddr>,
) -> io::Result<bool> {
    let mut names = [RawAddress::empty(); RECEIVED_MAX];
    let mut vectors = [system::zeroed::<libc::iovec>(); RECEIVED_MAX];
    let mut controls = [SegmentControl::default(); RECEIVED_MAX];
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
        header.msg_controllen = size_of::<SegmentControl>();
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
        match names[index].get().filter(|_| is_whole && length > 0) {
            Some(source) => {
                let part_bytes = controls[index].part_bytes(header.msg_controllen);
                match part_bytes.filter(|bytes| *bytes < length) {
                    Some(bytes) => {
                        let parts = batch.commit_parts(length, bytes);
                        sources.extend(std::iter::repeat_n(source, parts));
                    }
                    None if batch.room_for() > 0 => {
                        batch.commit(length);
                        sources.push(source);
                    }
                    None => batch.skip(),
                }
            }
            // Cut short, empty, or from nowhere.
            None => batch.skip(),
        }
    }
    Ok(received == count)
}

/// One control message with the size of the parts of a piece: `UDP_SEGMENT` when sending (16 bits),
/// `UDP_GRO` when receiving (32 bits).
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct SegmentControl {
    header: libc::cmsghdr,
    value: [u8; 8],
}

impl Default for SegmentControl {
    fn default() -> Self {
        Self { header: system::zeroed(), value: [0; 8] }
    }
}

impl SegmentControl {
    fn new(part_bytes: usize) -> Self {
        let mut control = Self::default();
        control.header.cmsg_len = size_of::<libc::cmsghdr>() + size_of::<u16>();
        control.header.cmsg_level = libc::SOL_UDP;
        control.header.cmsg_type = libc::UDP_SEGMENT;
        // A packet is below 2^16.
        control.value[..2].copy_from_slice(&(part_bytes as u16).to_ne_bytes());
        control
    }

    /// What the kernel says of the parts, if it has filled `received_bytes` of this.
    fn part_bytes(&self, received_bytes: usize) -> Option<usize> {
        let is_said = received_bytes >= size_of::<libc::cmsghdr>() + size_of::<u32>()
            && self.header.cmsg_level == libc::SOL_UDP
            && self.header.cmsg_type == libc::UDP_GRO;
        let bytes = u32::from_ne_bytes([self.value[0], self.value[1], self.value[2], self.value[3]]);
        usize::try_from(bytes).ok().filter(|bytes| is_said && *bytes > 0)
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
