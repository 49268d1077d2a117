//! Two nodes to which anything may happen: datagrams, time, and changes of what is declared.

use super::{NETWORK, address};
use crate::config::{NetworkConfig, NodeConfig, PeerConfig};
use crate::inbound::Inbound;
use crate::node::Node;
use crate::outbound::Outbound;
use netloom_base::{PacketBatch, Seed, Time, WallTime};
use netloom_wireguard::{PresharedKey, PrivateKey, Suite};
use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Larger than what a path is assumed to take.
const MTU_BYTES: usize = 1500;
/// Datagrams that are kept to be delivered, delivered again, or delivered late.
const KEPT_MAX: usize = 32;
/// The shortest valid inner packet: headers and a number.
const PACKET_BYTES_MIN: usize = 40;
const NUMBER_AT: usize = 28;

/// Lets happen what the bytes say: `step 1 | argument 1 | length 1 | bytes`.
///
/// The step's lowest bit says at which node; the rest chooses, see `Pair::step`. Whatever happens, what
/// comes through was sent by the other node, unaltered, and comes through once.
///
/// Gives the number of inner packets that came through.
pub fn events(bytes: &[u8]) -> u64 {
    let mut pair = Pair::new();
    let mut rest = bytes;
    while let Some(([step, argument, length], after)) = rest.split_first_chunk::<3>() {
        let (data, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        pair.step(usize::from(step & 1), step >> 1, *argument, data);
        pair.drain();
    }
    pair.opened
}

struct Pair {
    now: Time,
    /// Nanoseconds that are added to the time for each node's wall clock.
    wall_offset_ns: [u64; 2],
    nodes: [Node; 2],
    keys: [PrivateKey; 2],
    peers: [PeerConfig; 2],
    /// What each node has sent, the newest last.
    sent: [VecDeque<Vec<u8>>; 2],
    /// Numbers of valid packets that each node was given, and that came out of it.
    given: [BTreeSet<u32>; 2],
    taken: [BTreeSet<u32>; 2],
    next_number: u32,
    opened: u64,
    inbound: Inbound,
    outbound: Outbound,
}

impl Pair {
    fn new() -> Self {
        let keys = [0, 1].map(|side| PrivateKey::from_seed(Seed::from_number(side)));
        let peer = |side: u8| PeerConfig {
            endpoint: Some(address(1 - side)),
            allowed: vec![IpAddr::from([10, 0, 0, 1 - side]).into()],
            ..PeerConfig::new(keys[usize::from(1 - side)].public())
        };
        let peers = [peer(0), peer(1)];
        let mut pair = Self {
            now: Time::ZERO,
            wall_offset_ns: [1_700_000_000_000_000_000; 2],
            nodes: [0, 1].map(node),
            keys,
            peers,
            sent: [VecDeque::new(), VecDeque::new()],
            given: [BTreeSet::new(), BTreeSet::new()],
            taken: [BTreeSet::new(), BTreeSet::new()],
            next_number: 0,
            opened: 0,
            inbound: Inbound::new(),
            outbound: Outbound::new(),
        };
        (0..2).for_each(|side| pair.declare(side));
        pair
    }

    fn step(&mut self, side: usize, what: u8, argument: u8, data: &[u8]) {
        match what % 14 {
            0 => self.deliver(side, address(argument), &[data.to_vec()]),
            1 => self.pass(Duration::from_millis(u64::from(argument) * 250)),
            2 => self.send(side, argument, data),
            // The newest, with the bytes laid over it.
            3 => {
                let mut datagram = self.kept(1 - side, 0);
                let at = usize::from(argument).min(datagram.len());
                datagram[at..].iter_mut().zip(data).for_each(|(to, from)| *to ^= from);
                self.deliver(side, address(1 - side as u8), &[datagram]);
            }
            4 => {
                let datagram = self.kept(1 - side, usize::from(argument));
                self.deliver(side, address(1 - side as u8), &[datagram]);
            }
            5 => {
                // From elsewhere: the node has moved, or somebody replays.
                let datagram = self.kept(1 - side, usize::from(argument >> 4));
                self.deliver(side, address(2 + (argument & 15)), &[datagram]);
            }
            6 => {
                let all: Vec<_> = self.sent[1 - side].iter().cloned().collect();
                self.deliver(side, address(1 - side as u8), &all);
            }
            7 => self.change(side, argument),
            8 => drop(self.nodes[side].remove_peer(NETWORK, &self.peers[side].public_key)),
            9 => self.declare(side),
            10 => drop(self.nodes[side].call_peer(self.now, NETWORK, &self.peers[side].public_key)),
            11 => {
                let step = u64::from(argument) * 3_600_000_000_000;
                let offset = &mut self.wall_offset_ns[side];
                *offset = if data.is_empty() {
                    offset.wrapping_add(step)
                } else {
                    offset.saturating_sub(step)
                };
            }
            12 => {
                self.nodes[side] = node(u64::from(argument) + 2);
                self.declare(side);
            }
            _ => drop(self.nodes[side].answer_early_call(
                self.now,
                NETWORK,
                &self.peers[side].public_key,
            )),
        }
    }

    /// Declares the peer otherwise.
    fn change(&mut self, side: usize, argument: u8) {
        let peer = &mut self.peers[side];
        peer.psk = (argument & 1 != 0).then(|| PresharedKey::from_bytes([argument & 2; 32]));
        peer.suite = if argument & 4 == 0 { Suite::ChaCha20Poly1305 } else { Suite::Aes256Gcm };
        peer.keepalive = (argument & 8 != 0).then_some(Duration::from_secs(1));
        // Messages inside the tunnel, and packets in parts.
        peer.is_node = argument & 32 != 0;
        peer.endpoint = (argument & 16 == 0).then(|| address(1 - side as u8));
        self.declare(side);
    }

    /// Sets network and peer to what is declared, which is sound.
    fn declare(&mut self, side: usize) {
        let (node, private_key) = (&mut self.nodes[side], self.keys[side].clone());
        let network = NetworkConfig::new(private_key, MTU_BYTES);
        node.set_network(self.now, NETWORK, &network).expect("the network is sound");
        node.set_peer(self.now, NETWORK, self.peers[side].clone()).expect("the peer is sound");
    }

    /// One of the last datagrams of a node, the newest being 0.
    fn kept(&self, side: usize, age: usize) -> Vec<u8> {
        let sent = &self.sent[side];
        let place = sent.len().checked_sub(1 + age % KEPT_MAX);
        place.and_then(|place| sent.get(place)).cloned().unwrap_or_default()
    }

    fn keep(&mut self, side: usize, datagram: Vec<u8>) {
        let sent = &mut self.sent[side];
        if sent.len() == KEPT_MAX {
            sent.pop_front();
        }
        sent.push_back(datagram);
    }

    fn deliver(&mut self, side: usize, from: SocketAddr, datagrams: &[Vec<u8>]) {
        let mut batch = PacketBatch::new(datagrams.len().max(1), 2 * MTU_BYTES);
        for datagram in datagrams {
            batch.push(datagram);
        }
        self.nodes[side].handle_outer(self.now, from, &mut batch, &mut self.inbound);
        let arrivals = self.inbound.arrivals().flat_map(|arrival| arrival.packets);
        let packets: Vec<Vec<u8>> =
            arrivals.map(|packet| batch.packet(*packet as usize).to_vec()).collect();
        for packet in packets {
            assert_eq!(packet[12..16], [10, 0, 0, 1 - side as u8], "the peer's source");
            self.come_through(side, &packet);
        }
    }

    /// A packet that was sent as such comes through once.
    fn come_through(&mut self, side: usize, packet: &[u8]) {
        self.opened += 1;
        let number = packet.get(NUMBER_AT..).and_then(<[u8]>::first_chunk);
        let number = number.map_or(0, |number| u32::from_be_bytes(*number));
        if packet.len() >= PACKET_BYTES_MIN && packet == valid(1 - side as u8, number, packet.len())
        {
            assert!(self.given[1 - side].contains(&number), "a packet that nobody sent");
            assert!(self.taken[side].insert(number), "a packet came through twice");
        }
    }

    fn send(&mut self, side: usize, argument: u8, data: &[u8]) {
        let mut batch = PacketBatch::new(2, MTU_BYTES);
        batch.push(data);
        let number = self.next_number;
        self.next_number += 1;
        let bytes = (PACKET_BYTES_MIN + usize::from(argument) * 6).min(MTU_BYTES);
        batch.push(&valid(side as u8, number, bytes));
        self.given[side].insert(number);
        self.nodes[side].handle_inner(self.now, NETWORK, &mut batch, &mut self.outbound);
        let packets = self.outbound.destinations().flat_map(|destination| destination.packets);
        let datagrams: Vec<_> =
            packets.map(|packet| batch.packet(*packet as usize).to_vec()).collect();
        for datagram in datagrams {
            self.keep(side, datagram);
        }
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.drain();
    }

    fn drain(&mut self) {
        for side in 0..2 {
            let wall = WallTime(self.now.0.wrapping_add(self.wall_offset_ns[side]));
            self.nodes[side].handle_timeout(self.now, wall);
            while let Some(transmit) = self.nodes[side].poll_transmit() {
                self.keep(side, transmit.datagram);
            }
            while let Some(message) = self.nodes[side].poll_message() {
                message.datagrams.into_iter().for_each(|datagram| self.keep(side, datagram));
            }
            while let Some((network, packet)) = self.nodes[side].poll_packet() {
                assert!(
                    network == NETWORK && packet.len() <= MTU_BYTES,
                    "a packet for the interface"
                );
                self.come_through(side, &packet);
            }
            while self.nodes[side].poll_event().is_some() {}
            let due = self.nodes[side].poll_timeout();
            assert!(due.is_none_or(|(due, _)| due > self.now), "a timer that is due was handled");
        }
    }
}

fn node(seed: u64) -> Node {
    let config = NodeConfig { handshakes_per_second: 4 };
    Node::new(config, Seed::from_number(9 + seed), Time::ZERO)
}

/// A packet from one node's inner address to the other's.
fn valid(side: u8, number: u32, bytes: usize) -> Vec<u8> {
    let mut packet = vec![0; bytes];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&(bytes as u16).to_be_bytes());
    packet[12..20].copy_from_slice(&[10, 0, 0, side, 10, 0, 0, 1 - side]);
    packet[NUMBER_AT..NUMBER_AT + 4].copy_from_slice(&number.to_be_bytes());
    packet
}
