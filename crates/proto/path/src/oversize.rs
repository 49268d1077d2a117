//! What becomes of a packet that its path does not take: its sender is told, or it goes in parts.

use crate::reassembly::FRAGMENTED_BYTES_MAX;
use netloom_base::checksum;
use netloom_base::packet::{IpView, PROTOCOL_ICMP, PROTOCOL_ICMPV6};
use std::net::IpAddr;

/// What of a packet is quoted: the whole error stays below 576 bytes (RFC 1812 §4.3.2.3).
const QUOTED_BYTES_MAX: usize = 512;
/// "Don't fragment" among the flags of IPv4.
const DONT_FRAGMENT: u8 = 0x40;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;
const IPV4_HEADER_BYTES: usize = 20;
/// Options of IPv4 without a length, and the bit of those that all fragments have.
const OPTION_END: u8 = 0;
const OPTION_NOTHING: u8 = 1;
const OPTION_COPIED: u8 = 0x80;

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oversize {
    /// The sender gets this packet: "fragmentation needed" (RFC 1191), "packet too big" (RFC 4443 §3.2).
    Tell(Vec<u8>),
    /// It goes as fragments of IPv4, which its receiver puts together (RFC 791).
    Fragments(Vec<Vec<u8>>),
    /// It goes in parts inside the tunnel: [`crate::fragments`].
    Parts,
    /// It is an error itself or asks for none, so nobody is told.
    Drop,
}

impl Oversize {
    /// Of a packet longer than `path_bytes`.
    pub fn of(packet: &[u8], path_bytes: usize) -> Self {
        let Some(view) = IpView::parse(packet) else { return Self::Drop };
        if view.total_bytes <= FRAGMENTED_BYTES_MAX && view.source.is_ipv6() {
            return Self::Parts;
        }
        if view.source.is_ipv4() && packet[6] & DONT_FRAGMENT == 0 {
            return fragments_v4(packet, &view, path_bytes).map_or(Self::Drop, Self::Fragments);
        }
        tell(packet, &view, path_bytes).map_or(Self::Drop, Self::Tell)
    }
}

/// The error, as if the destination had sent it: an address that the sender's route has behind the tunnel, so that no
/// reverse path filter refuses it.
fn tell(packet: &[u8], view: &IpView<'_>, path_bytes: usize) -> Option<Vec<u8>> {
    let is_error = match (view.protocol, view.payload.first()?) {
        (PROTOCOL_ICMP, kind) => !matches!(kind, 0 | 8 | 13..=18),
        (PROTOCOL_ICMPV6, kind) => *kind < 128,
        _ => false,
    };
    if is_error || view.destination.is_multicast() || view.source.is_unspecified() {
        return None;
    }
    let quoted = &packet[..view.total_bytes.min(QUOTED_BYTES_MAX)];
    match (view.source, view.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let is_later_fragment =
                u16::from_be_bytes([packet[6], packet[7]]) & FRAGMENT_OFFSET != 0;
            if is_later_fragment || destination.is_broadcast() {
                return None;
            }
            let mut error = vec![0x45, 0xc0, 0, 0, 0, 0, 0, 0, 64, PROTOCOL_ICMP, 0, 0];
            error.extend_from_slice(&destination.octets());
            error.extend_from_slice(&source.octets());
            error.extend_from_slice(&[3, 4, 0, 0, 0, 0]);
            error.extend_from_slice(&u16::try_from(path_bytes).unwrap_or(u16::MAX).to_be_bytes());
            error.extend_from_slice(quoted);
            let total = error.len() as u16;
            error[2..4].copy_from_slice(&total.to_be_bytes());
            let sum = checksum::internet(&error[..20]);
            error[10..12].copy_from_slice(&sum.to_be_bytes());
            let sum = checksum::internet(&error[20..]);
            error[22..24].copy_from_slice(&sum.to_be_bytes());
            Some(error)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            // A host is not asked for less than it must support.
            let mtu = path_bytes.max(FRAGMENTED_BYTES_MAX) as u32;
            let body_bytes = (8 + quoted.len()) as u16;
            let mut error = vec![0x60, 0, 0, 0];
            error.extend_from_slice(&body_bytes.to_be_bytes());
            error.extend_from_slice(&[PROTOCOL_ICMPV6, 64]);
            error.extend_from_slice(&destination.octets());
            error.extend_from_slice(&source.octets());
            error.extend_from_slice(&[2, 0, 0, 0]);
            error.extend_from_slice(&mtu.to_be_bytes());
            error.extend_from_slice(quoted);
            let (from, to) = (view.destination, view.source);
            let sum = checksum::transport(from, to, PROTOCOL_ICMPV6, &error[40..]);
            error[42..44].copy_from_slice(&sum.to_be_bytes());
            Some(error)
        }
        _ => None,
    }
}

/// The fragments of an IPv4 packet that allows them; `None` if its header leaves no room.
fn fragments_v4(packet: &[u8], view: &IpView<'_>, path_bytes: usize) -> Option<Vec<Vec<u8>>> {
    let header_bytes = view.total_bytes - view.payload.len();
    let part_bytes = path_bytes.checked_sub(header_bytes)? & !7;
    if part_bytes == 0 {
        return None;
    }
    let flags = u16::from_be_bytes([packet[6], packet[7]]);
    let later_header = header_of_later_fragments(&packet[..header_bytes]);
    let parts = view.payload.chunks(part_bytes).enumerate().map(|(place, part)| {
        let is_last = (place + 1) * part_bytes >= view.payload.len();
        let more = if is_last { flags & MORE_FRAGMENTS } else { MORE_FRAGMENTS };
        // Below 2^13, as the packet is below 2^16.
        let offset = (flags & FRAGMENT_OFFSET) + (place * part_bytes / 8) as u16;
        let header = if place == 0 { &packet[..header_bytes] } else { &later_header };
        let mut fragment = [header, part].concat();
        let total = fragment.len() as u16;
        fragment[2..4].copy_from_slice(&total.to_be_bytes());
        fragment[6..8].copy_from_slice(&(more | (offset & FRAGMENT_OFFSET)).to_be_bytes());
        fragment[10..12].fill(0);
        let sum = checksum::internet(&fragment[..header.len()]);
        fragment[10..12].copy_from_slice(&sum.to_be_bytes());
        fragment
    });
    Some(parts.collect())
}

/// The header of IPv4 with only those options that later fragments have, too (RFC 791 §3.1). One that makes no sense stays as it is:
/// who receives the packet tells its sender.
fn header_of_later_fragments(header: &[u8]) -> Vec<u8> {
    let (fixed, mut options) = header.split_at(IPV4_HEADER_BYTES);
    let mut later = fixed.to_vec();
    while let Some(kind) = options.first().filter(|kind| **kind != OPTION_END) {
        let length = if *kind == OPTION_NOTHING { Some(1) } else { options.get(1).copied() };
        let length = usize::from(length.unwrap_or(0));
        if length == 0 || length > options.len() || (length == 1 && *kind != OPTION_NOTHING) {
            return header.to_vec();
        }
        let (option, rest) = options.split_at(length);
        if kind & OPTION_COPIED != 0 {
            later.extend_from_slice(option);
        }
        options = rest;
    }
    later.resize(later.len().next_multiple_of(4), OPTION_END);
    // At most 60 bytes, as the whole header.
    later[0] = 0x40 | (later.len() / 4) as u8;
    later
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_base::packet::PROTOCOL_UDP;
    use proptest::prelude::*;

    fn packet_v4(payload_bytes: usize, flags: u8, protocol: u8) -> Vec<u8> {
        let total = (20 + payload_bytes) as u16;
        let mut packet = vec![0x45, 0, 0, 0, 0, 9, flags, 0, 64, protocol, 0, 0];
        packet.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        packet.extend((0..payload_bytes).map(|n| n as u8));
        packet
    }

    fn packet_v6(payload_bytes: usize, protocol: u8) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, protocol, 64];
        packet[4..6].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
        packet.extend_from_slice(&[0xfd; 15]);
        packet.push(1);
        packet.extend_from_slice(&[0xfd; 15]);
        packet.push(2);
        packet.extend((0..payload_bytes).map(|n| n as u8));
        packet
    }

    #[test]
    fn senders_are_told_and_the_errors_verify() {
        let packet = packet_v4(1380, DONT_FRAGMENT, PROTOCOL_UDP);
        let Oversize::Tell(error) = Oversize::of(&packet, 1300) else { panic!("no error") };
        let view = IpView::parse(&error).unwrap();
        assert_eq!((view.total_bytes, view.protocol), (error.len(), PROTOCOL_ICMP));
        assert_eq!(view.destination.to_string(), "10.0.0.1");
        assert_eq!(view.payload[..2], [3, 4]);
        assert_eq!(view.payload[6..8], 1300_u16.to_be_bytes());
        assert_eq!(checksum::internet(view.payload), 0);
        assert_eq!(checksum::internet(&error[..20]), 0);
        assert_eq!(view.payload[8..], packet[..QUOTED_BYTES_MAX]);

        let packet = packet_v6(1380, PROTOCOL_UDP);
        let Oversize::Tell(error) = Oversize::of(&packet, 1200) else { panic!("no error") };
        let view = IpView::parse(&error).unwrap();
        assert_eq!(view.payload[..2], [2, 0]);
        assert_eq!(view.payload[4..8], 1280_u32.to_be_bytes(), "never below 1280");
        let sum = checksum::transport(view.source, view.destination, 58, view.payload);
        assert_eq!(sum, 0);
    }

    #[test]
    fn nobody_is_told_of_errors() {
        let mut error = packet_v4(1380, DONT_FRAGMENT, PROTOCOL_ICMP);
        error[20] = 3;
        assert_eq!(Oversize::of(&error, 1300), Oversize::Drop);
        let mut error = packet_v6(1380, PROTOCOL_ICMPV6);
        error[40] = 1;
        assert_eq!(Oversize::of(&error, 1300), Oversize::Drop);
        let mut echo = packet_v4(1380, DONT_FRAGMENT, PROTOCOL_ICMP);
        echo[20] = 8;
        assert!(matches!(Oversize::of(&echo, 1300), Oversize::Tell(_)));
        assert_eq!(Oversize::of(&[0x45; 30], 1300), Oversize::Drop);
    }

    #[test]
    fn later_fragments_have_the_options_that_are_copied() {
        let record_route = [7, 7, 4, 0, 0, 0, 0];
        let source_route = [131, 7, 4, 10, 0, 0, 9];
        let router_alert = [148, 4, 0, 0];
        let with = |options: &[u8]| {
            let mut packet = packet_v4(1400, 0, PROTOCOL_UDP);
            packet.splice(20..20, options.iter().copied());
            packet[0] = 0x45 + (options.len() / 4) as u8;
            let total = packet.len() as u16;
            packet[2..4].copy_from_slice(&total.to_be_bytes());
            packet
        };
        let copied = [&source_route[..], &router_alert, &[0]].concat();
        for (options, later) in [
            ([&record_route[..], &source_route, &[1], &router_alert, &[0]].concat(), copied),
            ([&record_route[..], &[0]].concat(), vec![]),
            // A length that is too long, too short, or not there.
            (vec![148, 9, 0, 0], vec![148, 9, 0, 0]),
            (vec![148, 1, 0, 0], vec![148, 1, 0, 0]),
            (vec![1, 1, 1, 148], vec![1, 1, 1, 148]),
        ] {
            let packet = with(&options);
            let Oversize::Fragments(parts) = Oversize::of(&packet, 700) else { panic!("whole") };
            let mut payload = Vec::new();
            for (place, part) in parts.iter().enumerate() {
                let view = IpView::parse(part).expect("a packet");
                let header = &part[..part.len() - view.payload.len()];
                assert_eq!(&header[20..], if place == 0 { &options } else { &later });
                assert_eq!(checksum::internet(header), 0);
                let offset = u16::from_be_bytes([part[6], part[7]]) & FRAGMENT_OFFSET;
                assert_eq!(usize::from(offset) * 8, payload.len());
                payload.extend_from_slice(view.payload);
            }
            assert_eq!(payload, packet[20 + options.len()..]);
        }
    }

    #[test]
    fn what_ipv6_promises_goes_in_parts() {
        assert_eq!(Oversize::of(&packet_v6(1240, PROTOCOL_UDP), 1200), Oversize::Parts);
        assert!(matches!(Oversize::of(&packet_v6(1241, PROTOCOL_UDP), 1200), Oversize::Tell(_)));
    }

    proptest! {
        #[test]
        fn fragments_put_together_are_the_packet(
            payload_bytes in 1300..3000_usize,
            path_bytes in 1200..1300_usize,
        ) {
            let packet = packet_v4(payload_bytes, 0, PROTOCOL_UDP);
            let Oversize::Fragments(parts) = Oversize::of(&packet, path_bytes) else {
                return Err(TestCaseError::fail("no fragments"));
            };
            let mut payload = Vec::new();
            for (place, part) in parts.iter().enumerate() {
                prop_assert!(part.len() <= path_bytes);
                prop_assert_eq!(checksum::internet(&part[..20]), 0);
                let flags = u16::from_be_bytes([part[6], part[7]]);
                prop_assert_eq!(usize::from(flags & FRAGMENT_OFFSET) * 8, payload.len());
                prop_assert_eq!(flags & MORE_FRAGMENTS == 0, place + 1 == parts.len());
                payload.extend_from_slice(&part[20..]);
            }
            prop_assert_eq!(&payload[..], &packet[20..]);
        }

        #[test]
        fn any_bytes_are_handled_without_panic(
            mut packet in proptest::collection::vec(any::<u8>(), 0..1500),
            version in any::<bool>(),
            path_bytes in 0..1500_usize,
        ) {
            if let Some(first) = packet.first_mut() {
                *first = if version { 0x45 } else { 0x60 };
            }
            let _ = Oversize::of(&packet, path_bytes);
        }
    }
}
