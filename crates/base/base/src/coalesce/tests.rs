//! What is put together and split again is what it was, whatever is between.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::offload::Splitter;
use std::net::IpAddr;

const TCP_ACK: u8 = 0x10;

/// A packet of a flow: `ports`, sequence number, flags and payload.
fn packet(
    ipv6: bool,
    tcp: bool,
    ports: [u16; 2],
    sequence: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut ip = if ipv6 {
        let mut ip = vec![0x60, 0, 0, 0, 0, 0, if tcp { 6 } else { 17 }, 64];
        ip.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        ip.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        ip
    } else {
        vec![
            0x45,
            0,
            0,
            0,
            0x12,
            0x34,
            0x40,
            0,
            64,
            if tcp { 6 } else { 17 },
            0,
            0,
            10,
            0,
            0,
            1,
            10,
            0,
            0,
            2,
        ]
    };
    let mut segment = Vec::new();
    ports.iter().for_each(|port| segment.extend(port.to_be_bytes()));
    if tcp {
        segment.extend(sequence.to_be_bytes());
        segment.extend(77_u32.to_be_bytes());
        segment.extend([0x80, flags, 1, 2, 0, 0, 0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
        // A whole number of words.
        segment[12] = ((segment.len() / 4) << 4) as u8;
        while segment.len() % 4 != 0 {
            segment.push(0);
        }
    } else {
        segment.extend((8 + payload.len() as u16).to_be_bytes());
        segment.extend([0, 0]);
    }
    segment.extend(payload);
    let length = ip.len() + segment.len();
    set_ip_length(&mut ip, length, 0);
    let (source, destination): (IpAddr, IpAddr) = addresses(&ip);
    let sum = checksum::transport(source, destination, if tcp { 6 } else { 17 }, &segment);
    let at = if tcp { 16 } else { 6 };
    segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    [ip, segment].concat()
}

/// Puts together, and splits as the kernel would.
fn there_and_back(packets: &[Vec<u8>]) -> (usize, Vec<Vec<u8>>) {
    let mut coalescer = Coalescer::new(true);
    for (index, packet) in (0..).zip(packets) {
        coalescer.add(index, packet, false);
    }
    let mut found = Vec::new();
    for run in coalescer.runs() {
        let mut header = [0; HEADER_BYTES_MAX];
        let (said, is_ipv6) = run.header(&mut header);
        let mut large = header[..run.header_bytes()].to_vec();
        for index in run.packets() {
            large.extend(&packets[*index as usize][run.header_bytes()..]);
        }
        assert_eq!(OffloadHeader::read(&said.write(is_ipv6)), Some(said));
        let Some(mut splitter) = Splitter::new(&said, &large) else {
            assert_eq!(run.packets().len(), 1);
            found.push(large);
            continue;
        };
        let mut slot = vec![0; splitter.part_bytes_max()];
        while let Some(length) = splitter.next(&large, &mut slot) {
            found.push(slot[..length].to_vec());
        }
    }
    (coalescer.runs().len(), found)
}

/// Of IPv4, the identification is made anew: with "don't fragment" it means nothing (RFC 6864).
fn same(left: &[u8], right: &[u8]) -> bool {
    let without = |packet: &[u8]| {
        let mut packet = packet.to_vec();
        if packet[0] >> 4 == 4 {
            packet[4..6].fill(0);
            packet[10..12].fill(0);
        }
        packet
    };
    without(left) == without(right)
}

#[test]
fn a_stream_becomes_one_packet_and_the_same_segments_again() {
    for ipv6 in [false, true] {
        let mut packets = Vec::new();
        for number in 0..20_u32 {
            let flags = if number == 19 { TCP_ACK | TCP_PSH } else { TCP_ACK };
            let bytes = if number == 19 { 333 } else { 1000 };
            packets.push(packet(
                ipv6,
                true,
                [1, 2],
                5_000 + number * 1000,
                flags,
                &vec![number as u8; bytes],
            ));
        }
        let (runs, found) = there_and_back(&packets);
        assert_eq!((runs, found.len()), (1, 20));
        assert!(found.iter().zip(&packets).all(|(found, packet)| same(found, packet)));
    }
}

#[test]
fn datagrams_of_one_size_become_one_packet() {
    for ipv6 in [false, true] {
        let packets: Vec<Vec<u8>> =
            (0..30).map(|n| packet(ipv6, false, [7, 8], 0, 0, &[n; 172])).collect();
        let (runs, found) = there_and_back(&packets);
        assert_eq!(runs, 1);
        assert!(found.iter().zip(&packets).all(|(found, packet)| same(found, packet)));
    }
}

#[test]
fn what_does_not_continue_a_stream_stays_apart_and_in_order() {
    let data = [9; 500];
    let tcp = |ports, sequence, flags| packet(false, true, ports, sequence, flags, &data);
    let mut wrong = tcp([1, 2], 1500, TCP_ACK);
    *wrong.last_mut().unwrap() ^= 1;
    let cases: [(&str, Vec<Vec<u8>>, usize); 6] = [
        ("a hole", vec![tcp([1, 2], 1000, TCP_ACK), tcp([1, 2], 1600, TCP_ACK)], 2),
        (
            "a wrong checksum",
            vec![tcp([1, 2], 1000, TCP_ACK), wrong, tcp([1, 2], 2000, TCP_ACK)],
            3,
        ),
        ("the end", vec![tcp([1, 2], 1000, TCP_ACK), tcp([1, 2], 1500, TCP_ACK | 1)], 2),
        ("pushed", vec![tcp([1, 2], 1000, TCP_ACK | TCP_PSH), tcp([1, 2], 1500, TCP_ACK)], 2),
        (
            "two flows",
            vec![
                tcp([1, 2], 1000, TCP_ACK),
                tcp([3, 4], 1000, TCP_ACK),
                tcp([1, 2], 1500, TCP_ACK),
                tcp([3, 4], 1500, TCP_ACK),
            ],
            2,
        ),
        ("no IP", vec![vec![1, 2, 3], vec![], vec![0x45; 19]], 3),
    ];
    for (name, packets, expected) in cases {
        let (runs, found) = there_and_back(&packets);
        assert_eq!(runs, expected, "{name}");
        let flow = |packet: &Vec<u8>| packet.get(20..24).map(<[u8]>::to_vec);
        for one in &packets {
            let of = |all: &[Vec<u8>]| -> Vec<Vec<u8>> {
                all.iter().filter(|other| flow(other) == flow(one)).cloned().collect()
            };
            let (before, after) = (of(&packets), of(&found));
            assert_eq!(before.len(), after.len(), "{name}");
            assert!(before.iter().zip(&after).all(|(a, b)| a.len() < 20 || same(a, b)), "{name}");
        }
    }
}

#[test]
fn hostile_bytes_are_neither_put_together_nor_split() {
    let mut state = 1_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let base = packet(false, true, [1, 2], 1, TCP_ACK, &[5; 100]);
    for _ in 0..20_000 {
        let mut bytes = base.clone();
        for _ in 0..4 {
            let at = usize::from(next()) % bytes.len();
            bytes[at] = next();
        }
        bytes.truncate(usize::from(next()) % (bytes.len() + 1));
        let mut coalescer = Coalescer::new(true);
        coalescer.add(0, &bytes, false);
        coalescer.add(1, &bytes, false);
        let said: [u8; 10] = std::array::from_fn(|_| next());
        let Some(said) = OffloadHeader::read(&said) else { continue };
        if let Some(mut splitter) = Splitter::new(&said, &bytes) {
            let mut slot = vec![0; splitter.part_bytes_max()];
            while splitter.next(&bytes, &mut slot).is_some() {}
        }
        if let Some(place) = said.checksum {
            let _ = crate::offload::complete_checksum(&mut bytes, place);
        }
    }
}

/// A packet without its checksum, as a kernel leaves it to a device.
fn left_out(mut packet: Vec<u8>) -> Vec<u8> {
    let (at, offset) = checksum_place(&packet).unwrap();
    let (source, destination) = addresses(&packet);
    let protocol = if offset == 16 { 6 } else { 17 };
    let segment_bytes = packet.len() - usize::from(at);
    let sum = checksum::pseudo_header(source, destination, protocol, segment_bytes);
    let place = usize::from(at + offset);
    packet[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    packet
}

#[test]
fn checksums_that_are_left_out_end_up_in_their_place() {
    for (ipv6, tcp) in [(false, true), (true, true), (false, false), (true, false)] {
        let whole: Vec<Vec<u8>> = [[7_u8; 100], [9; 100], [8; 100]]
            .iter()
            .zip(0..)
            .map(|(payload, number)| {
                packet(ipv6, tcp, [5, 6], 1000 + number * 100, TCP_ACK, payload)
            })
            .collect();
        let left: Vec<Vec<u8>> = whole.iter().cloned().map(left_out).collect();
        assert_ne!(left, whole);
        // In a batch, one by one.
        let mut batch = crate::PacketBatch::new(1, 1500);
        assert!(batch.push(&left[0]) && !batch.is_partial(0));
        batch.set_partial(0, true);
        batch.complete_checksum(0);
        assert_eq!((batch.packet(0), batch.is_partial(0)), (&whole[0][..], false));
        // Put together, which gives the kernel the whole.
        let mut coalescer = Coalescer::new(true);
        (0..).zip(&left).for_each(|(index, packet)| coalescer.add(index, packet, true));
        let [run] = coalescer.runs() else { panic!("{} runs", coalescer.runs().len()) };
        assert_eq!(run.packets(), [0, 1, 2]);
        let mut header = [0; HEADER_BYTES_MAX];
        let (said, _) = run.header(&mut header);
        let mut large = header[..run.header_bytes()].to_vec();
        left.iter().for_each(|packet| large.extend_from_slice(&packet[run.header_bytes()..]));
        let mut slot = [0; 1500];
        let mut splitter = Splitter::new(&said, &large).unwrap();
        let length = splitter.next(&large, &mut slot).unwrap();
        assert!(ipv6 || slot[..length] == whole[0], "split as the kernel does");
        // And split again without them.
        let mut splitter = Splitter::new(&said, &large).unwrap().leaving_checksums(true);
        let length = splitter.next(&large, &mut slot).unwrap();
        assert_eq!(slot[..length], left[0]);
        // A packet that stays alone says where its checksum goes.
        coalescer.clear();
        coalescer.add(0, &left[1], true);
        let (said, _) = coalescer.runs()[0].header(&mut header);
        assert_eq!((said.checksum, said.is_valid), (checksum_place(&left[1]), false));
        // One that nobody vouches for is no part of a run.
        coalescer.clear();
        (0..).zip(&left).for_each(|(index, packet)| coalescer.add(index, packet, false));
        assert_eq!(coalescer.runs().len(), 3);
        assert!(
            coalescer
                .runs()
                .iter()
                .all(|run| run.header(&mut header).0 == OffloadHeader::default())
        );
    }
}
