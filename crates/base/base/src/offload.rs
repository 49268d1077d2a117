//! Large packets that stand for many: what the kernel says of them, and splitting them as a device would.
//!
//! ```text
//! struct virtio_net_hdr (virtio 1.2 §5.1.6), 10 bytes, native byte order:
//!  0 flags  1 gso_type  2 hdr_len  4 gso_size  6 csum_start  8 csum_offset
//! ```

mod headers;

use crate::checksum;
use crate::packet::{PROTOCOL_TCP, PROTOCOL_UDP};
pub(crate) use headers::{addresses, set_ip_length, transport};
use headers::{ip_sum, set_ip_length_and_sum};

/// Bytes of the header before each packet.
pub const OFFLOAD_HEADER_BYTES: usize = 10;
/// Longest packet with its IP header.
pub const LARGE_PACKET_BYTES_MAX: usize = 65_535;

const NEEDS_CHECKSUM: u8 = 1;
const CHECKSUM_VALID: u8 = 2;
const GSO_NONE: u8 = 0;
const GSO_TCP_V4: u8 = 1;
const GSO_TCP_V6: u8 = 4;
const GSO_UDP: u8 = 5;
const GSO_ECN: u8 = 0x80;
const IPV4_HEADER_BYTES: usize = 20;
const IPV6_HEADER_BYTES: usize = 40;
const UDP_HEADER_BYTES: usize = 8;
const TCP_FIN: u8 = 0x01;
const TCP_PSH: u8 = 0x08;
const TCP_CWR: u8 = 0x80;

/// What a large packet is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gso {
    /// One TCP stream.
    Tcp,
    /// UDP datagrams of one flow.
    Udp,
}

impl Gso {
    pub(crate) fn protocol(self) -> u8 {
        match self {
            Self::Tcp => PROTOCOL_TCP,
            Self::Udp => PROTOCOL_UDP,
        }
    }

    /// Where the checksum stands in the transport header.
    pub(crate) fn checksum_at(self) -> usize {
        match self {
            Self::Tcp => 16,
            Self::Udp => 6,
        }
    }
}

/// What is said of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OffloadHeader {
    /// Where the checksum begins, and how far behind that it is to be put; none if it is there.
    pub checksum: Option<(u16, u16)>,
    /// Whether the checksum is known to be right.
    pub is_valid: bool,
    /// Of what the packet is made, and how many bytes of payload each part has.
    pub segments: Option<(Gso, u16)>,
    /// Bytes of IP and transport header, where there are segments.
    pub header_bytes: u16,
}

impl OffloadHeader {
    /// Reads what stands before a packet. `None` for a kind that was not asked for.
    pub fn read(bytes: &[u8; OFFLOAD_HEADER_BYTES]) -> Option<Self> {
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let gso = match bytes[1] & !GSO_ECN {
            GSO_NONE => None,
            GSO_TCP_V4 | GSO_TCP_V6 => Some(Gso::Tcp),
            GSO_UDP => Some(Gso::Udp),
            _ => return None,
        };
        let segments = gso.map(|gso| (gso, word(4)));
        if segments.is_some_and(|(_, bytes)| bytes == 0) {
            return None;
        }
        Some(Self {
            checksum: (bytes[0] & NEEDS_CHECKSUM != 0).then(|| (word(6), word(8))),
            is_valid: bytes[0] & CHECKSUM_VALID != 0,
            segments,
            header_bytes: word(2),
        })
    }

    /// What is to stand before a packet of an IP version.
    pub fn write(&self, is_ipv6: bool) -> [u8; OFFLOAD_HEADER_BYTES] {
        let mut bytes = [0; OFFLOAD_HEADER_BYTES];
        let (start, offset) = self.checksum.unwrap_or_default();
        bytes[0] = if self.checksum.is_some() { NEEDS_CHECKSUM } else { 0 }
            | if self.is_valid { CHECKSUM_VALID } else { 0 };
        bytes[1] = match self.segments {
            None => GSO_NONE,
            Some((Gso::Tcp, _)) if is_ipv6 => GSO_TCP_V6,
            Some((Gso::Tcp, _)) => GSO_TCP_V4,
            Some((Gso::Udp, _)) => GSO_UDP,
        };
        let segment_bytes = self.segments.map_or(0, |(_, bytes)| bytes);
        for (at, word) in [(2, self.header_bytes), (4, segment_bytes), (6, start), (8, offset)] {
            bytes[at..at + 2].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }
}

/// Splits one large packet, part after part.
#[derive(Clone, Copy, Debug)]
pub struct Splitter {
    gso: Gso,
    transport_at: usize,
    header_bytes: usize,
    segment_bytes: usize,
    /// The sum of the IP header without what differs between parts; zero of IPv6, which has no checksum.
    ip_sum: u64,
    /// The sum of the pseudo-header of no bytes: as the kernel has it, where its addresses may not be those of the IP header, since a
    /// routing header or a source route has the last one.
    pseudo_sum: u16,
    /// Whether who is told that a checksum is left out finds its place.
    can_leave_checksums: bool,
    /// The next byte of payload, and the number of the next part.
    at: usize,
    number: u16,
    leaves_checksums: bool,
}

impl Splitter {
    /// For a packet of which `header` is said. `None` if that makes no sense of this packet.
    pub fn new(header: &OffloadHeader, packet: &[u8]) -> Option<Self> {
        let (gso, segment_bytes) = header.segments?;
        // What the header says of lengths is not relied on: kernels have been seen to leave it out.
        let (transport_at, protocol) = headers::transport_behind_extensions(packet)?;
        let transport_bytes = match (gso, protocol) {
            (Gso::Tcp, PROTOCOL_TCP) => usize::from(packet.get(transport_at + 12)? >> 4) * 4,
            (Gso::Udp, PROTOCOL_UDP) => UDP_HEADER_BYTES,
            _ => return None,
        };
        let header_bytes = transport_at + transport_bytes;
        let is_whole = transport_bytes >= UDP_HEADER_BYTES
            && (gso == Gso::Udp || transport_bytes >= 20)
            && packet.len() > header_bytes;
        if !is_whole {
            return None;
        }
        let place = gso.checksum_at();
        // Headers in between are trusted only where the kernel says that they end there, too.
        let is_said = header.checksum == Some((u16::try_from(transport_at).ok()?, place as u16));
        let fixed_bytes = if packet[0] >> 4 == 4 { IPV4_HEADER_BYTES } else { IPV6_HEADER_BYTES };
        if fixed_bytes == IPV6_HEADER_BYTES && transport_at > fixed_bytes && !is_said {
            return None;
        }
        let pseudo_sum = if is_said && transport_at > fixed_bytes {
            let sum = &packet[transport_at + place..][..2];
            let sum = u16::from_be_bytes([sum[0], sum[1]]);
            checksum::pseudo_header_of_part(sum, packet.len() - transport_at, 0)
        } else {
            let (source, destination) = addresses(packet);
            checksum::pseudo_header(source, destination, gso.protocol(), 0)
        };
        Some(Self {
            gso,
            transport_at,
            header_bytes,
            segment_bytes: usize::from(segment_bytes),
            ip_sum: ip_sum(&packet[..transport_at]),
            pseudo_sum,
            can_leave_checksums: checksum_place(packet).is_some(),
            at: header_bytes,
            number: 0,
            leaves_checksums: false,
        })
    }

    /// Leaves the checksums of the parts out, if [`checksum_place`] finds where they go: the sum of the pseudo-header is put in
    /// their place.
    #[must_use]
    pub fn leaving_checksums(self, leaves_checksums: bool) -> Self {
        Self { leaves_checksums: leaves_checksums && self.can_leave_checksums, ..self }
    }

    /// Whether the checksums of the parts are left out.
    pub fn leaves_checksums(&self) -> bool {
        self.leaves_checksums
    }

    /// Bytes of the longest part.
    pub fn part_bytes_max(&self) -> usize {
        self.header_bytes + self.segment_bytes
    }

    /// Writes the next part into `slot`; gives its length, or nothing after the last one.
    ///
    /// # Panics
    /// If the slot is shorter than [`Self::part_bytes_max`], or `packet` is another one: bugs of the
    /// caller.
    pub fn next(&mut self, packet: &[u8], slot: &mut [u8]) -> Option<usize> {
        let payload = packet.get(self.at..).filter(|rest| !rest.is_empty())?;
        let payload = &payload[..payload.len().min(self.segment_bytes)];
        let length = self.header_bytes + payload.len();
        let part = &mut slot[..length];
        part[..self.header_bytes].copy_from_slice(&packet[..self.header_bytes]);
        part[self.header_bytes..].copy_from_slice(payload);
        let (first, sent) = (self.number == 0, self.at - self.header_bytes);
        self.at += payload.len();
        let last = self.at == packet.len();
        let (ip, transport) = part.split_at_mut(self.transport_at);
        set_ip_length_and_sum(ip, length, self.number, self.ip_sum);
        match self.gso {
            Gso::Tcp => {
                let sequence =
                    u32::from_be_bytes([transport[4], transport[5], transport[6], transport[7]]);
                // Sent bytes are below 2^16.
                let sequence = sequence.wrapping_add(sent as u32);
                transport[4..8].copy_from_slice(&sequence.to_be_bytes());
                if !last {
                    transport[13] &= !(TCP_FIN | TCP_PSH);
                }
                if !first {
                    transport[13] &= !TCP_CWR;
                }
            }
            Gso::Udp => {
                let bytes = transport.len() as u16;
                transport[4..6].copy_from_slice(&bytes.to_be_bytes());
            }
        }
        self.set_transport_checksum(transport);
        self.number += 1;
        Some(length)
    }

    fn set_transport_checksum(&self, transport: &mut [u8]) {
        let (bytes, at) = (transport.len(), self.gso.checksum_at());
        let sum = checksum::pseudo_header_of_part(self.pseudo_sum, 0, bytes);
        transport[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        if !self.leaves_checksums {
            complete_checksum(transport, (0, at as u16));
        }
    }
}

/// Puts a checksum that was left to the device into a packet that is not split. `false` if its place
/// is not in the packet.
pub fn complete_checksum(packet: &mut [u8], (start, offset): (u16, u16)) -> bool {
    let (start, offset) = (usize::from(start), usize::from(offset));
    let Some(rest) = packet.get_mut(start..) else { return false };
    if rest.len() < offset + 2 {
        return false;
    }
    // The sum of the pseudo-header stands there already, and is summed with the rest.
    let mut checksum = checksum::internet(rest);
    if checksum == 0 && offset == 6 {
        // UDP: zero would say that there is none (RFC 768).
        checksum = 0xffff;
    }
    rest[offset..offset + 2].copy_from_slice(&checksum.to_be_bytes());
    true
}

/// Where the checksum of a packet of TCP or UDP begins, and how far behind that it is put; `None` for others, for fragments, and
/// behind extension headers.
pub fn checksum_place(packet: &[u8]) -> Option<(u16, u16)> {
    let (transport_at, protocol) = transport(packet)?;
    let is_fragment =
        packet[0] >> 4 == 4 && u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff != 0;
    let (offset, header_bytes) = match protocol {
        PROTOCOL_TCP => (16, 20),
        PROTOCOL_UDP => (6, UDP_HEADER_BYTES),
        _ => return None,
    };
    let is_whole = packet.len() >= transport_at + header_bytes && !is_fragment;
    // An IP header has at most 60 bytes.
    is_whole.then_some((transport_at as u16, offset))
}

#[cfg(test)]
mod tests;
