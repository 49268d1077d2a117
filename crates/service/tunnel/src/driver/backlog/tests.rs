//! Order of what leaves a backlog: small flows ahead of bulk, each flow in its own order.

use super::*;
use proptest::prelude::*;

const PACKET_BYTES_MAX: usize = 1500;

/// A UDP packet of IPv4 with a number in its payload.
fn packet(port: u16, number: u32, bytes: usize) -> Vec<u8> {
    let bytes = bytes.max(32);
    let mut packet = vec![0; bytes];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&(bytes as u16).to_be_bytes());
    packet[9] = 17;
    packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[20..22].copy_from_slice(&port.to_be_bytes());
    packet[22..24].copy_from_slice(&9u16.to_be_bytes());
    packet[28..32].copy_from_slice(&number.to_be_bytes());
    packet
}

/// Its port and number.
fn told(packet: &[u8]) -> (u16, u32) {
    let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    (word(20), u32::from(word(28)) << 16 | u32::from(word(30)))
}

fn read(backlog: &mut Backlog, packets: &[Vec<u8>]) -> bool {
    let filled = backlog.fill(|batch| {
        assert!(batch.is_empty());
        packets.iter().for_each(|packet| assert!(batch.push(packet)));
        Ok::<_, ()>(packets.len())
    });
    filled.is_some()
}

/// What leaves in one turn: all that goes ahead, then one batch of bulk.
fn turn(backlog: &mut Backlog) -> Vec<(u16, u32)> {
    let mut sent = Vec::new();
    backlog.send_ahead(|batch| sent.extend(batch.iter().map(told)));
    let mut more = None;
    backlog.send_bulk(|batch, more_waits| {
        sent.extend(batch.iter().map(told));
        more = Some(more_waits);
    });
    assert!(more.is_none_or(|more| more != backlog.bulk.is_empty()), "what follows the bulk");
    sent
}

#[test]
fn a_small_packet_goes_ahead_of_the_bulk_of_others() {
    let mut backlog = Backlog::new(PACKET_BYTES_MAX);
    let piece = |from: u32| (from..from + 40).map(|n| packet(1, n, 1400)).collect::<Vec<_>>();
    for from in [0, 40, 80] {
        assert!(read(&mut backlog, &piece(from)));
    }
    assert!(read(&mut backlog, &[packet(7, 0, 200)]));
    // It belongs to the bulk: the end of a message that was cut into the pieces before it.
    assert!(read(&mut backlog, &[packet(1, 120, 90)]));
    let first = turn(&mut backlog);
    assert_eq!(first[0], (7, 0));
    assert_eq!(first[1..], (0..40).map(|n| (1, n)).collect::<Vec<_>>());
    let rest: Vec<_> = std::iter::repeat_with(|| turn(&mut backlog)).take(3).flatten().collect();
    assert_eq!(rest, (40..121).map(|n| (1, n)).collect::<Vec<_>>());
    assert!(backlog.is_empty());
}

#[test]
fn parts_of_packets_and_what_has_no_ports_stay_where_they_are() {
    let mut fragment = packet(7, 0, 200);
    fragment[6] = 0x20;
    let mut tunnelled = packet(7, 0, 200);
    tunnelled[9] = 47;
    for odd in [fragment, tunnelled, vec![0x45, 0, 0]] {
        assert_eq!(flow(&odd), None);
    }
    assert_eq!(flow(&packet(7, 0, 200)), flow(&packet(7, 1, 100)));
    assert_ne!(flow(&packet(7, 0, 200)), flow(&packet(8, 0, 200)));
}

#[test]
fn a_small_packet_does_not_overtake_fragments_of_its_flow() {
    let mut first = packet(7, 0, 1400);
    first[6] = 0x20;
    let mut last = packet(7, 0, 300);
    last[7] = 0xad;
    let mut backlog = Backlog::new(PACKET_BYTES_MAX);
    for one in [first, last, packet(7, 1, 100)] {
        assert!(read(&mut backlog, &[one]));
    }
    // Fragments of others, as their addresses say, are no reason to wait.
    let mut other = packet(7, 9, 100);
    other[19] = 3;
    assert!(read(&mut backlog, &[other]));
    let sent: Vec<_> = std::iter::repeat_with(|| turn(&mut backlog)).take(3).flatten().collect();
    assert_eq!(sent, [(7, 9), (7, 0), (7, 0), (7, 1)]);
}

#[test]
fn a_small_packet_of_ipv6_does_not_overtake_what_lies_behind_extension_headers() {
    // A fragment header, and destination options in a piece: both hide that it is UDP.
    for (header, parts) in [(44, 1), (60, 2)] {
        let packet = |next: u8, bytes: usize| {
            let mut packet = vec![0; 40 + bytes];
            packet[0] = 0x60;
            packet[4..6].copy_from_slice(&(bytes as u16).to_be_bytes());
            packet[6] = next;
            (packet[23], packet[39]) = (1, 2);
            packet
        };
        let mut backlog = Backlog::new(PACKET_BYTES_MAX);
        assert!(read(&mut backlog, &vec![packet(header, 1200); parts]));
        assert!(read(&mut backlog, &[packet(17, 100)]));
        backlog.send_ahead(|_| panic!("it has overtaken header {header}"));
    }
}

#[test]
fn no_more_is_read_than_there_is_room_for() {
    let mut backlog = Backlog::new(PACKET_BYTES_MAX);
    let long = |n| [packet(1, n, 1400), packet(1, n, 1400)];
    let taken = (0..).take_while(|n| read(&mut backlog, &long(*n))).count();
    assert_eq!(taken, BULK_BATCHES_MAX);
    turn(&mut backlog);
    assert!(read(&mut backlog, &long(9)), "there is room again");
}

proptest! {
    #[test]
    fn each_flow_stays_in_order_and_nothing_is_lost(
        reads in proptest::collection::vec((1u16..5, prop_oneof![Just(100usize), Just(1400)], 1usize..4, any::<bool>()), 1..200),
    ) {
        let mut backlog = Backlog::new(PACKET_BYTES_MAX);
        let (mut next, mut sent) = ([0u32; 5], Vec::new());
        for (port, bytes, count, has_turn) in reads {
            let first = next[usize::from(port)];
            let packets: Vec<_> = (0..count as u32).map(|n| packet(port, first + n, bytes)).collect();
            while !read(&mut backlog, &packets) {
                sent.extend(turn(&mut backlog));
            }
            next[usize::from(port)] += count as u32;
            if has_turn {
                sent.extend(turn(&mut backlog));
            }
        }
        while !backlog.is_empty() {
            sent.extend(turn(&mut backlog));
        }
        for port in 1..5u16 {
            let numbers: Vec<u32> = sent.iter().filter(|one| one.0 == port).map(|one| one.1).collect();
            prop_assert_eq!(numbers, (0..next[usize::from(port)]).collect::<Vec<_>>());
        }
    }
}
