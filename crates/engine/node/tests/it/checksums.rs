//! Checksums that are left out between nodes that both know of it, and put in for all others.

use crate::world::{MTU, NETWORK, World, inner_address, key, packet};
use netloom_base::checksum;
use netloom_node::wireguard::message::PARTIAL_DATA;
use netloom_node::{NetworkConfig, PeerConfig};

impl World {
    /// Both hosts are nodes, and their devices leave checksums out.
    fn leaving_checksums(seed: u64) -> Self {
        let mut world = Self::pair(seed);
        world.leaves_checksums = true;
        for host in 0..2 {
            let config = NetworkConfig::new(key(host, NETWORK), MTU);
            world.hosts[host].node.set_network(world.now, NETWORK, &config).unwrap();
            let peer = PeerConfig { is_node: true, ..world.peer_config(1 - host) };
            world.set_peer(host, peer);
        }
        world
    }

    /// Sends datagrams of UDP that lack their checksum from the first host to the second, ten a second.
    fn send_left_out(&mut self, numbers: std::ops::Range<u32>) {
        let (from, to) = (inner_address(0), inner_address(1));
        for number in numbers {
            let mut datagram = packet(from, to, number, 1200);
            let udp_bytes = datagram.len() - 20;
            datagram[24..26].copy_from_slice(&u16::try_from(udp_bytes).unwrap().to_be_bytes());
            let sum = checksum::pseudo_header(from.into(), to.into(), 17, udp_bytes);
            datagram[26..28].copy_from_slice(&sum.to_be_bytes());
            self.send_packets(0, NETWORK, &[datagram]);
            self.run(std::time::Duration::from_millis(100));
        }
    }

    fn assert_checksums_are_right(&self, count: usize) {
        let received = &self.hosts[1].received;
        assert_eq!(received.len(), count);
        for (_, datagram) in received {
            let (from, to) = (inner_address(0).into(), inner_address(1).into());
            assert_eq!(checksum::transport(from, to, 17, &datagram[20..]), 0);
        }
    }
}

#[test]
fn nodes_leave_checksums_out_once_both_have_said_so() {
    let mut world = World::leaving_checksums(1);
    world.send_left_out(0..100);
    world.assert_checksums_are_right(100);
    // The handshake after the first exchange of keys begins anew with them.
    assert!(world.sent_of_type(0, PARTIAL_DATA) > 40, "{}", world.sent_of_type(0, PARTIAL_DATA));
    assert!(world.sent_of_type(0, 4) > 0, "nothing is left out before the other end has answered");
    assert_eq!(world.hosts[1].partial, world.sent_of_type(0, PARTIAL_DATA));
}

#[test]
fn stock_peers_get_checksums_and_may_not_leave_them_out() {
    let mut world = World::leaving_checksums(2);
    let stock = world.peer_config(1);
    world.set_peer(0, stock);
    world.send_left_out(0..50);
    world.assert_checksums_are_right(50);
    assert_eq!(world.sent_of_type(0, PARTIAL_DATA), 0);
    // One who takes the other for a stock peer refuses what a node may send.
    let mut world = World::leaving_checksums(3);
    world.send_left_out(0..50);
    let node = world.peer_config(0);
    world.set_peer(1, node);
    let before = world.hosts[1].received.len();
    world.send_left_out(50..60);
    assert_eq!(world.hosts[1].received.len(), before);
}

#[test]
fn a_type_that_is_changed_on_the_way_spoils_the_packet() {
    let mut world = World::leaving_checksums(4);
    world.send_left_out(0..50);
    for kind in [4, PARTIAL_DATA] {
        let other = if kind == 4 { PARTIAL_DATA } else { 4 };
        world.wire.clear();
        world.link.loss_per_mille = 1000;
        world.leaves_checksums = kind != 4;
        world.send_left_out(100..101);
        world.link.loss_per_mille = 0;
        let sent =
            world.wire.iter().find(|(_, _, datagram)| datagram[0] == kind && datagram.len() > 1000);
        let (from, to, mut datagram) = sent.unwrap().clone();
        let before = world.hosts[1].received.len();
        datagram[0] = other;
        world.deliver(from, to, &datagram);
        assert_eq!(world.hosts[1].received.len(), before, "type {kind} made {other}");
        datagram[0] = kind;
        world.deliver(from, to, &datagram);
        assert_eq!(world.hosts[1].received.len(), before + 1, "type {kind}");
    }
}

#[test]
fn an_older_node_gets_checksums_again_after_its_restart() {
    let mut world = World::leaving_checksums(5);
    world.send_left_out(0..100);
    assert!(world.sent_of_type(0, PARTIAL_DATA) > 0);
    // It takes its peer for a stock one, as one of an older version answers no message with the sign.
    world.restart(1);
    // It does not say that it has lost the agreed key either; the other end finds out when nothing is answered.
    world.send_left_out(900..1100);
    world.wire.clear();
    let before = world.hosts[1].received.len();
    world.send_left_out(100..200);
    assert_eq!(world.hosts[1].received.len(), before + 100);
    assert_eq!(world.sent_of_type(0, PARTIAL_DATA), 0);
}
