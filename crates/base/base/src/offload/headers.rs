//! Where headers of a packet begin, and whose addresses it has.

use super::{IPV4_HEADER_BYTES, IPV6_HEADER_BYTES};
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
