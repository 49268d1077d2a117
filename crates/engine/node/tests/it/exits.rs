//! Packets for nobody's address: which peer takes them, and that one that is silent is left.

use crate::world::{NETWORK, World, inner_address, key, number_of, packet};
use ipnet::IpNet;
use netloom_node::wireguard::PublicKey;
use netloom_node::{DropReason, Exit, Node, NodeConfig, PeerConfig};
use std::net::Ipv4Addr;
use std::time::Duration;

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

fn gateway(number: usize) -> PublicKey {
    key(number, NETWORK).public()
}

fn exit(from: &str, to: &str, gateways: &[usize]) -> Exit {
    let prefix = |text: &str| text.parse::<IpNet>().unwrap();
    let peers = gateways.iter().map(|number| gateway(*number)).collect();
    Exit { from: prefix(from), to: prefix(to), peers }
}

/// Host 0 with the hosts 1, 2 and 3 as peers, all nodes.
fn four_hosts() -> World {
    let mut world = World::empty(1, 4, &NodeConfig::default());
    (0..4).for_each(|host| world.join(host, NETWORK));
    for host in 1..4 {
        for (at, other) in [(0, host), (host, 0)] {
            let peer = PeerConfig { is_node: true, ..world.peer_config(other) };
            world.set_peer(at, peer);
        }
    }
    world
}

impl World {
    fn set_exits(&mut self, exits: &[Exit]) {
        assert!(self.hosts[0].node.set_exits(NETWORK, exits.to_vec()));
    }

    fn exit_of(&self, from: [u8; 4], to: [u8; 4]) -> Option<PublicKey> {
        self.hosts[0].node.exit_of(NETWORK, from.into(), to.into())
    }

    fn send_outside(&mut self, number: u32) {
        self.send_packets(0, NETWORK, &[packet(inner_address(0), OUTSIDE, number, 64)]);
    }

    fn arrived(&self, host: usize) -> Vec<u32> {
        self.hosts[host].received.iter().map(|(_, packet)| number_of(packet)).collect()
    }
}

#[test]
fn the_source_decides_first_then_the_destination() {
    let mut world = four_hosts();
    world.set_exits(&[
        exit("10.0.0.0/8", "0.0.0.0/0", &[1]),
        exit("10.0.0.0/8", "203.0.113.0/24", &[2]),
        exit("10.0.0.0/24", "198.51.100.0/24", &[3]),
    ]);
    for (from, to, expected) in [
        ([10, 9, 0, 1], [192, 0, 2, 1], Some(1)),
        ([10, 9, 0, 1], [203, 0, 113, 1], Some(2)),
        ([10, 0, 0, 1], [198, 51, 100, 1], Some(3)),
        // A subnet with a table of its own has nothing of the one around it.
        ([10, 0, 0, 1], [203, 0, 113, 1], None),
        ([172, 16, 0, 1], [203, 0, 113, 1], None),
    ] {
        assert_eq!(world.exit_of(from, to), expected.map(gateway), "{from:?} to {to:?}");
    }
}

#[test]
fn packets_for_nobody_go_to_the_exit_and_to_no_other() {
    let mut world = four_hosts();
    world.send_outside(1);
    assert_eq!(world.hosts[0].node.counters().dropped(DropReason::NoRoute), 1);
    world.set_exits(&[exit("10.0.0.0/24", "0.0.0.0/0", &[2, 1])]);
    world.send_outside(2);
    world.send(0, 3, 3..4);
    world.run_secs(1);
    assert_eq!([1, 2, 3].map(|host| world.arrived(host)), [vec![], vec![2], vec![3]]);
}

#[test]
fn a_silent_exit_is_left_for_the_next_and_not_returned_to() {
    let mut world = four_hosts();
    world.set_exits(&[exit("10.0.0.0/24", "0.0.0.0/0", &[1, 2])]);
    for number in 0..10 {
        world.send_outside(number);
        world.run_secs(1);
    }
    assert_eq!(world.arrived(1), (0..10).collect::<Vec<_>>());
    // It is without its network: whatever comes is dropped.
    let seed = netloom_base::Seed::from_number(9);
    world.hosts[1].node = Node::new(NodeConfig::default(), seed, world.now);
    for number in 10..40 {
        world.send_outside(number);
        world.run_secs(1);
    }
    let arrived = world.arrived(2);
    assert_eq!(arrived.last(), Some(&39), "{arrived:?}");
    world.restart(1);
    for number in 40..60 {
        world.send_outside(number);
        world.run_secs(1);
    }
    assert_eq!(world.arrived(2).last(), Some(&59), "connections stay where they are");
}

/// Neither the handshake, which comes before the first answer, nor the way to the other side of the earth is silence.
#[test]
fn a_distant_exit_is_not_left_when_it_begins_to_be_used() {
    for round_trip_ms in [100, 280, 400] {
        let mut world = four_hosts();
        world.link.delay_ms = round_trip_ms / 2;
        world.set_exits(&[exit("10.0.0.0/24", "0.0.0.0/0", &[1, 2])]);
        for number in 0..6 {
            for _ in 0..20 {
                world.send_outside(number);
                world.run(Duration::from_millis(100));
            }
            assert_eq!(world.arrived(2), [], "{round_trip_ms} ms, time {number}");
            // For longer than a session lasts, every second time.
            world.run_secs(if number % 2 == 0 { 20 } else { 300 });
        }
    }
    // One that does not answer is left all the same.
    let mut world = four_hosts();
    world.set_exits(&[exit("10.0.0.0/24", "0.0.0.0/0", &[1, 2])]);
    let seed = netloom_base::Seed::from_number(9);
    world.hosts[1].node = Node::new(NodeConfig::default(), seed, world.now);
    for number in 0..12 {
        world.send_outside(number);
        world.run(Duration::from_millis(100));
    }
    assert_eq!(world.exit_of([10, 0, 0, 1], OUTSIDE.octets()), Some(gateway(2)));
}

#[test]
fn another_list_of_gateways_moves_nothing_that_need_not_move() {
    let mut world = four_hosts();
    let used = |world: &World| world.exit_of([10, 0, 0, 1], OUTSIDE.octets());
    world.set_exits(&[exit("10.0.0.0/24", "0.0.0.0/0", &[1, 2])]);
    assert_eq!(used(&world), Some(gateway(1)));
    world.set_exits(&[exit("10.0.0.0/24", "0.0.0.0/0", &[3, 2, 1])]);
    assert_eq!(used(&world), Some(gateway(1)), "the one in use has a later place");
    world.set_exits(&[exit("10.0.0.0/24", "0.0.0.0/0", &[3, 2])]);
    assert_eq!(used(&world), Some(gateway(3)), "the one in use is no gateway any more");
    assert!(world.hosts[0].node.remove_peer(NETWORK, &gateway(3)));
    world.set_exits(&[exit("10.0.0.0/24", "0.0.0.0/0", &[3, 2])]);
    assert_eq!(used(&world), Some(gateway(2)), "the one in use is no peer any more");
}

/// "Too big", as a router tells of a packet that went from host 0 to `quoted`.
fn too_big(router: Ipv4Addr, quoted: Ipv4Addr, number: u32) -> Vec<u8> {
    let quoted = packet(inner_address(0), quoted, number, 64);
    let mut error = packet(router, inner_address(0), 0, 28 + quoted.len());
    error[28..].copy_from_slice(&quoted);
    (error[9], error[20], error[21]) = (1, 3, 4);
    error
}

#[test]
fn routers_behind_a_peer_tell_of_what_was_sent_there_and_of_nothing_else() {
    let mut world = four_hosts();
    let leads = PeerConfig {
        sends_from: vec!["203.0.113.0/24".parse().unwrap()],
        is_node: true,
        ..world.peer_config(1)
    };
    world.set_peer(0, leads);
    let router = Ipv4Addr::new(198, 51, 100, 1);
    let elsewhere = Ipv4Addr::new(192, 0, 2, 9);
    let told = [too_big(router, OUTSIDE, 1), too_big(router, inner_address(1), 2)];
    let mut echo = too_big(router, OUTSIDE, 3);
    echo[20] = 8;
    let mut cut = too_big(router, OUTSIDE, 4);
    cut.truncate(40);
    cut[2..4].copy_from_slice(&40_u16.to_be_bytes());
    let refused = [
        too_big(router, elsewhere, 5),
        too_big(router, inner_address(2), 6),
        too_big(inner_address(2), OUTSIDE, 7),
        too_big(Ipv4Addr::LOCALHOST, OUTSIDE, 9),
        too_big(Ipv4Addr::new(224, 0, 0, 1), OUTSIDE, 10),
        echo,
        cut,
        // What has told something may send nothing.
        packet(router, inner_address(0), 8, 64),
    ];
    let all = [&told[..], &refused].concat();
    world.send_packets(1, NETWORK, &all);
    world.run_secs(1);
    // Once more without a handshake before, in one batch.
    world.send_packets(1, NETWORK, &all);
    world.run_secs(1);
    let arrived: Vec<Vec<u8>> =
        world.hosts[0].received.iter().map(|(_, packet)| packet.clone()).collect();
    assert_eq!(arrived, [&told[..], &told].concat());
    let dropped = world.hosts[0].node.counters().dropped(DropReason::ForeignSource);
    assert_eq!(dropped, 2 * refused.len() as u64);
}
