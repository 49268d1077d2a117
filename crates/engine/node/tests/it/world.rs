//! Nodes in memory on virtual time, with links that delay, lose, repeat and reorder by seed.

use netloom_base::{PacketBatch, Seed, Time, WallTime};
use netloom_node::wireguard::{PrivateKey, PublicKey, Transmit, TunnelEvent};
use netloom_node::{
    Event, Inbound, NetworkConfig, NetworkId, Node, NodeConfig, Outbound, PeerConfig,
};
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(crate) const NETWORK: NetworkId = NetworkId(7);
pub(crate) const MTU: usize = 1420;

/// What a link does to datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) delay_ms: u64,
    pub(crate) jitter_ms: u64,
    pub(crate) loss_per_mille: u32,
    pub(crate) repeat_per_mille: u32,
}

impl Link {
    pub(crate) const GOOD: Self =
        Self { delay_ms: 10, jitter_ms: 0, loss_per_mille: 0, repeat_per_mille: 0 };
    pub(crate) const BAD: Self =
        Self { delay_ms: 20, jitter_ms: 30, loss_per_mille: 100, repeat_per_mille: 50 };
}

pub(crate) struct Host {
    pub(crate) node: Node,
    pub(crate) key: PublicKey,
    pub(crate) address: SocketAddr,
    /// What its wall clock shows at virtual time zero, in seconds.
    pub(crate) wall_secs: i64,
    pub(crate) received: Vec<(NetworkId, Vec<u8>)>,
    pub(crate) events: Vec<Event>,
    /// What its interfaces got that was in no batch.
    pub(crate) given: Vec<Vec<u8>>,
    /// How many packets arrived whose checksum was left out.
    pub(crate) partial: usize,
    outbound: Outbound,
    inbound: Inbound,
}

pub(crate) struct World {
    pub(crate) now: Time,
    /// Longest datagram that links take.
    pub(crate) takes_bytes: usize,
    /// Whether devices hand packets over without their checksums.
    pub(crate) leaves_checksums: bool,
    pub(crate) hosts: Vec<Host>,
    pub(crate) link: Link,
    /// Datagrams that left a host: from, to, bytes.
    pub(crate) wire: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// Their marks of congestion when they left.
    pub(crate) marks: Vec<u8>,
    /// The mark with which datagrams arrive; that with which they left, if `None`.
    pub(crate) met: Option<u8>,
    in_flight: BTreeMap<(Time, u64), (SocketAddr, Transmit)>,
    sequence: u64,
    rng: ChaCha20Rng,
    trace: DefaultHasher,
}

/// The key of host `number` in a network.
pub(crate) fn key(number: usize, network: NetworkId) -> PrivateKey {
    PrivateKey::from_seed(Seed::from_number(1_000 * u64::from(network.0) + number as u64))
}

pub(crate) fn inner_address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, u8::try_from(number).unwrap() + 1)
}

/// A UDP packet between two hosts' inner addresses with a number to tell it by.
pub(crate) fn packet(from: Ipv4Addr, to: Ipv4Addr, number: u32, bytes: usize) -> Vec<u8> {
    let mut packet = vec![0u8; bytes.max(32)];
    let total = u16::try_from(packet.len()).unwrap();
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[8] = 64;
    packet[9] = 17;
    packet[12..16].copy_from_slice(&from.octets());
    packet[16..20].copy_from_slice(&to.octets());
    packet[28..32].copy_from_slice(&number.to_be_bytes());
    packet
}

pub(crate) fn number_of(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[28..32].try_into().unwrap())
}

impl World {
    /// `hosts` hosts without networks.
    pub(crate) fn empty(seed: u64, hosts: usize, config: &NodeConfig) -> Self {
        let host = |number: usize| Host {
            node: Node::new(
                config.clone(),
                Seed::from_number(seed * 100 + number as u64),
                Time::ZERO,
            ),
            key: key(number, NETWORK).public(),
            address: ([192, 0, 2, u8::try_from(number).unwrap() + 1], 51820).into(),
            wall_secs: 1_700_000_000,
            received: Vec::new(),
            events: Vec::new(),
            given: Vec::new(),
            partial: 0,
            outbound: Outbound::new(),
            inbound: Inbound::new(),
        };
        Self {
            now: Time::ZERO,
            takes_bytes: usize::MAX,
            leaves_checksums: false,
            hosts: (0..hosts).map(host).collect(),
            link: Link::GOOD,
            wire: Vec::new(),
            marks: Vec::new(),
            met: None,
            in_flight: BTreeMap::new(),
            sequence: 0,
            rng: Seed::from_number(seed).rng(),
            trace: DefaultHasher::new(),
        }
    }

    /// Two hosts that know each other.
    pub(crate) fn pair(seed: u64) -> Self {
        Self::pair_of(Self::empty(seed, 2, &NodeConfig::default()))
    }

    /// Two hosts that know each other, of which those `loaded` ask everybody for cookies.
    pub(crate) fn under_load(seed: u64, loaded: &[usize]) -> Self {
        let mut world = Self::empty(seed, 2, &NodeConfig::default());
        for host in loaded {
            let seed = Seed::from_number(seed * 200 + *host as u64);
            let config = NodeConfig { handshakes_per_second: 0 };
            world.hosts[*host].node = Node::new(config, seed, Time::ZERO);
        }
        Self::pair_of(world)
    }

    fn pair_of(mut world: Self) -> Self {
        for host in 0..2 {
            world.join(host, NETWORK);
            let peer = world.peer_config(1 - host);
            world.set_peer(host, peer);
        }
        world
    }

    /// A host of a pair forgets everything but its declaration.
    pub(crate) fn restart(&mut self, host: usize) {
        let seed = Seed::from_number(self.now.0 + host as u64);
        self.hosts[host].node = Node::new(NodeConfig::default(), seed, self.now);
        self.join(host, NETWORK);
        let peer = self.peer_config(1 - host);
        self.set_peer(host, peer);
    }

    pub(crate) fn join(&mut self, host: usize, network: NetworkId) {
        let config = NetworkConfig::new(key(host, network), MTU);
        self.hosts[host].node.set_network(self.now, network, &config).unwrap();
    }

    pub(crate) fn peer_config(&self, number: usize) -> PeerConfig {
        PeerConfig {
            endpoint: Some(self.hosts[number].address),
            allowed: vec![std::net::IpAddr::from(inner_address(number)).into()],
            ..PeerConfig::new(self.hosts[number].key)
        }
    }

    pub(crate) fn set_peer(&mut self, host: usize, config: PeerConfig) {
        self.hosts[host].node.set_peer(self.now, NETWORK, config).unwrap();
        self.collect(host);
    }

    /// Sends numbered packets from one host's inner address to another's.
    pub(crate) fn send(&mut self, from: usize, to: usize, numbers: std::ops::Range<u32>) {
        let packets = numbers
            .map(|n| packet(inner_address(from), inner_address(to), n, 100 + n as usize % 7));
        let packets: Vec<_> = packets.collect();
        self.send_packets(from, NETWORK, &packets);
    }

    pub(crate) fn send_packets(&mut self, from: usize, network: NetworkId, packets: &[Vec<u8>]) {
        for chunk in packets.chunks(64) {
            let mut batch = PacketBatch::new(64, MTU);
            for packet in chunk {
                assert!(batch.push(packet));
                batch.set_partial(batch.len() - 1, self.leaves_checksums);
            }
            let host = &mut self.hosts[from];
            host.node.handle_inner(self.now, network, &mut batch, &mut host.outbound);
            let mut datagrams = VecDeque::new();
            for destination in host.outbound.destinations() {
                for packet in destination.packets {
                    let datagram = batch.packet(*packet as usize).to_vec();
                    let ecn = batch.ecn(*packet as usize);
                    datagrams.push_back(Transmit { to: destination.to, datagram, ecn });
                }
            }
            for transmit in datagrams {
                self.launch(self.hosts[from].address, transmit);
            }
            self.collect(from);
        }
    }

    /// Puts a datagram on the wire.
    pub(crate) fn launch(&mut self, from: SocketAddr, transmit: Transmit) {
        let Transmit { to, datagram, ecn } = &transmit;
        (self.now, from, to, datagram).hash(&mut self.trace);
        self.wire.push((from, *to, datagram.clone()));
        self.marks.push(*ecn);
        let is_lost = self.rng.next_u32() % 1_000 < self.link.loss_per_mille;
        if is_lost || datagram.len() > self.takes_bytes {
            return;
        }
        let repeat = self.rng.next_u32() % 1_000 < self.link.repeat_per_mille;
        for _ in 0..=u32::from(repeat) {
            let jitter = u64::from(self.rng.next_u32()) % (self.link.jitter_ms + 1);
            let due = self.now + Duration::from_millis(self.link.delay_ms + jitter);
            self.sequence += 1;
            self.in_flight.insert((due, self.sequence), (from, transmit.clone()));
        }
    }

    /// Lets virtual time pass, step by step.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let arrival = self.in_flight.first_key_value().map(|((due, _), _)| *due);
            let timer =
                self.hosts.iter().filter_map(|host| host.node.poll_timeout()).map(|t| t.0).min();
            let Some(due) = arrival.into_iter().chain(timer).min().filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            if arrival == Some(due) {
                let Some((_, (from, sent))) = self.in_flight.pop_first() else { continue };
                self.deliver_marked(from, sent.to, &sent.datagram, self.met.unwrap_or(sent.ecn));
            } else {
                (0..self.hosts.len()).for_each(|host| self.wake(host));
            }
        }
    }

    pub(crate) fn run_secs(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    fn wake(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        let wall = u64::try_from(host.wall_secs).unwrap() * 1_000_000_000 + self.now.0;
        host.node.handle_timeout(self.now, WallTime(wall));
        self.collect(number);
    }

    /// Hands a datagram to whoever has the address.
    pub(crate) fn deliver(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        self.deliver_marked(from, to, datagram, 0);
    }

    fn deliver_marked(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8], ecn: u8) {
        let Some(number) = self.hosts.iter().position(|host| host.address == to) else { return };
        let host = &mut self.hosts[number];
        let mut batch = PacketBatch::new(1, 2_000);
        assert!(batch.push(datagram));
        batch.set_ecn(0, ecn);
        host.node.handle_outer(self.now, from, &mut batch, &mut host.inbound);
        for arrival in host.inbound.arrivals() {
            for packet in arrival.packets {
                host.partial += usize::from(batch.is_partial(*packet as usize));
                batch.complete_checksum(*packet as usize);
                let packet = batch.packet(*packet as usize).to_vec();
                (number, &packet).hash(&mut self.trace);
                host.received.push((arrival.network, packet));
            }
        }
        self.collect(number);
    }

    fn collect(&mut self, number: usize) {
        while let Some(transmit) = self.hosts[number].node.poll_transmit() {
            self.launch(self.hosts[number].address, transmit);
        }
        while let Some(message) = self.hosts[number].node.poll_message() {
            for datagram in message.datagrams {
                let (to, ecn) = (message.to, message.ecn);
                self.launch(self.hosts[number].address, Transmit { to, datagram, ecn });
            }
        }
        while let Some(packet) = self.hosts[number].node.poll_packet() {
            self.hosts[number].given.push(packet.1);
        }
        while let Some(event) = self.hosts[number].node.poll_event() {
            format!("{number} {event:?}").hash(&mut self.trace);
            self.hosts[number].events.push(event);
        }
    }

    /// The numbers of the packets that a host received, sorted.
    pub(crate) fn numbers(&self, host: usize) -> Vec<u32> {
        let mut numbers: Vec<_> =
            self.hosts[host].received.iter().map(|(_, packet)| number_of(packet)).collect();
        numbers.sort_unstable();
        numbers
    }

    pub(crate) fn has_event(&self, host: usize, what: &TunnelEvent) -> bool {
        self.hosts[host].events.iter().any(|event| event.what == *what)
    }

    pub(crate) fn handshakes(&self, host: usize) -> u64 {
        let peer = self.hosts[1 - host].key;
        self.hosts[host].node.peer_status(self.now, NETWORK, &peer).unwrap().handshakes
    }

    /// How many datagrams of a type left a host's address.
    pub(crate) fn sent_of_type(&self, host: usize, kind: u8) -> usize {
        let from = self.hosts[host].address;
        self.wire.iter().filter(|(f, _, datagram)| *f == from && datagram[0] == kind).count()
    }

    /// A digest of everything that was sent, received and reported.
    pub(crate) fn trace(&self) -> u64 {
        self.trace.finish()
    }
}
