//! Packets for peers without sessions: what waits is bounded for all peers together, and each has a little.

use crate::world::{MTU, NETWORK, key, packet};
use netloom_base::{PacketBatch, Seed, Time};
use netloom_node::limits::{WAITING_BYTES_MAX, WAITING_BYTES_MIN};
use netloom_node::{NetworkConfig, Node, NodeConfig, Outbound, PeerConfig};
use std::net::{IpAddr, Ipv4Addr};

const PEERS: u16 = 300;
const PACKETS: u32 = 64;

fn address(peer: u16) -> Ipv4Addr {
    let [high, low] = peer.to_be_bytes();
    Ipv4Addr::new(10, 0, high, low)
}

fn key_of(peer: u16) -> netloom_node::wireguard::PublicKey {
    key(usize::from(peer), NETWORK).public()
}

/// Sends packets to a peer that nobody knows where to find.
fn send(node: &mut Node, peer: u16, packets: u32, bytes: usize) {
    let (mut batch, mut outbound) = (PacketBatch::new(PACKETS as usize, MTU), Outbound::new());
    for number in 0..packets {
        assert!(batch.push(&packet(address(0), address(peer), number, bytes)));
    }
    node.plan_inner(Time::ZERO, NETWORK, &mut batch, &mut outbound);
}

fn dropped(node: &Node, peer: u16) -> u64 {
    node.peer_status(Time::ZERO, NETWORK, &key_of(peer)).unwrap().waiting_dropped
}

#[test]
fn what_waits_for_all_peers_is_bounded_and_each_has_a_little() {
    let mut node = Node::new(NodeConfig::default(), Seed::from_number(1), Time::ZERO);
    node.set_network(Time::ZERO, NETWORK, &NetworkConfig::new(key(0, NETWORK), MTU)).unwrap();
    for peer in 1..=PEERS {
        let allowed = vec![IpAddr::from(address(peer)).into()];
        let config = PeerConfig { allowed, ..PeerConfig::new(key_of(peer)) };
        node.set_peer(Time::ZERO, NETWORK, config).unwrap();
    }
    (1..=PEERS).for_each(|peer| send(&mut node, peer, PACKETS, MTU));
    assert_eq!(dropped(&node, 1), 0);
    assert!(dropped(&node, PEERS) > 0);
    let lost: u64 = (1..=PEERS).map(|peer| dropped(&node, peer)).sum();
    let kept = (u64::from(PEERS) * u64::from(PACKETS) - lost) * MTU as u64;
    let room = WAITING_BYTES_MAX + usize::from(PEERS) * WAITING_BYTES_MIN;
    assert!(kept <= room as u64, "{kept} bytes wait");
    assert!(kept + (2 * MTU) as u64 > WAITING_BYTES_MAX as u64, "no room is left unused: {kept}");

    // The last peer's newest packet is there, and a short one of it may wait beside others.
    assert_eq!(dropped(&node, PEERS), u64::from(PACKETS) - 1);
    send(&mut node, PEERS, 1, 100);
    assert_eq!(dropped(&node, PEERS), u64::from(PACKETS) - 1);

    // Room that some peers leave is the others'.
    (1..=5).for_each(|peer| assert!(node.remove_peer(NETWORK, &key_of(peer))));
    let before = dropped(&node, PEERS);
    send(&mut node, PEERS, 40, MTU);
    assert_eq!(dropped(&node, PEERS), before);
}
