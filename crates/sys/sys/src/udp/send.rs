//! Sending: packets of one size to one place in one piece, as far as the devices below take that.

use super::control::ControlMessage;
use super::{Pieces, Route, UdpSocket};
use crate::address::RawAddress;
use crate::system;
use crate::tunnel::Written;
use std::io;
use std::iter::Peekable;
use std::os::fd::AsRawFd as _;

/// Packets per system call.
const VECTORS_MAX: usize = 128;
/// Packets of a piece (`UDP_MAX_SEGMENTS` of older kernels).
const SEGMENTS_MAX: usize = 64;
/// Bytes of a piece: what one datagram of IPv4 could hold.
const PIECE_BYTES_MAX: usize = 65_507;

impl UdpSocket {
    /// Sends packets, each on its route: an address, or a [`Route`]. What the kernel refuses is dropped, as on
    /// any wire.
    pub fn send<'a, R: Into<Route>>(
        &mut self,
        packets: impl IntoIterator<Item = (R, &'a [u8])>,
    ) -> Written {
        self.send_leaving(packets, 0).0
    }

    /// Sends as [`Self::send`] does, but for the last packets if they are a piece which more would fit into: up to `leave_max` are left,
    /// to be given again ahead of those. Gives how many are.
    pub fn send_leaving<'a, R: Into<Route>>(
        &mut self,
        packets: impl IntoIterator<Item = (R, &'a [u8])>,
        leave_max: usize,
    ) -> (Written, usize) {
        let packets = packets.into_iter().map(|(route, packet)| (route.into(), packet));
        let (mut packets, mut written) = (packets.peekable(), Written::default());
        // Room for many messages is memory that is cold after a rest, and most often one of few is sent.
        let mut left = self.send_round::<2>(&mut packets, leave_max, &mut written);
        while packets.peek().is_some() {
            left = self.send_round::<64>(&mut packets, leave_max, &mut written);
        }
        (written, left)
    }

    /// One system call with at most so many messages, each a packet or a piece; gives how many packets are left for another piece.
    fn send_round<'a, const MESSAGES: usize>(
        &mut self,
        packets: &mut Peekable<impl Iterator<Item = (Route, &'a [u8])>>,
        leave_max: usize,
        written: &mut Written,
    ) -> usize {
        let Some((Route { may_fragment, .. }, _)) = packets.peek().copied() else { return 0 };
        self.set_may_fragment(may_fragment);
        let mut names = [RawAddress::empty(); MESSAGES];
        let mut vectors = [system::zeroed::<libc::iovec>(); VECTORS_MAX];
        let mut controls = [[ControlMessage::default(); 2]; MESSAGES];
        let mut messages = [system::zeroed::<libc::mmsghdr>(); MESSAGES];
        let (mut count, mut used, mut left) = (0, 0, 0);
        while count < MESSAGES && used < VECTORS_MAX {
            let room = if self.sends_segments { VECTORS_MAX - used } else { 1 };
            let free = &mut vectors[used..used + room.min(SEGMENTS_MAX)];
            if packets.peek().is_some_and(|(route, _)| route.may_fragment != may_fragment) {
                break;
            }
            let Some(piece) = fill(packets, free) else { break };
            if piece.takes_more && piece.packets <= leave_max && packets.peek().is_none() {
                left = piece.packets;
                break;
            }
            let header = &mut messages[count].msg_hdr;
            let length;
            (names[count], length) = RawAddress::new(piece.route.to, self.ipv6);
            header.msg_name = names[count].as_mut_ptr().cast();
            header.msg_namelen = length;
            header.msg_iov = vectors[used..].as_mut_ptr();
            header.msg_iovlen = piece.packets;
            let said = say(&piece, &mut controls[count]);
            if said > 0 {
                header.msg_control = controls[count].as_mut_ptr().cast();
                header.msg_controllen = said * size_of::<ControlMessage>();
            }
            used += piece.packets;
            count += 1;
        }
        self.send_some(&mut messages[..count], written);
        left
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
    fn send_apart(&mut self, refused: &mut libc::msghdr, error: &io::Error, written: &mut Written) {
        if refused.msg_iovlen <= 1 {
            written.dropped += 1;
            return;
        }
        if error.raw_os_error() == Some(libc::EIO) {
            self.sends_segments = false;
        }
        // What was said of its parts was said last.
        refused.msg_controllen -= size_of::<ControlMessage>();
        if refused.msg_controllen == 0 {
            refused.msg_control = std::ptr::null_mut();
        }
        let packets = std::mem::replace(&mut refused.msg_iovlen, 1);
        for _ in 0..packets {
            // SAFETY: the message points to a name and to one of its vectors, which the caller keeps.
            let result = unsafe { libc::sendmsg(self.fd.as_raw_fd(), refused, libc::MSG_DONTWAIT) };
            written.count(1, system::check_count(result).is_ok());
            // SAFETY: there are as many vectors, one behind the other; the last step ends behind them.
            refused.msg_iov = unsafe { refused.msg_iov.add(1) };
        }
    }
}

/// Packets that are sent in one piece.
struct Piece {
    route: Route,
    packets: usize,
    packet_bytes: usize,
    /// Whether one more packet of that size would fit.
    takes_more: bool,
}

/// Says what has to be said of a piece; gives how many messages that takes.
fn say(piece: &Piece, controls: &mut [ControlMessage; 2]) -> usize {
    let Route { to, ecn, .. } = piece.route;
    let mut said = 0;
    if ecn != 0 {
        let is_ipv6 = to.ip().to_canonical().is_ipv6();
        controls[said] = ControlMessage::ecn(ecn, is_ipv6);
        said += 1;
    }
    if piece.packets > 1 {
        controls[said] = ControlMessage::segment(piece.packet_bytes);
        said += 1;
    }
    said
}

/// Fills vectors with packets that go to one place and have one size, but for the last one.
fn fill<'a>(
    packets: &mut Peekable<impl Iterator<Item = (Route, &'a [u8])>>,
    vectors: &mut [libc::iovec],
) -> Option<Piece> {
    let (route, first) = packets.next()?;
    let vector = |packet: &[u8]| libc::iovec {
        // The kernel only reads from it.
        iov_base: packet.as_ptr().cast_mut().cast(),
        iov_len: packet.len(),
    };
    vectors[0] = vector(first);
    let (mut count, mut bytes, mut last) = (1, first.len(), first.len());
    let most = if route.pieces == Pieces::None { 1 } else { vectors.len() };
    while count < most && last == first.len() {
        let fits = |(other, packet): &(Route, &[u8])| {
            let is_part = match route.pieces {
                Pieces::Any => packet.len() <= first.len(),
                Pieces::Equal | Pieces::None => packet.len() == first.len(),
            };
            *other == route && is_part && bytes + packet.len() <= PIECE_BYTES_MAX
        };
        let Some((_, packet)) = packets.next_if(fits) else { break };
        vectors[count] = vector(packet);
        count += 1;
        bytes += packet.len();
        last = packet.len();
    }
    let is_even = last == first.len() && bytes + last <= PIECE_BYTES_MAX;
    let takes_more = count < most && is_even;
    Some(Piece { route, packets: count, packet_bytes: first.len(), takes_more })
}
