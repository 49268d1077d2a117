//! The ways in which kernels and network cards have been seen to cut pieces wrongly.

use netloom_base::PacketBatch;
use netloom_base::checksum;
use netloom_base::packet::{IpView, PROTOCOL_UDP};

const IP_BYTES: usize = 20;
const UDP_BYTES: usize = 8;

/// What becomes of the parts of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They are right.
    None,
    /// All but the first have another byte, and the checksum to it.
    Payload,
    /// All but the first have a wrong checksum.
    Checksum,
    /// All but the first say a wrong length in the header of UDP.
    Length,
    /// Two and two become one.
    Merged,
    /// Each fourth becomes two.
    Split,
    /// The piece is not cut at all.
    Uncut,
    /// Only the first comes.
    OnlyFirst,
    /// The first does not come.
    FirstLost,
    /// A shorter last one does not come.
    TailLost,
    /// Each eighth does not come.
    EighthLost,
}

impl Fault {
    pub(crate) const ALL: [Self; 11] = [
        Self::None,
        Self::Payload,
        Self::Checksum,
        Self::Length,
        Self::Merged,
        Self::Split,
        Self::Uncut,
        Self::OnlyFirst,
        Self::FirstLost,
        Self::TailLost,
        Self::EighthLost,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Payload => "bytes damaged",
            Self::Checksum => "checksums wrong",
            Self::Length => "lengths wrong",
            Self::Merged => "pairs merged",
            Self::Split => "each fourth split",
            Self::Uncut => "pieces not cut",
            Self::OnlyFirst => "all but the first lost",
            Self::FirstLost => "the first lost",
            Self::TailLost => "shorter ends lost",
            Self::EighthLost => "each eighth lost",
        }
    }

    /// What comes of a piece's parts, which are IPv4 and UDP.
    pub(crate) fn applied(self, piece: &PacketBatch) -> Vec<Vec<u8>> {
        let parts: Vec<Vec<u8>> = piece.iter().map(<[u8]>::to_vec).collect();
        if parts.iter().any(|part| part.len() <= IP_BYTES + UDP_BYTES || part[9] != PROTOCOL_UDP) {
            return parts;
        }
        let payload = |part: &[u8]| part[IP_BYTES + UDP_BYTES..].to_vec();
        let numbered = parts.iter().enumerate();
        match self {
            Self::None => parts,
            Self::Payload => numbered.map(|(place, part)| damaged(place, part)).collect(),
            Self::Checksum => numbered.map(|(place, part)| flipped(place, part, 26)).collect(),
            Self::Length => numbered.map(|(place, part)| flipped(place, part, 25)).collect(),
            Self::Merged => {
                let merge = |pair: &[Vec<u8>]| {
                    datagram(
                        &pair[0],
                        &pair.iter().flat_map(|part| payload(part)).collect::<Vec<_>>(),
                    )
                };
                parts.chunks(2).map(merge).collect()
            }
            Self::Split => {
                let split = |(place, part): (usize, &Vec<u8>)| {
                    let bytes = payload(part);
                    let cut = if place % 4 == 3 { bytes.len() / 2 } else { bytes.len() };
                    let (first, second) = bytes.split_at(cut);
                    let halves = [first, second].into_iter().filter(|half| !half.is_empty());
                    halves.map(|half| datagram(part, half)).collect::<Vec<_>>()
                };
                numbered.flat_map(split).collect()
            }
            Self::Uncut => {
                let bytes: Vec<u8> = parts.iter().flat_map(|part| payload(part)).collect();
                vec![datagram(&parts[0], &bytes)]
            }
            Self::OnlyFirst => parts.into_iter().take(1).collect(),
            Self::FirstLost => parts.into_iter().skip(1).collect(),
            Self::TailLost => {
                let full = parts[0].len();
                parts.into_iter().filter(|part| part.len() == full).collect()
            }
            Self::EighthLost => {
                let numbered = parts.into_iter().enumerate();
                numbered.filter(|(place, _)| place % 8 != 7).map(|(_, part)| part).collect()
            }
        }
    }
}

fn damaged(place: usize, part: &[u8]) -> Vec<u8> {
    let mut bytes = part[IP_BYTES + UDP_BYTES..].to_vec();
    if place > 0 {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x20;
    }
    datagram(part, &bytes)
}

fn flipped(place: usize, part: &[u8], at: usize) -> Vec<u8> {
    let mut part = part.to_vec();
    if place > 0 {
        part[at] ^= 0x5a;
    }
    part
}

/// A datagram with the addresses and ports of `like`, and checksums that are right.
fn datagram(like: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut packet = like[..IP_BYTES + UDP_BYTES].to_vec();
    packet.extend_from_slice(payload);
    // At most a piece of 64 KiB.
    let total = packet.len().min(usize::from(u16::MAX));
    packet.truncate(total);
    packet[2..4].copy_from_slice(&(total as u16).to_be_bytes());
    packet[24..26].copy_from_slice(&((total - IP_BYTES) as u16).to_be_bytes());
    packet[10..12].fill(0);
    packet[26..28].fill(0);
    let header_sum = checksum::internet(&packet[..IP_BYTES]);
    packet[10..12].copy_from_slice(&header_sum.to_be_bytes());
    if let Some(view) = IpView::parse(&packet) {
        let sum =
            checksum::transport(view.source, view.destination, PROTOCOL_UDP, &packet[IP_BYTES..]);
        packet[26..28].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}
