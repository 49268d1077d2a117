//! Messages between nodes: path MTU, packets that a path does not take, and who gets none.

use crate::world::{MTU, NETWORK, World, inner_address, key, packet};
use netloom_base::PacketBatch;
use netloom_node::limits::OUTPUT_QUEUE_MAX;
use netloom_node::wireguard::message::DATA_OVERHEAD_BYTES;
use netloom_node::{DropReason, NetworkConfig, Outbound, PeerConfig, PeerStatus};
use std::net::IpAddr;
use std::time::Duration;

const DONT_FRAGMENT: u8 = 0x40;

impl World {
    /// Two nodes that know of each other that they are.
    pub(crate) fn nodes(seed: u64) -> Self {
        let mut world = Self::pair(seed);
        for host in 0..2 {
            let v6 = IpAddr::from([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 - host as u8]);
            let mut peer = world.peer_config(1 - host);
            peer.allowed.push(v6.into());
            world.set_peer(host, PeerConfig { is_node: true, ..peer });
        }
        world
    }

    fn status(&self, host: usize) -> PeerStatus {
        let peer = self.hosts[1 - host].key;
        self.hosts[host].node.peer_status(self.now, NETWORK, &peer).unwrap()
    }

    fn send_sized(&mut self, numbers: std::ops::Range<u32>, bytes: usize, flags: u8) {
        for number in numbers {
            let mut packet = packet(inner_address(0), inner_address(1), number, bytes);
            packet[6] = flags;
            self.send_packets(0, NETWORK, &[packet]);
            self.run(Duration::from_millis(20));
        }
    }

    fn dropped(&self, host: usize, reason: DropReason) -> u64 {
        self.hosts[host].node.counters().dropped(reason)
    }
}

/// An IPv6 packet from host 0 to host 1.
pub(crate) fn packet_v6(number: u8, bytes: usize) -> Vec<u8> {
    let mut packet = vec![number; bytes];
    packet[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 0, 17, 64]);
    packet[4..6].copy_from_slice(&u16::try_from(bytes - 40).unwrap().to_be_bytes());
    packet[8..40].fill(0);
    (packet[8], packet[23]) = (0xfd, 1);
    (packet[24], packet[39]) = (0xfd, 2);
    packet
}

#[test]
fn the_mtu_of_a_path_is_found_and_senders_are_told() {
    for seed in 0..4 {
        let mut world = World::nodes(seed);
        world.send_sized(0..20, 1400, DONT_FRAGMENT);
        assert_eq!(world.status(0).path_bytes, Some(MTU));
        assert!(world.status(0).round_trip.is_some_and(|time| time >= Duration::from_millis(20)));
        world.takes_bytes = 1351 + DATA_OVERHEAD_BYTES;
        world.send_sized(20..70, 1400, DONT_FRAGMENT);
        assert_eq!(world.status(0).path_bytes, Some(1351), "within a second");
        let error = world.hosts[0].given.first().expect("an error for the sender");
        assert_eq!(error[12..16], inner_address(1).octets(), "as if from the destination");
        assert_eq!(error[20..22], [3, 4], "fragmentation needed");
        assert_eq!(error[26..28], 1351_u16.to_be_bytes());
        world.send_sized(100..110, 1351, DONT_FRAGMENT);
        let arrived = world.numbers(1);
        assert!((100..110).all(|number| arrived.contains(&number)), "what fits arrives");
    }
}

#[test]
fn what_may_be_cut_and_what_ipv6_promises_arrives_over_the_smallest_path() {
    let mut world = World::nodes(1);
    world.takes_bytes = 1200 + DATA_OVERHEAD_BYTES;
    world.send_sized(0..60, 1400, DONT_FRAGMENT);
    assert_eq!(world.status(0).path_bytes, Some(1200));
    world.hosts[1].received.clear();
    world.send_sized(7..8, 1400, 0);
    let bytes: usize = world.hosts[1].received.iter().map(|(_, part)| part.len() - 20).sum();
    assert_eq!((world.hosts[1].received.len(), bytes), (2, 1380), "fragments of IPv4");
    world.hosts[1].received.clear();
    for number in 0..5 {
        world.send_packets(0, NETWORK, &[packet_v6(number, 1280)]);
        world.run(Duration::from_millis(50));
    }
    let whole = &world.hosts[1].given;
    assert_eq!(*whole, (0..5).map(|number| packet_v6(number, 1280)).collect::<Vec<_>>());
    let longest = world.wire.iter().rev().take(10).map(|(_, _, datagram)| datagram.len()).max();
    assert!(longest.is_some_and(|bytes| bytes <= world.takes_bytes));
}

#[test]
fn only_what_is_not_sent_in_parts_counts_as_dropped() {
    let mut world = World::nodes(1);
    world.takes_bytes = 1200 + DATA_OVERHEAD_BYTES;
    world.send_sized(0..60, 1400, DONT_FRAGMENT);
    let before = world.hosts[0].node.counters().clone();
    assert!(before.dropped(DropReason::PathTooSmall) > 0, "their sender was told");
    world.send_sized(60..63, 1400, 0);
    world.send_packets(0, NETWORK, &[packet_v6(1, 1280), packet_v6(2, 1280)]);
    world.run_secs(1);
    assert_eq!(
        world.dropped(0, DropReason::PathTooSmall),
        before.dropped(DropReason::PathTooSmall)
    );
    assert_eq!(world.hosts[0].node.counters().sealed_packets, before.sealed_packets + 5);
    world.send_sized(63..64, 1400, DONT_FRAGMENT);
    let after = world.dropped(0, DropReason::PathTooSmall);
    assert_eq!(after, before.dropped(DropReason::PathTooSmall) + 1);
}

#[test]
fn what_goes_in_parts_waits_for_a_session_like_any_packet() {
    let mut world = World::nodes(1);
    world.takes_bytes = 1200 + DATA_OVERHEAD_BYTES;
    world.send_sized(0..60, 1400, DONT_FRAGMENT);
    assert_eq!(world.status(0).path_bytes, Some(1200));
    // The session runs out.
    world.run_secs(200);
    assert!(!world.status(0).has_session);
    world.hosts[1].received.clear();
    world.send_packets(0, NETWORK, &[packet_v6(1, 1280)]);
    world.send_sized(60..61, 1400, 0);
    world.run_secs(1);
    assert_eq!(world.hosts[1].given, [packet_v6(1, 1280)]);
    let bytes: usize = world.hosts[1].received.iter().map(|(_, part)| part.len() - 20).sum();
    assert_eq!(bytes, 1380, "both fragments of IPv4");
}

#[test]
fn stock_peers_get_no_messages_and_send_none() {
    let mut world = World::pair(3);
    world.send_sized(0..50, 1400, DONT_FRAGMENT);
    assert_eq!(world.status(0).path_bytes, None);
    let data = world.sent_of_type(0, 4);
    assert!(data <= 50 + 3, "nothing but data and keepalives: {data}");
    // Only one of them takes the other for a node.
    let peer = PeerConfig { is_node: true, ..world.peer_config(1) };
    world.set_peer(0, peer);
    world.send_sized(50..60, 1400, DONT_FRAGMENT);
    assert!(world.dropped(1, DropReason::ForeignMessage) > 0);
    assert_eq!(world.hosts[1].received.len(), 60, "no message is delivered");
    assert_eq!((world.status(0).path_bytes, world.numbers(1).len()), (None, 60));
}

#[test]
fn a_message_for_the_node_is_never_sent_for_a_workload() {
    let mut world = World::nodes(4);
    // One that takes everything, as a way out does.
    let mut exit = world.peer_config(1);
    exit.allowed.push("::/0".parse().unwrap());
    world.set_peer(0, exit);
    let mut message = packet_v6(0, 100);
    message[8..40].fill(0);
    (message[8], message[24], message[39], message[6]) = (1, 1, 1, 253);
    world.send_packets(0, NETWORK, &[message]);
    world.run_secs(1);
    assert_eq!(world.dropped(0, DropReason::ForeignMessage), 1);
    assert!(world.wire.is_empty());
}

/// §5.4.6: padding makes no packet longer than its path takes.
#[test]
fn what_waits_for_a_session_is_not_padded_beyond_its_path() {
    let mut world = World::nodes(7);
    world.takes_bytes = 1500;
    let mut longest = Vec::new();
    for is_stock in [false, true, false] {
        for host in 0..2 {
            let peer = PeerConfig { is_node: !is_stock, ..world.peer_config(1 - host) };
            world.set_peer(host, peer);
            let mut config = NetworkConfig::new(key(host, NETWORK), 8920);
            world.hosts[host].node.set_network(world.now, NETWORK, &config).unwrap();
            config.mtu_bytes = if is_stock { MTU } else { 9000 };
            world.hosts[host].node.set_network(world.now, NETWORK, &config).unwrap();
        }
        world.wire.clear();
        world.send_packets(0, NETWORK, &[packet(inner_address(0), inner_address(1), 1, 1415)]);
        world.run(Duration::from_millis(15));
        world.run(Duration::from_millis(6));
        let first = world.wire.iter().find(|(.., datagram)| datagram[0] == 4);
        longest.push(first.map(|(.., datagram)| datagram.len()));
        world.run_secs(700);
    }
    assert_eq!(longest, [Some(1420 + DATA_OVERHEAD_BYTES); 3]);
}

/// Who begins a connection sends all that its SYN has announced right after the answer, which takes a round trip.
#[test]
fn a_large_path_is_known_when_the_first_packet_has_been_answered() {
    let mut world = World::nodes(8);
    for host in 0..2 {
        let config = NetworkConfig::new(key(host, NETWORK), 1800);
        world.hosts[host].node.set_network(world.now, NETWORK, &config).unwrap();
    }
    world.send(0, 1, 0..1);
    world.run(Duration::from_millis(30));
    assert_eq!(world.numbers(1), [0], "after the handshake");
    world.send(1, 0, 1..2);
    world.run(Duration::from_millis(11));
    assert_eq!(world.numbers(0), [1]);
    let mut batch = PacketBatch::new(1, 1800);
    let mut large = packet(inner_address(0), inner_address(1), 2, 1800);
    large[6] = DONT_FRAGMENT;
    assert!(batch.push(&large));
    let mut outbound = Outbound::new();
    world.hosts[0].node.handle_inner(world.now, NETWORK, &mut batch, &mut outbound);
    assert_eq!(world.dropped(0, DropReason::PathTooSmall), 0);
    assert_eq!(outbound.destinations().count(), 1);
}

#[test]
fn messages_that_nobody_fetches_are_bounded() {
    let mut world = World::nodes(6);
    world.takes_bytes = 1200 + DATA_OVERHEAD_BYTES;
    world.send_sized(0..60, 1400, DONT_FRAGMENT);
    assert_eq!(world.status(0).path_bytes, Some(1200));
    let node = &mut world.hosts[0].node;
    let (mut batch, mut outbound) = (PacketBatch::new(64, MTU), Outbound::new());
    let packet = packet(inner_address(0), inner_address(1), 0, 1400);
    for _ in 0..OUTPUT_QUEUE_MAX / 64 {
        batch.clear();
        (0..64).for_each(|_| assert!(batch.push(&packet)));
        node.handle_inner(world.now, NETWORK, &mut batch, &mut outbound);
    }
    let kept = std::iter::from_fn(|| node.poll_message()).count();
    assert_eq!(kept, OUTPUT_QUEUE_MAX);
    // Each packet goes in two parts.
    let lost = node.counters().dropped(DropReason::OutputFull);
    assert_eq!(lost, OUTPUT_QUEUE_MAX as u64);
}

/// Who is on the way can have a peer's packets come from anywhere in turn, and leads what is sent there.
#[test]
fn a_peer_that_moves_with_every_packet_is_sent_little_beside_data() {
    let mut world = World::nodes(5);
    world.send_sized(0..20, 1400, DONT_FRAGMENT);
    let (peer, to) = (world.hosts[1].address, world.hosts[0].address);
    let data: Vec<_> =
        (0..4).map(|n| packet(inner_address(0), inner_address(1), n, 1400)).collect();
    world.link.loss_per_mille = 1000;
    let start = world.wire.len();
    for round in 0..1000_u16 {
        let before = world.wire.len();
        world.send_packets(1, NETWORK, &[packet(inner_address(1), inner_address(0), 0, 40)]);
        let from = ([203, 0, 113, 1], 1000 + round % 2).into();
        for (_, _, datagram) in world.wire.split_off(before) {
            world.deliver(from, to, &datagram);
        }
        world.send_packets(0, NETWORK, &data);
        world.run(Duration::from_millis(1));
    }
    let sent = world.wire[start..].iter().filter(|(from, ..)| *from != peer);
    let bytes: usize = sent.map(|(_, _, datagram)| datagram.len()).sum();
    let data_bytes = 4000 * (1400 + DATA_OVERHEAD_BYTES);
    assert!(bytes > data_bytes && bytes < data_bytes * 11 / 10, "{bytes} for {data_bytes}");
}
