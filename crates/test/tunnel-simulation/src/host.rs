//! One node of a simulation: its engine, its address and clock, and what it counted before a call.

use netloom_base::{Seed, Time};
use netloom_node::wireguard::{PresharedKey, PrivateKey, PublicKey, Suite};
use netloom_node::{
    Counters, Inbound, NetworkConfig, NetworkId, Node, NodeConfig, Outbound, PeerConfig,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The only network.
pub const NETWORK: NetworkId = NetworkId(7);
/// Its MTU.
pub const MTU_BYTES: usize = 1420;

/// A node in its world.
#[derive(Debug)]
pub struct Host {
    /// The engine.
    pub node: Node,
    /// Its key.
    pub private_key: PrivateKey,
    /// Where it is.
    pub address: SocketAddr,
    /// What its wall clock shows at virtual time zero; it may step.
    pub wall_ns: u64,
    /// No earlier wall time goes into handshakes, as a driver promises.
    pub wall_floor_ns: u64,
    /// The newest wall time that it was given.
    pub wall_used_ns: u64,
    /// Its preshared key with everybody, and the suite that it asks for.
    pub psk: Option<u8>,
    /// What handshakes ask for that it starts.
    pub suite: Suite,
    /// Packets that left it after having waited for a session.
    pub flushed: u64,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
}

impl Host {
    /// Host `number` of a world, without peers.
    pub fn new(seed: u64, number: usize, handshakes_per_second: u32, now: Time) -> Self {
        let mut host = Self {
            node: engine(seed ^ (number as u64) << 32, handshakes_per_second, now),
            private_key: private_key(number),
            address: first_address(number),
            wall_ns: 1_700_000_000_000_000_000,
            wall_floor_ns: 0,
            wall_used_ns: 0,
            psk: None,
            suite: Suite::ChaCha20Poly1305,
            flushed: 0,
            inbound: Inbound::new(),
            outbound: Outbound::new(),
        };
        host.join(now);
        host
    }

    /// Forgets everything but what is declared, as a process that is started again.
    pub fn restart(&mut self, seed: u64, handshakes_per_second: u32, now: Time) {
        self.node = engine(seed, handshakes_per_second, now);
        self.flushed = 0;
        // What the run before may have used is left behind: its clock may have stepped back since, and
        // it counts up where it gives no newer time.
        let margin_ns = Duration::from_secs(60).as_nanos() as u64;
        self.wall_floor_ns = self.wall_used_ns.max(self.wall_at(now)) + margin_ns;
        self.join(now);
    }

    /// What goes into handshakes.
    pub fn wall_at(&self, now: Time) -> u64 {
        self.wall_ns.saturating_add(now.0).max(self.wall_floor_ns)
    }

    /// Its public key.
    pub fn key(&self) -> PublicKey {
        self.private_key.public()
    }

    fn join(&mut self, now: Time) {
        let config = NetworkConfig::new(self.private_key.clone(), MTU_BYTES);
        self.node.set_network(now, NETWORK, &config).expect("the network is sound");
    }

    /// Declares another host, with what is agreed with all of them.
    pub fn declare(&mut self, now: Time, number: usize, endpoint: Option<SocketAddr>) {
        let peer = PeerConfig {
            psk: self.psk.map(|byte| PresharedKey::from_bytes([byte; 32])),
            suite: self.suite,
            endpoint,
            allowed: vec![IpAddr::from(inner_address(number)).into()],
            ..PeerConfig::new(private_key(number).public())
        };
        self.node.set_peer(now, NETWORK, peer).expect("the peer is sound");
    }

    /// Packets that wait for a session now: those that began to wait, less those that left or gave way.
    pub fn waiting(&self, now: Time) -> i64 {
        let gave_way = self.node.peers(NETWORK).filter_map(|(key, _)| {
            Some(self.node.peer_status(now, NETWORK, &key)?.waiting_dropped)
        });
        let (began, gone) =
            (self.node.counters().waiting_packets, self.flushed + gave_way.sum::<u64>());
        i64::try_from(began).unwrap_or(i64::MAX) - i64::try_from(gone).unwrap_or(i64::MAX)
    }
}

/// All that was counted of packets and datagrams.
pub(crate) fn counted(counters: &Counters) -> u64 {
    let drops: u64 = counters.drops().map(|(_, count)| count).sum();
    let through = counters.sealed_packets + counters.opened_packets;
    through + counters.waiting_packets + counters.keepalives + drops
}

fn engine(seed: u64, handshakes_per_second: u32, now: Time) -> Node {
    Node::new(NodeConfig { handshakes_per_second }, Seed::from_number(seed), now)
}

/// The key of host `number`.
pub fn private_key(number: usize) -> PrivateKey {
    PrivateKey::from_seed(Seed::from_number(7_000 + number as u64))
}

/// The address inside of host `number`.
pub fn inner_address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number as u8 + 1)
}

/// Where host `number` is in the beginning.
pub fn first_address(number: usize) -> SocketAddr {
    ([192, 0, 2, number as u8 + 1], 51820).into()
}
