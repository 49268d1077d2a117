//! Marks of congestion go with packets into the tunnel, and come out of it with them (RFC 6040).

use crate::path::packet_v6;
use crate::world::{MTU, NETWORK, World, inner_address, packet};
use netloom_base::{PacketBatch, ecn};
use netloom_node::wireguard::message::DATA_OVERHEAD_BYTES;
use netloom_node::{DropReason, Inbound, Outbound};
use std::time::Duration;

/// A packet whose sender takes marks, or not.
fn marked(number: u32, ecn: u8) -> Vec<u8> {
    let mut packet = packet(inner_address(0), inner_address(1), number, 200);
    packet[1] = ecn;
    packet
}

#[test]
fn marks_go_in_and_come_out() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(2);
    let now = world.now;
    // What packets have, what happens to them on the way, and what is handed on.
    let cases = [
        (0, 0, Some(0)),
        (1, 1, Some(1)),
        (2, 2, Some(2)),
        (3, 3, Some(3)),
        (2, 3, Some(3)),
        (1, 3, Some(3)),
        (2, 1, Some(1)),
        (0, 3, None),
    ];
    let mut batch = PacketBatch::new(cases.len(), MTU);
    for (number, (inner, ..)) in (0..).zip(cases) {
        assert!(batch.push(&marked(number, inner)));
    }
    let (mut outbound, mut inbound) = (Outbound::new(), Inbound::new());
    world.hosts[0].node.handle_inner(now, NETWORK, &mut batch, &mut outbound);
    assert_eq!(outbound.destinations().map(|one| one.packets.len()).sum::<usize>(), cases.len());
    let mut arriving = PacketBatch::new(cases.len(), MTU + 100);
    for (index, (inner, met, _)) in cases.into_iter().enumerate() {
        assert_eq!(batch.ecn(index), inner, "outside as inside");
        assert!(arriving.push(batch.packet(index)));
        arriving.set_ecn(index, met);
    }
    let from = world.hosts[0].address;
    world.hosts[1].node.handle_outer(now, from, &mut arriving, &mut inbound);
    let arrived = inbound.arrivals().flat_map(|arrival| arrival.packets);
    let arrived: Vec<u8> = arrived.map(|index| ecn::of(arriving.packet(*index as usize))).collect();
    assert_eq!(arrived, cases.iter().filter_map(|(_, _, handed)| *handed).collect::<Vec<_>>());
    let counters = world.hosts[1].node.counters();
    assert_eq!(counters.dropped(DropReason::CongestionExperienced), 1);
}

#[test]
fn what_waits_for_a_session_keeps_its_marks() {
    let mut world = World::pair(2);
    let packets: Vec<_> = (0..4).map(|ecn| marked(u32::from(ecn), ecn)).collect();
    world.send_packets(0, NETWORK, &packets);
    world.run_secs(1);
    let left = world.wire.iter().zip(&world.marks);
    let of_type = |kind: u8| {
        let these = left.clone().filter(move |((.., datagram), _)| datagram[0] == kind);
        these.map(|(_, mark)| *mark).collect::<Vec<u8>>()
    };
    assert_eq!((of_type(1), of_type(2)), (vec![0], vec![0]), "handshakes take no marks");
    assert_eq!(of_type(4), [0, 1, 2, 3]);
    assert_eq!(world.hosts[1].received.len(), 4);
}

/// RFC 3168 §5.3: a packet has met what any of its parts has.
#[test]
fn what_goes_in_parts_keeps_its_marks_and_takes_over_what_its_parts_met() {
    let mut world = World::nodes(3);
    world.takes_bytes = 1200 + DATA_OVERHEAD_BYTES;
    for number in 0..60 {
        let mut packet = packet(inner_address(0), inner_address(1), number, 1400);
        packet[6] = 0x40;
        world.send_packets(0, NETWORK, &[packet]);
        world.run(Duration::from_millis(20));
    }
    let is_long = |datagram: &[u8]| datagram.len() > 1200;
    for (ecn, met, handed) in
        [(0, None, Some(0)), (2, None, Some(2)), (2, Some(3), Some(3)), (0, Some(3), None)]
    {
        let (before, start) = (world.hosts[1].given.len(), world.wire.len());
        let mut packet = packet_v6(7, 1280);
        ecn::set(&mut packet, ecn);
        world.met = met;
        world.send_packets(0, NETWORK, &[packet]);
        world.run(Duration::from_millis(15));
        world.met = None;
        let parts = (start..world.wire.len()).filter(|at| is_long(&world.wire[*at].2));
        let marks: Vec<u8> = parts.map(|at| world.marks[at]).collect();
        assert_eq!(marks, [ecn], "outside as inside");
        let given: Vec<u8> =
            world.hosts[1].given[before..].iter().map(|packet| ecn::of(packet)).collect();
        assert_eq!(given, Vec::from_iter(handed), "{ecn} that met {met:?}");
    }
    let counters = world.hosts[1].node.counters();
    assert_eq!(counters.dropped(DropReason::CongestionExperienced), 1);
}
