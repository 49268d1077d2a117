//! Where headers of a packet begin, whose addresses it has, and what its IP header says of its length.

use super::{IPV4_HEADER_BYTES, IPV6_HEADER_BYTES};
use crate::checksum;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Extension headers that the kernel leaves before a piece (RFC 8200 §4): all begin with the next header, and their length in
/// units of eight bytes without the first.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const DESTINATION_OPTIONS: u8 = 60;

/// Where what follows the IP header begins, options of IPv4 passed over, and its protocol: of IPv6 the first next header.
pub(crate) fn transport(packet: &[u8]) -> Option<(usize, u8)> {
    match packet.first()? >> 4 {
        4 => {
            let header_bytes = usize::from(packet[0] & 0x0f) * 4;
            (header_bytes >= IPV4_HEADER_BYTES && packet.len() > header_bytes)
                .then(|| (header_bytes, packet[9]))
        }
        6 => (packet.len() > IPV6_HEADER_BYTES).then(|| (IPV6_HEADER_BYTES, packet[6])),
        _ => None,
    }
}

/// The addresses in an IP header.
pub(crate) fn addresses(ip: &[u8]) -> (IpAddr, IpAddr) {
    if ip[0] >> 4 == 4 {
        let address =
            |at: usize| IpAddr::from(Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]));
        return (address(12), address(16));
    }
    let address = |at: usize| {
        let octets: [u8; 16] = ip[at..at + 16].try_into().expect("a whole IPv6 header");
        IpAddr::from(Ipv6Addr::from(octets))
    };
    (address(8), address(24))
}

/// [`transport`], with extension headers of IPv6 passed over.
pub(super) fn transport_behind_extensions(packet: &[u8]) -> Option<(usize, u8)> {
    let (mut at, mut protocol) = transport(packet)?;
    if packet[0] >> 4 == 6 {
        while matches!(protocol, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS) {
            let [next, units] = *packet.get(at..)?.first_chunk()?;
            protocol = next;
            at += (usize::from(units) + 1) * 8;
        }
    }
    (at < packet.len()).then_some((at, protocol))
}

/// Sets what the IP header says of lengths: of IPv4 also the identification, which goes up by the
/// number of the part, and the header's checksum.
pub(crate) fn set_ip_length(ip: &mut [u8], packet_bytes: usize, number: u16) {
    set_ip_length_and_sum(ip, packet_bytes, number, ip_sum(ip));
}

/// [`set_ip_length`] with what [`ip_sum`] gives of the header.
pub(super) fn set_ip_length_and_sum(ip: &mut [u8], packet_bytes: usize, number: u16, sum: u64) {
    // A packet has at most 65,535 bytes.
    if ip[0] >> 4 == 4 {
        let length = packet_bytes as u16;
        let identification = u16::from_be_bytes([ip[4], ip[5]]).wrapping_add(number);
        let checksum = checksum::of_sum(sum + u64::from(length) + u64::from(identification));
        ip[2..4].copy_from_slice(&length.to_be_bytes());
        ip[4..6].copy_from_slice(&identification.to_be_bytes());
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    } else {
        let payload_bytes = (packet_bytes - IPV6_HEADER_BYTES) as u16;
        ip[4..6].copy_from_slice(&payload_bytes.to_be_bytes());
    }
}

/// The sum of an IP header of IPv4 without its length, identification and checksum; zero of IPv6, which has none.
pub(super) fn ip_sum(ip: &[u8]) -> u64 {
    if ip[0] >> 4 != 4 {
        return 0;
    }
    [&ip[..2], &ip[6..10], &ip[12..]].into_iter().map(|words| checksum::sum(words, 0)).sum()
}
