//! A node against boringtun, an independent implementation, on virtual time.

use crate::world::{MTU, NETWORK, inner_address, key, number_of, packet};
use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey as TheirPublicKey, StaticSecret};
use mock_instant::MockClock;
use netloom_base::{PacketBatch, Seed, Time, WallTime};
use netloom_node::wireguard::{PresharedKey, PublicKey, TunnelEvent};
use netloom_node::{
    DropReason, Event, Inbound, NetworkConfig, Node, NodeConfig, Outbound, PeerConfig,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const STEP: Duration = Duration::from_millis(100);

/// A node and a boringtun tunnel, joined by a wire without delay.
struct Duel {
    now: Time,
    node: Node,
    theirs: Tunn,
    their_address: SocketAddr,
    our_address: SocketAddr,
    node_received: Vec<u32>,
    their_received: Vec<u32>,
    events: Vec<Event>,
    to_node: VecDeque<Vec<u8>>,
    to_theirs: VecDeque<Vec<u8>>,
    /// First bytes of the datagrams that the node sent.
    sent_types: Vec<u8>,
    received_types: Vec<u8>,
}

struct Options {
    psk: Option<[u8; 32]>,
    their_psk: Option<[u8; 32]>,
    their_limit: Option<u64>,
    handshakes_per_second: u32,
    our_keepalive: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            psk: None,
            their_psk: None,
            their_limit: None,
            handshakes_per_second: 1_000,
            our_keepalive: None,
        }
    }
}

impl Duel {
    fn new(options: &Options) -> Self {
        // Away from zero, so that "long ago" exists on boringtun's clock.
        MockClock::set_time(Duration::from_secs(1_000));
        let our_address: SocketAddr = ([192, 0, 2, 1], 51820).into();
        let their_address: SocketAddr = ([192, 0, 2, 2], 51820).into();
        let their_key = StaticSecret::from(*key(1, NETWORK).to_bytes());
        let their_public = TheirPublicKey::from(&their_key);
        let our_public = TheirPublicKey::from(*key(0, NETWORK).public().as_bytes());
        let limiter = options.their_limit.map(|n| Arc::new(RateLimiter::new(&their_public, n)));
        let theirs = Tunn::new(their_key, our_public, options.their_psk, None, 1, limiter);
        let config = NodeConfig { handshakes_per_second: options.handshakes_per_second };
        let mut node = Node::new(config, Seed::from_number(5), Time::ZERO);
        let network = NetworkConfig::new(key(0, NETWORK), MTU);
        node.set_network(Time::ZERO, NETWORK, &network).unwrap();
        let peer = PeerConfig {
            psk: options.psk.map(PresharedKey::from_bytes),
            endpoint: Some(their_address),
            allowed: vec![std::net::IpAddr::from(inner_address(1)).into()],
            keepalive: options.our_keepalive,
            ..PeerConfig::new(PublicKey::from_bytes(their_public.to_bytes()))
        };
        node.set_peer(Time::ZERO, NETWORK, peer).unwrap();
        Self {
            now: Time::ZERO,
            node,
            theirs,
            their_address,
            our_address,
            node_received: Vec::new(),
            their_received: Vec::new(),
            events: Vec::new(),
            to_node: VecDeque::new(),
            to_theirs: VecDeque::new(),
            sent_types: Vec::new(),
            received_types: Vec::new(),
        }
    }

    fn we_send(&mut self, number: u32) {
        let mut batch = PacketBatch::new(1, MTU);
        let bytes = 40 + number as usize * 13 % 1_380;
        assert!(batch.push(&packet(inner_address(0), inner_address(1), number, bytes)));
        let mut out = Outbound::new();
        self.node.handle_inner(self.now, NETWORK, &mut batch, &mut out);
        for destination in out.destinations() {
            assert_eq!(destination.to, self.their_address);
            for packet in destination.packets {
                self.to_theirs.push_back(batch.packet(*packet as usize).to_vec());
            }
        }
        self.exchange();
    }

    fn they_send(&mut self, number: u32) {
        let packet = packet(inner_address(1), inner_address(0), number, 64);
        let mut buffer = vec![0; 2_048];
        if let TunnResult::WriteToNetwork(datagram) = self.theirs.encapsulate(&packet, &mut buffer)
        {
            self.to_node.push_back(datagram.to_vec());
        }
        self.exchange();
    }

    /// Carries datagrams both ways until both are quiet.
    fn exchange(&mut self) {
        loop {
            self.collect();
            if let Some(datagram) = self.to_theirs.pop_front() {
                self.sent_types.push(datagram[0]);
                self.they_receive(&datagram);
            } else if let Some(datagram) = self.to_node.pop_front() {
                self.received_types.push(datagram[0]);
                self.we_receive(&datagram);
            } else {
                return;
            }
        }
    }

    fn collect(&mut self) {
        if self.node.poll_timeout().is_some_and(|(due, _)| due <= self.now) {
            let wall = WallTime(WallTime::from_secs(1_700_000_000).0 + self.now.0);
            self.node.handle_timeout(self.now, wall);
        }
        while let Some(transmit) = self.node.poll_transmit() {
            assert_eq!(transmit.to, self.their_address);
            self.to_theirs.push_back(transmit.datagram);
        }
        while let Some(event) = self.node.poll_event() {
            self.events.push(event);
        }
    }

    fn we_receive(&mut self, datagram: &[u8]) {
        let mut batch = PacketBatch::new(1, 2_048);
        assert!(batch.push(datagram));
        let mut inbound = Inbound::new();
        self.node.handle_outer(self.now, self.their_address, &mut batch, &mut inbound);
        for arrival in inbound.arrivals() {
            let packets = arrival.packets.iter().map(|p| batch.packet(*p as usize));
            self.node_received.extend(packets.map(number_of));
        }
    }

    fn they_receive(&mut self, datagram: &[u8]) {
        let mut buffer = vec![0; 2_048];
        let from = Some(self.our_address.ip());
        let mut input = datagram;
        loop {
            match self.theirs.decapsulate(from, input, &mut buffer) {
                TunnResult::WriteToNetwork(answer) => self.to_node.push_back(answer.to_vec()),
                TunnResult::WriteToTunnelV4(packet, _) => {
                    self.their_received.push(number_of(packet));
                    return;
                }
                TunnResult::Done | TunnResult::Err(_) | TunnResult::WriteToTunnelV6(..) => return,
            }
            input = &[];
        }
    }

    fn advance(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() / STEP.as_millis() {
            self.now = self.now + STEP;
            MockClock::advance(STEP);
            let mut buffer = vec![0; 2_048];
            if let TunnResult::WriteToNetwork(datagram) = self.theirs.update_timers(&mut buffer) {
                self.to_node.push_back(datagram.to_vec());
            }
            self.exchange();
        }
    }

    fn handshakes(&self) -> usize {
        let completed =
            |event: &&Event| matches!(event.what, TunnelEvent::HandshakeCompleted { .. });
        self.events.iter().filter(completed).count()
    }
}

#[test]
fn we_initiate_and_data_flows_both_ways() {
    let mut duel = Duel::new(&Options::default());
    for number in 0..50 {
        duel.we_send(number);
        duel.they_send(100 + number);
    }
    assert_eq!(duel.their_received, (0..50).collect::<Vec<_>>());
    assert_eq!(duel.node_received, (100..150).collect::<Vec<_>>());
    assert_eq!(duel.handshakes(), 1);
}

#[test]
fn they_initiate_and_data_flows_both_ways() {
    let mut duel = Duel::new(&Options::default());
    for number in 0..50 {
        duel.they_send(100 + number);
        duel.we_send(number);
    }
    assert_eq!(duel.their_received, (0..50).collect::<Vec<_>>());
    assert_eq!(duel.node_received, (100..150).collect::<Vec<_>>());
    assert_eq!(duel.handshakes(), 1);
}

#[test]
fn preshared_keys_must_agree() {
    let same = Options { psk: Some([9; 32]), their_psk: Some([9; 32]), ..Options::default() };
    let mut duel = Duel::new(&same);
    duel.we_send(1);
    duel.they_send(2);
    assert_eq!((duel.their_received, duel.node_received), (vec![1], vec![2]));

    for psk in [None, Some([8; 32])] {
        let mut duel = Duel::new(&Options { psk, their_psk: Some([9; 32]), ..Options::default() });
        duel.we_send(1);
        duel.they_send(2);
        duel.advance(Duration::from_secs(1));
        assert_eq!((duel.handshakes(), duel.node_received.len()), (0, 0));
    }
}

#[test]
fn their_cookie_gets_us_in() {
    let mut duel = Duel::new(&Options { their_limit: Some(0), ..Options::default() });
    duel.we_send(1);
    assert_eq!(duel.received_types, [3], "a cookie reply");
    assert_eq!(duel.handshakes(), 0);
    duel.advance(Duration::from_secs(6));
    assert_eq!(duel.their_received, [1], "the second initiation carries mac2");
}

#[test]
fn our_cookie_gets_them_in() {
    let mut duel = Duel::new(&Options { handshakes_per_second: 0, ..Options::default() });
    duel.they_send(1);
    assert_eq!(duel.sent_types, [3], "a cookie reply");
    let sent = netloom_node::wireguard::DropReason::CookieSent;
    assert_eq!(duel.node.counters().dropped(DropReason::Wireguard(sent)), 1);
    duel.advance(Duration::from_secs(7));
    assert_eq!(duel.node_received, [1], "the second initiation carries mac2");
}

#[test]
fn ten_minutes_of_traffic_both_ways_rekey_and_lose_nothing() {
    let mut duel = Duel::new(&Options::default());
    for number in 0..600 {
        duel.we_send(number);
        duel.they_send(number);
        duel.advance(Duration::from_secs(1));
    }
    assert_eq!(duel.their_received, (0..600).collect::<Vec<_>>());
    assert_eq!(duel.node_received, (0..600).collect::<Vec<_>>());
    assert!((4..=8).contains(&duel.handshakes()), "{} handshakes", duel.handshakes());
}

#[test]
fn one_way_traffic_either_way_rekeys_and_loses_nothing() {
    let mut ours = Duel::new(&Options::default());
    let mut theirs = Duel::new(&Options::default());
    for number in 0..600 {
        ours.we_send(number);
        ours.advance(Duration::from_secs(1));
    }
    for number in 0..600 {
        theirs.they_send(number);
        theirs.advance(Duration::from_secs(1));
    }
    assert_eq!(ours.their_received, (0..600).collect::<Vec<_>>());
    assert_eq!(theirs.node_received, (0..600).collect::<Vec<_>>());
}

#[test]
fn persistent_keepalives_hold_a_session_open() {
    let keepalive = Some(Duration::from_secs(25));
    let mut duel = Duel::new(&Options { our_keepalive: keepalive, ..Options::default() });
    duel.advance(Duration::from_secs(240));
    assert!(duel.handshakes() >= 1);
    let data = duel.sent_types.iter().filter(|kind| **kind == 4).count();
    assert!((9..=13).contains(&data), "{data} keepalives in 240 s");
    assert!(duel.their_received.is_empty());
}
