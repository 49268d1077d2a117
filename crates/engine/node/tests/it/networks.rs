//! Many networks on one port: who is who, and what belongs to whom.

use crate::world::{Link, MTU, NETWORK, World, inner_address, key, packet};
use ipnet::IpNet;
use netloom_base::{Seed, Time};
use netloom_node::limits::NETWORKS_MAX;
use netloom_node::wireguard::DropReason as WireguardDropReason;
use netloom_node::wireguard::{PrivateKey, PublicKey};
use netloom_node::{
    DropReason, NetworkConfig, NetworkId, Node, NodeConfig, PeerConfig, SetNetworkError,
    SetPeerError,
};
use std::net::IpAddr;
use std::time::Duration;

const OTHER: NetworkId = NetworkId(8);

fn prefix(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// Two hosts in two networks with the same inner addresses.
fn two_networks() -> World {
    let mut world = World::pair(1);
    for host in 0..2 {
        world.join(host, OTHER);
        let peer =
            PeerConfig { public_key: key(1 - host, OTHER).public(), ..world.peer_config(1 - host) };
        let now = world.now;
        world.hosts[host].node.set_peer(now, OTHER, peer).unwrap();
    }
    world
}

#[test]
fn overlapping_networks_on_one_port_do_not_mix() {
    let mut world = two_networks();
    for (network, number) in [(NETWORK, 1), (OTHER, 2), (NETWORK, 3), (OTHER, 4)] {
        let packet = packet(inner_address(0), inner_address(1), number, 64);
        world.send_packets(0, network, &[packet]);
        world.run_secs(1);
    }
    let networks: Vec<_> = world.hosts[1].received.iter().map(|(network, _)| *network).collect();
    assert_eq!(networks, [NETWORK, OTHER, NETWORK, OTHER]);
    assert_eq!(world.sent_of_type(0, 1), 2, "a session for each network");
}

#[test]
fn a_peer_of_one_network_is_a_stranger_in_the_other() {
    let mut world = two_networks();
    assert!(world.hosts[1].node.remove_peer(OTHER, &key(0, OTHER).public()));
    world.send_packets(0, OTHER, &[packet(inner_address(0), inner_address(1), 1, 64)]);
    world.run_secs(1);
    assert!(world.hosts[1].received.is_empty());
    assert_eq!(world.hosts[1].node.counters().dropped(DropReason::UnknownPeer), 1);
    assert!(world.hosts[1].node.remove_network(OTHER));
    world.run_secs(10);
    let bad_mac1 = DropReason::Wireguard(WireguardDropReason::BadMac1);
    assert!(world.hosts[1].node.counters().dropped(bad_mac1) >= 1);
    assert_eq!(world.sent_of_type(1, 2), 0);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    assert_eq!(world.numbers(1), [0], "the other network is as it was");
}

#[test]
fn who_calls_before_it_is_known_is_answered_as_soon_as_it_is() {
    for (late_secs, answered) in [(3, true), (4, true), (6, false)] {
        let mut world = World::empty(1, 2, &NodeConfig::default());
        (0..2).for_each(|host| world.join(host, NETWORK));
        let peer = world.peer_config(1);
        world.set_peer(0, peer);
        world.send(0, 1, 0..1);
        world.run(Duration::from_millis(100));
        let unknown = world.hosts[1].node.counters().dropped(DropReason::UnknownPeer);
        assert_eq!(unknown, 1);
        // No further call comes through: what is answered is the first.
        world.link = Link { loss_per_mille: 1000, ..Link::GOOD };
        world.run_secs(late_secs);
        world.link = Link::GOOD;
        // Where it is, only its call has told.
        let (now, key) = (world.now, world.hosts[0].key);
        let peer = PeerConfig { endpoint: None, ..world.peer_config(0) };
        world.set_peer(1, peer.clone());
        assert_eq!(world.hosts[1].node.answer_early_call(now, NETWORK, &key), answered);
        world.set_peer(1, peer);
        assert!(!world.hosts[1].node.answer_early_call(now, NETWORK, &key), "only once");
        if answered {
            world.run(Duration::from_millis(200));
            assert_eq!(world.numbers(1), [0], "{late_secs}");
        }
    }
}

#[test]
fn an_early_call_is_verified_like_any_other() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let (from, to, initiation) = world.wire[0].clone();
    let (now, peer) = (world.now, world.hosts[0].key);
    let floor = world.hosts[1].node.peer_status(now, NETWORK, &peer).unwrap().newest_timestamp;
    assert!(world.hosts[1].node.remove_peer(NETWORK, &peer));
    world.deliver(from, to, &initiation);
    world.set_peer(1, world.peer_config(0));
    assert!(world.hosts[1].node.set_timestamp_floor(NETWORK, &peer, floor.unwrap()));
    assert!(!world.hosts[1].node.answer_early_call(now, NETWORK, &peer), "it is a replay");
    // A call to a key that the network has no more.
    assert!(world.hosts[1].node.remove_peer(NETWORK, &peer));
    world.deliver(from, to, &initiation);
    let config = NetworkConfig::new(key(9, NETWORK), MTU);
    world.hosts[1].node.set_network(now, NETWORK, &config).unwrap();
    world.set_peer(1, world.peer_config(0));
    assert!(!world.hosts[1].node.answer_early_call(now, NETWORK, &peer));
}

#[test]
fn a_peer_cannot_send_from_what_it_does_not_own() {
    let mut world = World::pair(1);
    let foreign = [10, 0, 0, 77].into();
    world.send_packets(
        0,
        NETWORK,
        &[
            packet(foreign, inner_address(1), 1, 64),
            packet(inner_address(0), inner_address(1), 2, 64),
            packet(inner_address(1), inner_address(1), 3, 64),
        ],
    );
    world.run_secs(1);
    world.send_packets(
        0,
        NETWORK,
        &[
            packet(inner_address(0), inner_address(1), 4, 64),
            packet(foreign, inner_address(1), 5, 64),
        ],
    );
    world.run_secs(1);
    assert_eq!(world.numbers(1), [2, 4]);
    assert_eq!(world.hosts[1].node.counters().dropped(DropReason::ForeignSource), 3);
}

#[test]
fn what_cannot_be_sent_is_counted_by_reason() {
    let mut world = World::pair(1);
    let good = packet(inner_address(0), inner_address(1), 1, 64);
    let nowhere = packet(inner_address(0), [10, 1, 1, 1].into(), 1, 64);
    world.send_packets(0, NETWORK, &[vec![], b"nonsense".to_vec(), nowhere, good.clone()]);
    world.send_packets(0, NetworkId(99), &[good]);
    let counters = world.hosts[0].node.counters();
    assert_eq!(counters.dropped(DropReason::NotIp), 2);
    assert_eq!(counters.dropped(DropReason::NoRoute), 1);
    assert_eq!(counters.dropped(DropReason::UnknownNetwork), 1);
    assert_eq!(counters.waiting_packets, 1);
    assert_eq!(counters.drops().count(), 3);
}

#[test]
fn the_longest_prefix_decides_and_equal_ones_are_refused_with_both_names() {
    let mut world = World::empty(1, 3, &NodeConfig::default());
    for host in 0..3 {
        world.join(host, NETWORK);
    }
    let wide = PeerConfig { allowed: vec![prefix("10.0.0.0/8")], ..world.peer_config(1) };
    let narrow = PeerConfig { allowed: vec![prefix("10.3.0.0/16")], ..world.peer_config(2) };
    world.set_peer(0, wide.clone());
    world.set_peer(0, narrow.clone());
    let back = PeerConfig { allowed: vec![prefix("10.0.0.1/32")], ..world.peer_config(0) };
    world.set_peer(1, back.clone());
    world.set_peer(2, back);
    for (to, number) in [([10, 2, 0, 1], 1), ([10, 3, 0, 1], 2)] {
        world.send_packets(0, NETWORK, &[packet(inner_address(0), to.into(), number, 64)]);
    }
    world.run_secs(1);
    assert_eq!((world.numbers(1), world.numbers(2)), (vec![1], vec![2]));

    let (now, node) = (world.now, &mut world.hosts[0].node);
    let greedy =
        PeerConfig { allowed: vec![prefix("10.9.0.0/16"), prefix("10.0.0.0/8")], ..narrow.clone() };
    let refused = node.set_peer(now, NETWORK, greedy.clone());
    let overlap = SetPeerError::Overlap {
        prefix: prefix("10.0.0.0/8"),
        owner: wide.public_key,
        claimant: narrow.public_key,
    };
    assert_eq!(refused, Err(overlap));
    world.send_packets(0, NETWORK, &[packet(inner_address(0), [10, 3, 0, 9].into(), 3, 64)]);
    world.run_secs(1);
    assert_eq!(world.numbers(2), [2, 3], "a refused change changes nothing");

    let (now, node) = (world.now, &mut world.hosts[0].node);
    assert!(node.remove_peer(NETWORK, &wide.public_key));
    assert!(node.set_peer(now, NETWORK, greedy).is_ok(), "free again");
}

#[test]
fn updates_that_make_no_sense_are_refused() {
    let mut node = Node::new(NodeConfig::default(), Seed::from_number(1), Time::ZERO);
    let config = |n: u64, mtu_bytes| {
        NetworkConfig::new(PrivateKey::from_seed(Seed::from_number(n)), mtu_bytes)
    };
    let now = Time::ZERO;
    assert_eq!(node.set_network(now, NETWORK, &config(1, 1279)), Err(SetNetworkError::Mtu(1279)));
    assert_eq!(node.set_network(now, NETWORK, &config(1, MTU)), Ok(()));
    let in_use = Err(SetNetworkError::KeyInUse(NETWORK));
    assert_eq!(node.set_network(now, OTHER, &config(1, MTU)), in_use);
    let own = config(1, MTU).private_key.public();
    assert_eq!(node.set_peer(now, NETWORK, PeerConfig::new(own)), Err(SetPeerError::OwnKey));
    let weak = PublicKey::from_bytes([0; 32]);
    assert_eq!(node.set_peer(now, NETWORK, PeerConfig::new(weak)), Err(SetPeerError::LowOrderKey));
    let unknown = Err(SetPeerError::UnknownNetwork(OTHER));
    assert_eq!(node.set_peer(now, OTHER, PeerConfig::new(weak)), unknown);
    let peer = config(2, MTU).private_key.public();
    assert!(node.set_peer(now, NETWORK, PeerConfig::new(peer)).is_ok());
    let refused = Err(SetNetworkError::OwnKeyIsPeer);
    assert_eq!(node.set_network(now, NETWORK, &config(2, MTU)), refused);
    for n in 1..NETWORKS_MAX as u64 {
        let id = NetworkId(100 + n as u32);
        assert_eq!(node.set_network(now, id, &config(100 + n, MTU)), Ok(()));
    }
    let too_many = Err(SetNetworkError::TooManyNetworks);
    assert_eq!(node.set_network(now, OTHER, &config(3, MTU)), too_many);
}

#[test]
fn a_new_network_key_ends_its_sessions_and_starts_others() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let fresh = PrivateKey::from_seed(Seed::from_number(4711));
    let config = NetworkConfig::new(fresh.clone(), MTU);
    let now = world.now;
    world.hosts[0].node.set_network(now, NETWORK, &config).unwrap();
    let old = world.hosts[0].key;
    assert!(world.hosts[1].node.remove_peer(NETWORK, &old));
    world.hosts[0].key = fresh.public();
    let peer = world.peer_config(0);
    world.set_peer(1, peer);
    world.send(0, 1, 1..2);
    world.send(1, 0, 1..2);
    world.run_secs(7);
    assert_eq!((world.numbers(1), world.numbers(0)), (vec![0, 1], vec![1]));
}

#[test]
fn a_removed_peer_leaves_nothing_behind() {
    let mut world = World::pair(1);
    world.send(0, 1, 0..1);
    world.run_secs(1);
    let peer = world.hosts[1].key;
    let node = &mut world.hosts[0].node;
    assert!(node.remove_peer(NETWORK, &peer));
    assert!(!node.remove_peer(NETWORK, &peer));
    assert_eq!(node.poll_timeout(), None);
    assert_eq!(node.peers(NETWORK).count(), 0);
    world.send(0, 1, 1..2);
    assert_eq!(world.hosts[0].node.counters().dropped(DropReason::NoRoute), 1);
    world.send(1, 0, 1..2);
    world.run_secs(1);
    let unknown = DropReason::Wireguard(WireguardDropReason::UnknownIndex);
    assert_eq!(world.hosts[0].node.counters().dropped(unknown), 1);
}

#[test]
fn one_batch_to_many_peers_keeps_each_peers_order() {
    let mut world = World::empty(1, 6, &NodeConfig::default());
    for host in 0..6 {
        world.join(host, NETWORK);
        for peer in (0..6).filter(|peer| *peer != host) {
            let peer = world.peer_config(peer);
            world.set_peer(host, peer);
        }
    }
    let to = |n: u32| inner_address(1 + n as usize * 7 % 5);
    for round in 0..3 {
        let numbers = round * 60..round * 60 + 60;
        let packets: Vec<_> =
            numbers.map(|n| packet(inner_address(0), to(n), n, 64 + n as usize % 30)).collect();
        world.send_packets(0, NETWORK, &packets);
        world.run_secs(1);
    }
    for host in 1..6 {
        let expected: Vec<_> = (0..180).filter(|n| to(*n) == inner_address(host)).collect();
        let received = world.hosts[host].received.iter();
        let received: Vec<_> =
            received.map(|(_, packet)| crate::world::number_of(packet)).collect();
        assert_eq!(received, expected, "in the order in which they were sent");
    }
}

#[test]
fn ipv6_is_carried_like_ipv4() {
    let mut world = World::pair(1);
    let address = |host: usize| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, host as u16 + 1]);
    for host in 0..2 {
        let mut peer = world.peer_config(1 - host);
        peer.allowed.push(address(1 - host).into());
        world.set_peer(host, peer);
    }
    let mut packet = vec![0u8; 1_400];
    packet[0] = 0x60;
    packet[4..6].copy_from_slice(&1_360u16.to_be_bytes());
    for (host, at) in [(0, 8), (1, 24)] {
        let IpAddr::V6(v6) = address(host) else { unreachable!("made above") };
        packet[at..at + 16].copy_from_slice(&v6.octets());
    }
    world.send_packets(0, NETWORK, &[packet.clone()]);
    world.run_secs(1);
    assert_eq!(world.hosts[1].received, [(NETWORK, packet)]);
}
