//! Marks of congestion go with packets into the tunnel, and come out of it with them (RFC 6040).

use crate::world::{MTU, NETWORK, World, inner_address, packet};
use netloom_base::{PacketBatch, ecn};
use netloom_node::{DropReason, Inbound, Outbound};

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
