//! The world: hosts, the links between them, and every packet that was ever sent.

use crate::host::{Host, MTU_BYTES, NETWORK, counted};
use crate::link::Link;
use crate::packet::{PACKET_BYTES_MIN, Packet, content, number_of};
use crate::totals::Totals;
use netloom_base::{PacketBatch, Seed, Time, WallTime};
use netloom_node::wireguard::TunnelEvent;
use netloom_node::wireguard::limits::WAITING_PACKETS_MAX;
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// Datagrams that somebody on the way keeps to send them again.
const RECORDED_MAX: usize = 256;
/// A data message with nothing in it.
const KEEPALIVE_BYTES: usize = 32;
/// Violations that are described.
const VIOLATIONS_MAX: usize = 8;

/// All of it.
#[derive(Debug)]
pub struct World {
    /// Virtual time.
    pub now: Time,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// What links are like now.
    pub link: Link,
    /// Where all choices come from.
    pub rng: ChaCha20Rng,
    /// What was on the way lately: from, to, bytes.
    pub recorded: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// What has happened.
    pub totals: Totals,
    /// What must not have happened.
    pub violations: Vec<String>,
    packets: Vec<Packet>,
    in_flight: BTreeMap<(Time, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sequence: u64,
    trace: DefaultHasher,
}

impl World {
    /// Hosts that know each other, of which none asks for cookies below so many handshakes a second.
    pub fn new(seed: u64, hosts: usize, handshakes_per_second: u32) -> Self {
        let rng = Seed::from_number(seed).rng();
        let host = |number| Host::new(seed, number, handshakes_per_second, Time::ZERO);
        let mut world = Self {
            now: Time::ZERO,
            hosts: (0..hosts).map(host).collect(),
            link: Link::GOOD,
            rng,
            recorded: VecDeque::new(),
            totals: Totals::default(),
            violations: Vec::new(),
            packets: Vec::new(),
            in_flight: BTreeMap::new(),
            sequence: 0,
            trace: DefaultHasher::new(),
        };
        (0..hosts).for_each(|host| world.declare_all(host));
        world
    }

    /// A number below `end`, or zero.
    pub fn below(&mut self, end: usize) -> usize {
        self.rng.next_u32() as usize % end.max(1)
    }

    /// Declares all others at a host, where they are now.
    pub fn declare_all(&mut self, host: usize) {
        for other in (0..self.hosts.len()).filter(|other| *other != host) {
            let endpoint = Some(self.hosts[other].address);
            self.hosts[host].declare(self.now, other, endpoint);
        }
        self.collect(host);
    }

    /// Tells every node where the others are, whatever it has seen.
    pub fn tell_endpoints(&mut self) {
        let places: Vec<_> = self.hosts.iter().map(|host| (host.key(), host.address)).collect();
        for host in &mut self.hosts {
            for (key, address) in &places {
                // Of itself a node knows nothing.
                host.node.set_peer_endpoint(self.now, NETWORK, key, Some(*address));
            }
        }
    }

    /// The numbers that the next packets get.
    pub fn next_number(&self) -> u32 {
        self.packets.len() as u32
    }

    /// Whether a packet has come through.
    pub fn is_delivered(&self, number: u32) -> bool {
        self.packets.get(number as usize).is_some_and(|packet| packet.is_delivered)
    }

    /// Packets of these numbers that have not come through.
    pub fn missing(&self, numbers: Range<u32>) -> usize {
        numbers.filter(|number| !self.is_delivered(*number)).count()
    }

    /// Sends packets from one host's inner address to another's, each by itself.
    pub fn send(&mut self, from: usize, to: usize, count: usize) {
        for _ in 0..count {
            let (number, bytes) = (self.next_number(), PACKET_BYTES_MIN + self.below(1_300));
            self.packets.push(Packet { from, to, bytes, is_delivered: false });
            self.totals.packets += 1;
            let mut batch = PacketBatch::new(1, MTU_BYTES);
            batch.push(&content(from, to, number, bytes));
            let host = &mut self.hosts[from];
            let before = counted(host.node.counters());
            host.node.handle_inner(self.now, NETWORK, &mut batch, &mut host.outbound);
            let after = counted(host.node.counters());
            let sealed: Vec<_> = host
                .outbound
                .destinations()
                .flat_map(|one| one.packets.iter().map(move |index| (one.to, *index)))
                .map(|(to, index)| (to, batch.packet(index as usize).to_vec()))
                .collect();
            if after - before != 1 {
                self.violate(format!("host {from}: a packet was counted {} times", after - before));
            }
            for (to, datagram) in sealed {
                self.launch(self.hosts[from].address, to, datagram);
            }
            self.collect(from);
        }
    }

    /// Puts a datagram on the way.
    pub fn launch(&mut self, from: SocketAddr, to: SocketAddr, datagram: Vec<u8>) {
        (self.now, from, to, &datagram).hash(&mut self.trace);
        self.totals.datagrams += 1;
        if self.recorded.len() == RECORDED_MAX {
            self.recorded.pop_front();
        }
        self.recorded.push_back((from, to, datagram.clone()));
        if self.rng.next_u32() % 1_000 < self.link.loss_per_mille {
            return;
        }
        let repeat = self.rng.next_u32() % 1_000 < self.link.repeat_per_mille;
        for _ in 0..=u32::from(repeat) {
            let mut datagram = datagram.clone();
            if self.rng.next_u32() % 1_000 < self.link.harm_per_mille {
                self.harm(&mut datagram);
            }
            let jitter = self.below(self.link.jitter_ms as usize + 1) as u64;
            let due = self.now + Duration::from_millis(self.link.delay_ms + jitter);
            self.sequence += 1;
            self.in_flight.insert((due, self.sequence), (from, to, datagram));
        }
    }

    fn harm(&mut self, datagram: &mut Vec<u8>) {
        let at = self.below(datagram.len());
        if self.below(4) == 0 {
            datagram.truncate(at);
        } else if let Some(byte) = datagram.get_mut(at) {
            *byte ^= 1 << (self.rng.next_u32() % 8);
        }
    }

    /// Lets virtual time pass, step by step.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let arrival = self.in_flight.first_key_value().map(|((due, _), _)| *due);
            let timers = self.hosts.iter().filter_map(|host| host.node.poll_timeout());
            let timer = timers.map(|(due, _)| due).min();
            let Some(due) = arrival.into_iter().chain(timer).min().filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            if arrival == Some(due) {
                let Some((_, (from, to, datagram))) = self.in_flight.pop_first() else { continue };
                self.deliver(from, to, &datagram);
            } else {
                (0..self.hosts.len()).for_each(|host| self.wake(host));
            }
        }
    }

    fn wake(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        let wall = WallTime(host.wall_at(self.now));
        host.wall_used_ns = host.wall_used_ns.max(wall.0);
        host.node.handle_timeout(self.now, wall);
        if host.node.poll_timeout().is_some_and(|(due, _)| due <= self.now) {
            self.violate(format!("host {number}: a timer that is due was not handled"));
        }
        self.collect(number);
    }

    /// Hands a datagram to whoever has the address.
    pub fn deliver(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let Some(number) = self.hosts.iter().position(|host| host.address == to) else { return };
        self.totals.arrivals += 1;
        let mut batch = PacketBatch::new(1, 2_000);
        if !batch.push(datagram) {
            return self.violate(format!("a datagram of {} bytes", datagram.len()));
        }
        let host = &mut self.hosts[number];
        let before = counted(host.node.counters());
        host.node.handle_outer(self.now, from, &mut batch, &mut host.inbound);
        let counted = counted(host.node.counters()) - before;
        let arrivals = host.inbound.arrivals().flat_map(|arrival| arrival.packets.iter());
        let packets: Vec<_> =
            arrivals.map(|index| batch.packet(*index as usize).to_vec()).collect();
        let is_foreign = !host.inbound.foreign().is_empty();
        for packet in packets {
            self.take(number, &packet);
        }
        let said = self.collect(number);
        // A cookie that is kept changes nothing that can be seen.
        let is_handled = counted == 1 || is_foreign || said || datagram.first() == Some(&3);
        if counted > 1 || !is_handled {
            let kind = datagram.first().copied().unwrap_or_default();
            self.violate(format!(
                "host {number}: a datagram of type {kind} was counted {counted} times"
            ));
        }
    }

    /// Looks at a packet that came out of a node.
    fn take(&mut self, host: usize, bytes: &[u8]) {
        (host, bytes).hash(&mut self.trace);
        let number = number_of(bytes);
        let packet = number.and_then(|number| self.packets.get_mut(number as usize));
        let (Some(number), Some(packet)) = (number, packet) else {
            return self.violate(format!("host {host} got a packet that nobody sent"));
        };
        if packet.to != host || bytes != content(packet.from, packet.to, number, packet.bytes) {
            self.violate(format!("host {host} got packet {number} altered, or another's"));
        } else if std::mem::replace(&mut packet.is_delivered, true) {
            self.violate(format!("host {host} got packet {number} twice"));
        } else {
            self.totals.delivered += 1;
        }
    }

    /// Fetches what a node has to say; whether it had anything.
    pub(crate) fn collect(&mut self, number: usize) -> bool {
        let mut said = false;
        while let Some(transmit) = self.hosts[number].node.poll_transmit() {
            said = true;
            let is_data = transmit.datagram.first() == Some(&4);
            if is_data && transmit.datagram.len() > KEEPALIVE_BYTES {
                self.hosts[number].flushed += 1;
            }
            self.launch(self.hosts[number].address, transmit.to, transmit.datagram);
        }
        while let Some(event) = self.hosts[number].node.poll_event() {
            said = true;
            format!("{number} {event:?}").hash(&mut self.trace);
            if matches!(event.what, TunnelEvent::HandshakeCompleted { .. }) {
                self.totals.handshakes += 1;
            }
        }
        let (waiting, peers) = (self.hosts[number].waiting(self.now), self.hosts.len() as i64 - 1);
        if waiting < 0 || waiting > peers * WAITING_PACKETS_MAX as i64 {
            self.violate(format!("host {number}: {waiting} packets wait for {peers} peers"));
        }
        said
    }

    /// Notes what must not happen.
    pub fn violate(&mut self, what: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(format!("at {:.3} s, {what}", self.now.0 as f64 / 1e9));
        }
    }

    /// Adds up the drops of a host, which may be about to forget them.
    pub fn add_drops(&mut self, host: usize) {
        for (reason, count) in self.hosts[host].node.counters().drops() {
            *self.totals.drops.entry(format!("{reason:?}")).or_default() += count;
        }
    }

    /// A digest of everything that was sent, received and reported.
    pub fn trace(&self) -> u64 {
        self.trace.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_happen_is_seen() {
        let mut world = World::new(1, 3, 1_000);
        world.send(0, 1, 2);
        let packet = content(0, 1, 0, world.packets[0].bytes);
        world.take(1, &packet);
        assert!(world.violations.is_empty(), "{:?}", world.violations);
        assert!(world.is_delivered(0) && world.missing(0..2) == 1);
        let mut altered = content(0, 1, 1, world.packets[1].bytes);
        altered[40 - 1] ^= 1;
        for (host, bytes, seen) in [
            (1, packet.clone(), "twice"),
            (2, packet, "another's"),
            (1, altered, "altered"),
            (1, content(0, 1, 99, 60), "nobody sent"),
            (1, Vec::new(), "nobody sent"),
        ] {
            world.violations.clear();
            world.take(host, &bytes);
            assert!(world.violations.concat().contains(seen), "{seen}: {:?}", world.violations);
        }
    }
}
