//! Two nodes that come to know that both can do AES-GCM, one before the other, or that one cannot.

use crate::world::{Link, NETWORK, World};
use netloom_node::PeerConfig;
use netloom_node::wireguard::Suite;

impl World {
    fn tell(&mut self, host: usize, suite: Suite) {
        let peer = PeerConfig { suite, ..self.peer_config(1 - host) };
        self.set_peer(host, peer);
    }

    fn suite(&self, host: usize) -> Option<Suite> {
        let peer = self.hosts[1 - host].key;
        self.hosts[host].node.peer_status(self.now, NETWORK, &peer).unwrap().suite
    }

    /// Sends a packet each second from both ends; gives how many of them did not arrive.
    fn lost(&mut self, numbers: std::ops::Range<u32>) -> usize {
        for number in numbers.clone() {
            self.send(0, 1, number..number + 1);
            self.send(1, 0, number..number + 1);
            self.run_secs(1);
        }
        let arrived = |host| self.numbers(host).iter().filter(|n| numbers.contains(n)).count();
        2 * numbers.len() - arrived(0) - arrived(1)
    }
}

#[test]
fn the_faster_suite_comes_and_goes_without_a_lost_packet() {
    for seed in 0..8 {
        let mut world = World::pair(seed);
        assert_eq!(world.lost(0..5), 0);
        assert_eq!(world.suite(0), Some(Suite::ChaCha20Poly1305));
        // One of them hears of it first.
        world.tell(0, Suite::Aes256Gcm);
        assert_eq!(world.lost(5..20), 0);
        assert_eq!([world.suite(0), world.suite(1)], [Some(Suite::Aes256Gcm); 2]);
        world.tell(1, Suite::Aes256Gcm);
        assert_eq!(world.lost(20..400), 0, "through three rekeys");
        assert_eq!(world.suite(1), Some(Suite::Aes256Gcm));
        for host in [1, 0] {
            world.tell(host, Suite::ChaCha20Poly1305);
        }
        assert_eq!(world.lost(400..420), 0);
        assert_eq!(world.suite(0), Some(Suite::ChaCha20Poly1305));
        assert_eq!(world.suite(1), Some(Suite::ChaCha20Poly1305));
    }
}

#[test]
fn both_suites_survive_a_bad_link() {
    for seed in 0..8 {
        let mut world = World::pair(seed);
        world.link = Link::BAD;
        for host in 0..2 {
            world.tell(host, Suite::Aes256Gcm);
        }
        world.lost(0..300);
        for host in 0..2 {
            let numbers = world.numbers(host);
            assert!(numbers.len() > 150, "{} of 300 arrived", numbers.len());
            assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]), "one came twice");
        }
        assert_eq!(world.suite(0), Some(Suite::Aes256Gcm));
    }
}

#[test]
fn who_hears_of_it_during_a_handshake_makes_another() {
    let mut world = World::pair(1);
    world.link.delay_ms = 100;
    world.send(0, 1, 0..1);
    world.run(std::time::Duration::from_millis(50));
    for host in 0..2 {
        world.tell(host, Suite::Aes256Gcm);
    }
    world.run_secs(2);
    assert_eq!(world.suite(0), Some(Suite::ChaCha20Poly1305));
    assert_eq!(world.lost(1..10), 0);
    assert_eq!(world.suite(0), Some(Suite::Aes256Gcm));
    let handshakes = world.handshakes(0);
    assert_eq!(world.lost(10..40), 0);
    assert_eq!(world.handshakes(0), handshakes, "it stays at that");
}
