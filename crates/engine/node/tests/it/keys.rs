//! Preshared keys that nodes agree upon inside their tunnel, renewed and lost.

use crate::world::{Link, NETWORK, World, key};
use netloom_base::Seed;
use netloom_node::wireguard::PresharedKey;
use netloom_node::{NetworkConfig, PeerConfig, PeerStatus};
use rand_core::RngCore as _;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(30);

impl World {
    fn with_rotation(seed: u64) -> Self {
        let mut world = Self::pair(seed);
        for host in 0..2 {
            world.rotate(host);
        }
        world
    }

    /// Tells a host how often keys are renewed, and that its peer is a node.
    fn rotate(&mut self, host: usize) {
        let mut config = NetworkConfig::new(key(host, NETWORK), crate::world::MTU);
        config.key_rotation = INTERVAL;
        self.hosts[host].node.set_network(self.now, NETWORK, &config).unwrap();
        let peer = PeerConfig { is_node: true, ..self.peer_config(1 - host) };
        self.set_peer(host, peer);
    }

    /// Declares a preshared key; none if it is 0.
    fn declare_psk(&mut self, host: usize, psk: u8) {
        let psk = (psk > 0).then(|| PresharedKey::from_bytes([psk; 32]));
        let peer = PeerConfig { is_node: true, psk, ..self.peer_config(1 - host) };
        self.set_peer(host, peer);
    }

    fn key_status(&self, host: usize) -> PeerStatus {
        let peer = self.hosts[1 - host].key;
        self.hosts[host].node.peer_status(self.now, NETWORK, &peer).unwrap()
    }

    /// Sends ten packets a second from both ends; gives how many of them did not arrive.
    fn lost_of(&mut self, numbers: std::ops::Range<u32>) -> usize {
        for number in numbers.clone() {
            self.send(0, 1, number..number + 1);
            self.send(1, 0, number..number + 1);
            self.run(Duration::from_millis(100));
        }
        self.run_secs(1);
        let arrived = |host| self.numbers(host).iter().filter(|n| numbers.contains(n)).count();
        2 * numbers.len() - arrived(0) - arrived(1)
    }

    fn agreed(&self) -> [bool; 2] {
        [0, 1].map(|host| self.key_status(host).key_exchange.0)
    }
}

#[test]
fn keys_are_agreed_upon_and_renewed_without_a_lost_packet() {
    for seed in 0..6 {
        let mut world = World::with_rotation(seed);
        assert_eq!(world.lost_of(0..30), 0);
        assert_eq!(world.agreed(), [false; 2], "the first session was there before");
        assert_eq!(world.lost_of(30..120), 0);
        assert_eq!(world.agreed(), [true; 2]);
        assert_eq!(world.lost_of(120..1400), 0);
        let exchanges = [0, 1].map(|host| world.key_status(host).key_exchange.1);
        assert!(exchanges.iter().all(|count| (4..=6).contains(count)), "{exchanges:?}");
        assert!(world.handshakes(0) >= 5, "each is followed by a handshake");
    }
}

#[test]
fn a_bad_link_delays_keys_and_does_not_separate_the_ends() {
    for seed in 0..6 {
        let mut world = World::with_rotation(seed);
        world.link = Link::BAD;
        world.lost_of(0..2000);
        world.link = Link::GOOD;
        world.lost_of(2000..2600);
        assert_eq!(world.agreed(), [true; 2], "seed {seed}");
        assert_eq!(world.lost_of(2600..2700), 0);
    }
}

#[test]
fn a_node_that_lost_its_keys_is_heard_at_once_and_agrees_anew() {
    for (seed, restarted) in [(1, 0), (2, 1), (3, 0), (4, 1)] {
        let mut world = World::with_rotation(seed);
        world.lost_of(0..120);
        assert_eq!(world.agreed(), [true; 2]);
        world.restart(restarted);
        world.rotate(restarted);
        // The restarted end calls, as one with something to send does.
        world.send(restarted, 1 - restarted, 5000..5001);
        world.run(Duration::from_millis(500));
        assert!(world.numbers(1 - restarted).contains(&5000), "host {restarted}, seed {seed}");
        assert_eq!(world.agreed(), [false; 2]);
        assert_eq!(world.lost_of(200..500), 0);
        assert_eq!(world.agreed(), [true; 2], "host {restarted}, seed {seed}");
    }
}

#[test]
fn lost_keys_are_told_over_a_slow_line_too() {
    for (seed, restarted) in [(1, 0), (2, 1)] {
        let mut world = World::with_rotation(seed);
        world.lost_of(0..120);
        assert_eq!(world.agreed(), [true; 2]);
        // Further than a satellite and through full queues: two seconds for a round trip.
        world.link.delay_ms = 1000;
        world.restart(restarted);
        world.rotate(restarted);
        world.send(restarted, 1 - restarted, 5000..5001);
        world.run(Duration::from_millis(3100));
        assert!(world.numbers(1 - restarted).contains(&5000), "host {restarted}, seed {seed}");
    }
}

#[test]
fn one_that_is_not_answered_goes_on_without() {
    let mut world = World::with_rotation(5);
    // An older one: it takes its peer for a stock one, and answers no message.
    let peer = world.peer_config(0);
    world.set_peer(1, peer);
    assert_eq!(world.lost_of(0..600), 0);
    assert_eq!(world.agreed(), [false; 2]);
}

/// Two declarations never change at the same time; the session bridges what is between.
#[test]
fn another_declared_key_separates_nobody_and_is_agreed_upon_anew() {
    for (seed, first) in [(1, 0), (2, 1), (3, 0), (4, 1)] {
        let mut world = World::with_rotation(seed);
        assert_eq!(world.lost_of(0..300), 0);
        assert_eq!(world.agreed(), [true; 2]);
        let psk = Some(PresharedKey::from_bytes([seed as u8; 32]));
        for (host, numbers) in [(first, 300..500), (1 - first, 500..1200)] {
            let peer = world.peer_config(1 - host);
            world.set_peer(host, PeerConfig { is_node: true, psk: psk.clone(), ..peer });
            assert_eq!(world.lost_of(numbers), 0, "seed {seed}");
        }
        assert_eq!(world.agreed(), [true; 2], "seed {seed}");
    }
}

/// Whatever happens to two nodes, once it has ended they hear each other and have a key that was agreed upon.
#[test]
fn keys_are_agreed_upon_again_after_anything() {
    for seed in 0..6 {
        let mut world = World::with_rotation(seed);
        let mut random = Seed::from_number(seed + 77).rng();
        let mut psks: [u8; 2] = [0; 2];
        let mut number = 0;
        for _ in 0..25 {
            let (host, value) = ((random.next_u32() % 2) as usize, random.next_u32() as u8);
            match random.next_u32() % 7 {
                0 => {
                    world.restart(host);
                    world.rotate(host);
                    world.declare_psk(host, psks[host]);
                }
                1 => {
                    psks[host] = value % 3;
                    world.declare_psk(host, psks[host]);
                }
                2 => world.link = if value % 2 == 0 { Link::BAD } else { Link::GOOD },
                3 => world.run_secs(u64::from(value) * 2),
                4 => world.hosts[host].address.set_port(40_000 + u16::from(value)),
                5 => world.hosts[host].wall_secs += i64::from(value),
                _ => world.link.delay_ms = u64::from(value) * 4,
            }
            let sent = u32::from(value) / 3;
            world.lost_of(number..number + sent);
            number += sent;
        }
        world.link = Link::GOOD;
        for host in 0..2 {
            world.declare_psk(host, psks[0]);
        }
        world.lost_of(number..number + 1500);
        assert_eq!(world.lost_of(number + 1500..number + 1800), 0, "seed {seed}");
        assert_eq!(world.agreed(), [true; 2], "seed {seed}");
    }
}
