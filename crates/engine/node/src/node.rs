//! The engine: many networks and their peers on one UDP port.

use crate::config::{NetworkId, NodeConfig, PeerConfig, PeerId};
use crate::counters::{Counters, DropReason};
use crate::exits::Exits;
use crate::handshakes::WaitingHandshake;
use crate::limits::{OUTPUT_QUEUE_MAX, WAITING_BYTES_MAX, WAITING_BYTES_MIN};
use crate::path::{MessageTransmit, Path};
use crate::strangers::Strangers;
use netloom_base::{PrefixTrie, Seed, Time, WallTime};
use netloom_wireguard::{
    ErasingRng, Gate, Identity, IndexTable, PublicKey, Transmit, Tunnel, TunnelEvent,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something happened to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// In which network.
    pub network: NetworkId,
    /// To whom.
    pub peer: PeerId,
    /// Its key.
    pub key: PublicKey,
    /// What.
    pub what: TunnelEvent,
}

/// The engine of one UDP port.
pub struct Node {
    pub(crate) networks: BTreeMap<NetworkId, Network>,
    pub(crate) peers: BTreeMap<PeerId, Box<Peer>>,
    pub(crate) indexes: IndexTable,
    pub(crate) gate: Gate,
    pub(crate) strangers: Strangers,
    pub(crate) handshakes: VecDeque<WaitingHandshake>,
    pub(crate) counters: Counters,
    /// When each peer's machine is to be woken: never later than it asks for, perhaps sooner.
    deadlines: BTreeSet<(Time, PeerId)>,
    transmits: VecDeque<Transmit>,
    pub(crate) messages: VecDeque<MessageTransmit>,
    packets: VecDeque<(NetworkId, Vec<u8>)>,
    events: VecDeque<Event>,
    pub(crate) rng: ErasingRng,
    pub(crate) next_peer: u32,
    /// Bytes of packets of all peers that wait for sessions.
    waiting_bytes: usize,
}

pub(crate) struct Network {
    pub(crate) identity: Arc<Identity>,
    pub(crate) mtu_bytes: usize,
    pub(crate) key_rotation: Duration,
    pub(crate) peers: BTreeMap<PublicKey, PeerId>,
    pub(crate) routes: PrefixTrie<PeerId>,
    /// Where packets go whose destination is in none of them.
    pub(crate) exits: Exits,
}

pub(crate) struct Peer {
    pub(crate) network: NetworkId,
    /// As declared, so that repeating it changes nothing.
    pub(crate) config: PeerConfig,
    pub(crate) tunnel: Tunnel,
    /// Where it may send from beside its own addresses.
    pub(crate) sends_from: PrefixTrie<()>,
    /// Once anything has been sent to a node.
    pub(crate) path: Option<Box<Path>>,
    pub(crate) deadline: Option<Time>,
    /// Bytes of packets that wait for a session, as they are in the node's sum.
    pub(crate) waiting_bytes: usize,
}

impl Peer {
    /// The sum of what waits for all peers, with what waits for this one now.
    fn sum_waiting(&mut self, sum: usize) -> usize {
        let before = std::mem::replace(&mut self.waiting_bytes, self.tunnel.waiting_bytes());
        sum - before + self.waiting_bytes
    }
}

impl Node {
    /// A node without networks; all choices follow from `seed`.
    pub fn new(config: NodeConfig, seed: Seed, now: Time) -> Self {
        let mut rng = ErasingRng::new(seed);
        let indexes = IndexTable::new(rng.fork());
        let gate = Gate::new(config.handshakes_per_second, rng.fork(), now);
        Self {
            networks: BTreeMap::new(),
            peers: BTreeMap::new(),
            indexes,
            gate,
            strangers: Strangers::default(),
            handshakes: VecDeque::new(),
            counters: Counters::default(),
            deadlines: BTreeSet::new(),
            transmits: VecDeque::new(),
            messages: VecDeque::new(),
            packets: VecDeque::new(),
            events: VecDeque::new(),
            waiting_bytes: 0,
            rng,
            next_peer: 0,
        }
    }

    /// When [`Self::handle_timeout`] is to be called next, and why.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let (due, peer) = *self.deadlines.first()?;
        let asked = self.peers.get(&peer).and_then(|peer| peer.tunnel.poll_timeout());
        let reason = asked.filter(|(asked, _)| *asked <= due).map(|(_, reason)| reason);
        Some((due, reason.unwrap_or("a timer has moved")))
    }

    /// Does what is due. `wall` goes into handshake initiations, which are made nowhere else.
    pub fn handle_timeout(&mut self, now: Time, wall: WallTime) {
        self.handle_timers(now, wall, usize::MAX);
    }

    /// Does what is due for up to `most` peers, since each may start a handshake; what is left is due
    /// still ([`Self::poll_timeout`]).
    pub fn handle_timers(&mut self, now: Time, wall: WallTime, most: usize) {
        for _ in 0..most {
            let Some((_, id)) = self.deadlines.first().copied().filter(|(due, _)| *due <= now)
            else {
                return;
            };
            self.deadlines.pop_first();
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.deadline = None;
            peer.tunnel.handle_timeout(now, wall, &mut self.indexes);
            let was_down = peer.is_down();
            peer.handle_path_timeout(now);
            let (network, is_down) = (peer.network, peer.is_down());
            if is_down && !was_down {
                self.choose_exits(network);
            }
            self.settle_path(now, id);
            self.settle(id);
        }
    }

    /// The next datagram to send that is not in a batch: handshakes, keepalives, and packets
    /// that have been waiting for a session. To be drained after every other call.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next packet for an interface that is in no batch: it came in parts, or is an error for a sender whose
    /// packets their path does not take. To be drained after every other call.
    pub fn poll_packet(&mut self) -> Option<(NetworkId, Vec<u8>)> {
        self.packets.pop_front()
    }

    /// The next thing that happened. To be drained after every other call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Running totals.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts packets that an interface or the port handed over and nobody could read ([`DropReason::Unreadable`]).
    pub fn note_unreadable(&mut self, packets: u64) {
        self.counters.drop_packets(DropReason::Unreadable, packets);
    }

    /// The networks, in order of number.
    pub fn networks(&self) -> impl Iterator<Item = NetworkId> {
        self.networks.keys().copied()
    }

    /// The peers of a network, in order of key.
    pub fn peers(&self, network: NetworkId) -> impl Iterator<Item = (PublicKey, PeerId)> {
        let peers = self.networks.get(&network).map(|network| &network.peers);
        peers.into_iter().flatten().map(|(key, id)| (*key, *id))
    }

    /// Collects what a peer's machine has to say after it was touched.
    pub(crate) fn settle(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        while let Some(transmit) = peer.tunnel.poll_transmit() {
            if self.transmits.len() < OUTPUT_QUEUE_MAX {
                self.transmits.push_back(transmit);
            } else {
                self.counters.drop_packet(DropReason::OutputFull);
            }
        }
        self.waiting_bytes = peer.sum_waiting(self.waiting_bytes);
        let key = peer.config.public_key;
        while let Some(what) = peer.tunnel.poll_event() {
            peer.path_event(what);
            if self.events.len() < OUTPUT_QUEUE_MAX {
                self.events.push_back(Event { network: peer.network, peer: id, key, what });
            } else {
                self.counters.events_lost += 1;
            }
        }
        // A deadline that has moved away stays: waking once too often costs less than moving it
        // for every batch.
        let asked = peer.tunnel.poll_timeout().map(|(due, _)| due);
        let asked = asked.into_iter().chain(peer.path_timeout()).min();
        if let Some(asked) = asked
            && peer.deadline.is_none_or(|deadline| asked < deadline)
        {
            if let Some(deadline) = peer.deadline.replace(asked) {
                self.deadlines.remove(&(deadline, id));
            }
            self.deadlines.insert((asked, id));
        }
    }

    /// Takes a peer out of every index of the node.
    pub(crate) fn forget(&mut self, id: PeerId) {
        let Some(mut peer) = self.peers.remove(&id) else { return };
        self.waiting_bytes -= peer.waiting_bytes;
        peer.tunnel.close(&mut self.indexes);
        if let Some(deadline) = peer.deadline {
            self.deadlines.remove(&(deadline, id));
        }
    }

    /// Has a packet wait for a session of its peer, as far as there is room.
    pub(crate) fn enqueue(&mut self, now: Time, id: PeerId, packet: &[u8]) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let of_others = self.waiting_bytes - peer.waiting_bytes;
        let room = WAITING_BYTES_MAX.saturating_sub(of_others).max(WAITING_BYTES_MIN);
        peer.tunnel.enqueue(now, packet, room);
        self.waiting_bytes = peer.sum_waiting(self.waiting_bytes);
    }

    /// Hands a packet to the interface of a network.
    pub(crate) fn give(&mut self, network: NetworkId, packet: Vec<u8>) {
        if self.packets.len() < OUTPUT_QUEUE_MAX {
            self.packets.push_back((network, packet));
        } else {
            self.counters.drop_packet(DropReason::OutputFull);
        }
    }

    pub(crate) fn transmit(&mut self, transmit: Transmit) {
        if self.transmits.len() < OUTPUT_QUEUE_MAX {
            self.transmits.push_back(transmit);
        } else {
            self.counters.drop_packet(DropReason::OutputFull);
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("networks", &self.networks.len())
            .field("peers", &self.peers.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
