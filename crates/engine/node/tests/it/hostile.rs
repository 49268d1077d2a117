//! A node that may say what it likes: what it sends authenticates, and is not to be trusted all the same.

use crate::world::{MTU, NETWORK, inner_address, key};
use netloom_base::{PacketBatch, Seed, Time, WallTime};
use netloom_node::wireguard::{
    Identity, IndexTable, Message, PresharedKey, Suite, Tunnel, TunnelConfig,
};
use netloom_node::{Inbound, NetworkConfig, Node, NodeConfig, PeerConfig};
use rand_core::RngCore as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A node, and a machine that speaks for its peer.
struct Attack {
    now: Time,
    node: Node,
    tunnel: Tunnel,
    indexes: IndexTable,
    inbound: Inbound,
    from: SocketAddr,
}

impl Attack {
    fn new(seed: u64) -> Self {
        let (from, to) = (([192, 0, 2, 9], 9).into(), ([192, 0, 2, 1], 1).into());
        let mut node = Node::new(NodeConfig::default(), Seed::from_number(seed), Time::ZERO);
        let config = NetworkConfig::new(key(0, NETWORK), MTU);
        node.set_network(Time::ZERO, NETWORK, &config).unwrap();
        let peer = PeerConfig {
            allowed: vec![std::net::IpAddr::from(inner_address(1)).into()],
            is_node: true,
            ..PeerConfig::new(key(1, NETWORK).public())
        };
        node.set_peer(Time::ZERO, NETWORK, peer).unwrap();
        let config = TunnelConfig {
            remote: key(0, NETWORK).public(),
            preshared: PresharedKey::default(),
            agrees_keys: true,
            rekey_after: Duration::from_secs(3600),
            suite: Suite::default(),
            endpoint: Some(to),
            keepalive: None,
            mtu_bytes: MTU,
            timestamp_floor: None,
        };
        let identity = Arc::new(Identity::new(key(1, NETWORK)));
        let tunnel = Tunnel::new(identity, config, 0, Seed::from_number(seed), Time::ZERO).unwrap();
        let indexes = IndexTable::new(Seed::from_number(seed));
        let mut attack =
            Self { now: Time::ZERO, node, tunnel, indexes, inbound: Inbound::new(), from };
        attack.tunnel.call(Time::ZERO);
        attack.exchange();
        attack
    }

    /// Hands on what each has for the other; gives how much the node has sent.
    fn exchange(&mut self) -> usize {
        let mut sent = 0;
        for _ in 0..4 {
            self.tunnel.handle_timeout(self.now, WallTime(self.now.0), &mut self.indexes);
            while let Some(transmit) = self.tunnel.poll_transmit() {
                self.deliver(&[transmit.datagram]);
            }
            self.node.handle_timeout(self.now, WallTime(self.now.0));
            let alone = std::iter::from_fn(|| self.node.poll_transmit()).map(|one| one.datagram);
            let mut datagrams: Vec<_> = alone.collect();
            while let Some(message) = self.node.poll_message() {
                datagrams.extend(message.datagrams);
            }
            while self.node.poll_packet().is_some() || self.node.poll_event().is_some() {}
            for datagram in datagrams {
                sent += datagram.len();
                if let Ok(Message::Response(response)) = Message::parse(&datagram) {
                    let to = self.from;
                    let _ = self.tunnel.handle_response(self.now, to, &response, &mut self.indexes);
                }
            }
        }
        sent
    }

    fn deliver(&mut self, datagrams: &[Vec<u8>]) {
        let mut batch = PacketBatch::new(datagrams.len(), 2_000);
        datagrams.iter().for_each(|datagram| assert!(batch.push(datagram)));
        self.node.handle_outer(self.now, self.from, &mut batch, &mut self.inbound);
    }
}

#[test]
fn a_node_that_says_anything_harms_nobody_and_is_answered_little() {
    for seed in 0..40 {
        let mut attack = Attack::new(seed);
        let mut random = Seed::from_number(seed).rng();
        let (mut said, mut answered) = (0, 0);
        for _ in 0..200 {
            let mut datagrams = Vec::new();
            for _ in 0..random.next_u32() % 60 {
                let bytes = 48 + (random.next_u32() as usize % 1300);
                let mut packet = vec![0; bytes];
                random.fill_bytes(&mut packet[48..]);
                packet[0] = 0x60;
                packet[4..6].copy_from_slice(&(bytes as u16 - 40).to_be_bytes());
                packet[6] = 253;
                (packet[8], packet[24], packet[39]) = (1, 1, 1);
                // Kind, argument, number and what follows, of few values so that they meet.
                packet[40] = (random.next_u32() % 11) as u8;
                packet[41] = (random.next_u32() % 2) as u8;
                packet[47] = (random.next_u32() % 5) as u8;
                if random.next_u32().is_multiple_of(2) && bytes > 50 {
                    packet[48] = (random.next_u32() % 6) as u8;
                }
                let sealed = attack.tunnel.seal_packet(attack.now, &packet).unwrap();
                said += sealed.datagram.len();
                datagrams.push(sealed.datagram);
            }
            if !datagrams.is_empty() {
                attack.deliver(&datagrams);
            }
            attack.now = attack.now + Duration::from_millis(u64::from(random.next_u32() % 300));
            answered += attack.exchange();
        }
        assert!(answered < 2 * said, "{answered} bytes for {said}, seed {seed}");
        let status =
            attack.node.peer_status(attack.now, NETWORK, &key(1, NETWORK).public()).unwrap();
        assert!(status.has_session);
    }
}
