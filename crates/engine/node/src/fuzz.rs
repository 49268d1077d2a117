//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

mod events;

use crate::config::{NetworkConfig, NetworkId, NodeConfig, PeerConfig};
use crate::inbound::Inbound;
use crate::node::Node;
use crate::outbound::Outbound;
use netloom_base::{PacketBatch, Seed, Time, WallTime};
use netloom_wireguard::PrivateKey;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub use events::events;

const MTU_BYTES: usize = 1280;
const NETWORK: NetworkId = NetworkId(1);

/// Hands hostile datagrams to two nodes that know each other, between their own.
///
/// The input is a list of steps: `step 1 | length 1 | bytes`. The step's lowest bit says to which
/// node. Of its next three bits, 0 delivers the bytes as a datagram, 1 lets `length` seconds
/// pass, 2 sends them as an inner packet, 3 delivers the last datagram of the other node with the
/// bytes laid over its start, and the rest delivers that datagram as it is.
///
/// Gives the number of inner packets that came through.
pub fn outer(bytes: &[u8]) -> u64 {
    let mut pair = Pair::new();
    let mut rest = bytes;
    while let Some(([step, len], after)) = rest.split_first_chunk::<2>() {
        let take = usize::from(*len).min(after.len());
        let (data, after) = after.split_at(take);
        rest = after;
        let side = usize::from(step & 1);
        match (step >> 1) & 7 {
            0 => pair.deliver(side, data),
            1 => pair.pass(Duration::from_secs(u64::from(*len))),
            2 => pair.send(side, data),
            3 => {
                let mut datagram = pair.last[1 - side].clone();
                datagram.iter_mut().zip(data).for_each(|(to, from)| *to ^= from);
                pair.deliver(side, &datagram);
            }
            _ => {
                let datagram = pair.last[1 - side].clone();
                pair.deliver(side, &datagram);
            }
        }
        pair.drain();
    }
    pair.nodes.iter().map(|node| node.counters().opened_packets).sum()
}

struct Pair {
    now: Time,
    nodes: [Node; 2],
    /// The last datagram that each node sent.
    last: [Vec<u8>; 2],
    inbound: Inbound,
    outbound: Outbound,
}

impl Pair {
    fn new() -> Self {
        let key = |side: u8| PrivateKey::from_seed(Seed::from_number(u64::from(side)));
        let node = |side: u8| {
            let config = NodeConfig { handshakes_per_second: 4 };
            let mut node = Node::new(config, Seed::from_number(9 + u64::from(side)), Time::ZERO);
            let network = NetworkConfig::new(key(side), MTU_BYTES);
            let peer = PeerConfig {
                endpoint: Some(address(1 - side)),
                allowed: vec![IpAddr::from([10, 0, 0, 1 - side]).into()],
                ..PeerConfig::new(key(1 - side).public())
            };
            let network = node.set_network(Time::ZERO, NETWORK, &network);
            let peer = node.set_peer(Time::ZERO, NETWORK, peer);
            assert!(network.is_ok() && peer.is_ok(), "the configuration is sound");
            node
        };
        Self {
            now: Time::ZERO,
            nodes: [node(0), node(1)],
            last: [Vec::new(), Vec::new()],
            inbound: Inbound::new(),
            outbound: Outbound::new(),
        }
    }

    fn deliver(&mut self, side: usize, datagram: &[u8]) {
        let mut batch = PacketBatch::new(1, 2 * MTU_BYTES);
        batch.push(datagram);
        let from = address(u8::from(side == 0));
        self.nodes[side].handle_outer(self.now, from, &mut batch, &mut self.inbound);
        for arrival in self.inbound.arrivals() {
            for packet in arrival.packets {
                let packet = batch.packet(*packet as usize);
                assert_eq!(packet[12..16], [10, 0, 0, u8::from(side == 0)], "the peer's source");
            }
        }
    }

    fn send(&mut self, side: usize, data: &[u8]) {
        let mut batch = PacketBatch::new(2, MTU_BYTES);
        batch.push(data);
        let mut packet = [0; 64];
        packet[..4].copy_from_slice(&[0x45, 0, 0, 64]);
        packet[12..20].copy_from_slice(&[
            10,
            0,
            0,
            u8::from(side == 1),
            10,
            0,
            0,
            u8::from(side == 0),
        ]);
        batch.push(&packet);
        let out = &mut self.outbound;
        self.nodes[side].handle_inner(self.now, NETWORK, &mut batch, out);
        for destination in out.destinations() {
            for packet in destination.packets {
                self.last[side] = batch.packet(*packet as usize).to_vec();
            }
        }
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        for node in &mut self.nodes {
            node.handle_timeout(self.now, WallTime(self.now.0));
        }
    }

    fn drain(&mut self) {
        for (node, last) in self.nodes.iter_mut().zip(&mut self.last) {
            node.handle_timeout(self.now, WallTime(self.now.0));
            while let Some(transmit) = node.poll_transmit() {
                *last = transmit.datagram;
            }
            while node.poll_event().is_some() {}
            let due = node.poll_timeout();
            assert!(due.is_none_or(|(due, _)| due > self.now), "a timer that is due was handled");
        }
    }
}

fn address(side: u8) -> SocketAddr {
    ([192, 0, 2, side], 51820).into()
}
