//! Pieces with headers between those of IP and of the transport: each part has them, and a checksum that its receiver accepts.

use super::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const SEGMENT_BYTES: u16 = 1352;
const PAYLOAD_BYTES: usize = 5000;
const DESTINATION_OPTIONS: u8 = 60;
const ROUTING: u8 = 43;

/// A piece as the kernel hands it over: behind `between`, with the sum of the pseudo-header from the source to `last`.
fn piece(ip: Vec<u8>, between: &[u8], gso: Gso, source: IpAddr, last: IpAddr) -> Vec<u8> {
    let mut transport = vec![0; if gso == Gso::Tcp { 20 } else { UDP_HEADER_BYTES }];
    if gso == Gso::Tcp {
        (transport[12], transport[13]) = (0x50, 0x10 | TCP_PSH);
    }
    transport.extend((0..PAYLOAD_BYTES).map(|at| (at * 7) as u8));
    let sum = checksum::pseudo_header(source, last, gso.protocol(), transport.len());
    let at = gso.checksum_at();
    transport[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    let mut packet = [&ip[..], between, &transport].concat();
    let bytes = packet.len();
    set_ip_length(&mut packet[..ip.len() + between.len()], bytes, 0);
    packet
}

fn said(transport_at: usize, gso: Gso) -> OffloadHeader {
    OffloadHeader {
        checksum: Some((transport_at as u16, gso.checksum_at() as u16)),
        segments: Some((gso, SEGMENT_BYTES)),
        ..OffloadHeader::default()
    }
}

/// Splits, and looks whether each part has the headers, the next of the payload, and the right checksum; gives how many there were.
fn parts(piece: &[u8], transport_at: usize, gso: Gso, (source, last): (IpAddr, IpAddr)) -> usize {
    let mut splitter = Splitter::new(&said(transport_at, gso), piece).expect("it can be split");
    let mut slot = vec![0; splitter.part_bytes_max()];
    let (mut payload, mut count) = (Vec::<u8>::new(), 0);
    while let Some(length) = splitter.next(piece, &mut slot) {
        let (ip, transport) = slot[..length].split_at(transport_at);
        assert_eq!(&ip[20..], &piece[20..transport_at], "the headers in between");
        assert!(ip[0] >> 4 == 6 || checksum::internet(ip) == 0, "the IP header of part {count}");
        let sum = checksum::transport(source, last, gso.protocol(), transport);
        assert_eq!(sum, 0, "the checksum of part {count}");
        payload.extend(&transport[splitter.header_bytes - transport_at..]);
        count += 1;
    }
    assert_eq!(payload, &piece[splitter.header_bytes..]);
    count
}

#[test]
fn a_piece_behind_extension_headers_is_split() {
    let source = Ipv6Addr::from([0xfd; 16]);
    let (first, last) = (Ipv6Addr::from([0xfe; 16]), Ipv6Addr::from([0xfc; 16]));
    let options = |next: u8| vec![next, 0, 1, 4, 0, 0, 0, 0];
    let routing = |next: u8| {
        // A type 2 routing header (RFC 6275 §6.4): its address is the last destination.
        [&[next, 2, 2, 1, 0, 0, 0, 0][..], &last.octets()].concat()
    };
    for gso in [Gso::Tcp, Gso::Udp] {
        let next = gso.protocol();
        for (first_header, between, seen) in [
            (DESTINATION_OPTIONS, options(next), first),
            (0, [options(DESTINATION_OPTIONS), options(next)].concat(), first),
            (ROUTING, routing(next), last),
            (0, [options(ROUTING), routing(DESTINATION_OPTIONS), options(next)].concat(), last),
        ] {
            let ip =
                [&[0x60, 0, 0, 0, 0, 0, first_header, 64], &source.octets()[..], &first.octets()];
            let (source, seen) = (source.into(), seen.into());
            let piece = piece(ip.concat(), &between, gso, source, seen);
            let at = IPV6_HEADER_BYTES + between.len();
            assert_eq!(parts(&piece, at, gso, (source, seen)), 4);
            // Who is told that a checksum is left out would not find its place.
            let splitter = Splitter::new(&said(at, gso), &piece).unwrap();
            assert!(!splitter.leaving_checksums(true).leaves_checksums());
            assert!(
                Splitter::new(&said(at - 8, gso), &piece).is_none(),
                "the kernel says otherwise"
            );
        }
    }
}

#[test]
fn a_piece_with_a_source_route_keeps_the_sum_of_its_last_destination() {
    let (source, last) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 9));
    let mut ip = vec![0x47, 0, 0, 0, 0, 1, 0x40, 0, 64, PROTOCOL_TCP, 0, 0];
    ip.extend(source.octets().iter().chain(&[10, 0, 0, 2]));
    // Loose source and record route (RFC 791 §3.1), one hop to go.
    ip.extend([0x83, 7, 4].iter().chain(&last.octets()).chain(&[0]));
    let piece = piece(ip, &[], Gso::Tcp, source.into(), last.into());
    assert_eq!(parts(&piece, 28, Gso::Tcp, (source.into(), last.into())), 4);
}

#[test]
fn headers_that_lead_nowhere_are_no_piece() {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, 0, 64];
    packet.extend([0xfd; 32]);
    for length in 0..64 {
        // Each says that another one follows, or that it goes on behind the end.
        packet.resize(IPV6_HEADER_BYTES + length, 0);
        assert!(Splitter::new(&said(IPV6_HEADER_BYTES, Gso::Tcp), &packet).is_none());
        packet.resize(IPV6_HEADER_BYTES + length, 0xff);
        assert!(Splitter::new(&said(IPV6_HEADER_BYTES, Gso::Tcp), &packet).is_none());
    }
}
