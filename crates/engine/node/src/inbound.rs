//! What becomes of a batch from the UDP port: which packets are opened with what, and for whom.

use crate::config::{NetworkId, PeerId};
use netloom_base::PacketBatch;
use netloom_wireguard::message::DATA_HEADER_BYTES;
use netloom_wireguard::{AT_ONCE_MAX, OpenKey, TAG_BYTES};
use std::net::SocketAddr;
use std::sync::Arc;

/// The packets of one batch, grouped by session and then by peer. To be kept and used again.
#[derive(Debug, Default)]
pub struct Inbound {
    pub(crate) groups: Vec<Group>,
    pub(crate) sealed: Vec<Sealed>,
    pub(crate) arrivals: Vec<ArrivalRange>,
    pub(crate) delivered: Vec<u32>,
    pub(crate) foreign: Vec<u32>,
    /// Messages to the node itself, of the group that is being judged.
    pub(crate) messages: Vec<u32>,
}

/// Data packets of one session from one address.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) index: u32,
    pub(crate) from: SocketAddr,
    pub(crate) peer: PeerId,
    pub(crate) is_node: bool,
    /// Given up once used, so that a key does not outlive its session.
    pub(crate) key: Option<Arc<OpenKey>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed {
    pub(crate) group: u32,
    pub(crate) packet: u32,
    pub(crate) counter: u64,
    pub(crate) is_partial: bool,
    pub(crate) is_open: bool,
}

#[derive(Debug)]
pub(crate) struct ArrivalRange {
    pub(crate) network: NetworkId,
    pub(crate) peer: PeerId,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Inner packets that came from one peer.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// In which network: the interface that they go to.
    pub network: NetworkId,
    /// From whom.
    pub peer: PeerId,
    /// Which packets of the batch, in the order in which they came; each is cut to the length
    /// that its IP header declares.
    pub packets: &'a [u32],
}

impl Inbound {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything; the room stays.
    pub fn clear(&mut self) {
        self.groups.clear();
        self.sealed.clear();
        self.arrivals.clear();
        self.delivered.clear();
        self.foreign.clear();
        self.messages.clear();
    }

    /// The inner packets to hand on; packets that are in no arrival are not.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival<'_>> {
        self.arrivals.iter().map(|range| Arrival {
            network: range.network,
            peer: range.peer,
            packets: &self.delivered[range.start..range.end],
        })
    }

    /// Datagrams of the batch whose first byte is 16 or more: not WireGuard's, but another
    /// protocol's on the same port. They are untouched.
    pub fn foreign(&self) -> &[u32] {
        &self.foreign
    }

    /// Opens the packets in place. `batch` is the one that was planned.
    ///
    /// Needs nothing of the node: a driver with several threads plans under a lock
    /// ([`crate::Node::plan_outer`]), opens outside of it, and finishes under the lock again
    /// ([`crate::Node::finish_outer`]).
    ///
    /// # Panics
    /// If `batch` is another one and lacks packets: a bug of the caller.
    pub fn open(&mut self, batch: &mut PacketBatch) {
        let mut rest = &mut self.sealed[..];
        while let Some(first) = rest.first() {
            let Some(key) = &self.groups[first.group as usize].key else {
                rest = &mut rest[1..];
                continue;
            };
            let kind =
                |one: &Sealed| (one.group, one.is_partial, batch.packet(one.packet as usize).len());
            let count = if key.has_many() { at_once(rest.iter().map(kind)) } else { 1 };
            let (now, later) = rest.split_at_mut(count);
            open(batch, now, key);
            rest = later;
        }
        for group in &mut self.groups {
            group.key = None;
        }
    }

    /// The place of a session's group, if there is one.
    pub(crate) fn group(&self, index: u32, from: SocketAddr) -> Option<u32> {
        let place = self.groups.iter().rposition(|g| g.index == index && g.from == from);
        place.and_then(|place| u32::try_from(place).ok())
    }
}

/// How many of the first packets are of one kind, and can be sealed or opened at once.
pub(crate) fn at_once<K: PartialEq>(mut kinds: impl Iterator<Item = K>) -> usize {
    let Some(first) = kinds.next() else { return 0 };
    1 + kinds.take(AT_ONCE_MAX - 1).take_while(|kind| *kind == first).count()
}

/// Opens datagrams of one session, one type and one length.
fn open(batch: &mut PacketBatch, sealed: &mut [Sealed], key: &OpenKey) {
    if let [one] = sealed {
        one.is_open = key.open(one.counter, batch.packet_mut(one.packet as usize));
    } else {
        let (mut packets, mut counters) = ([0; AT_ONCE_MAX], [0; AT_ONCE_MAX]);
        for (place, one) in sealed.iter().enumerate() {
            (packets[place], counters[place]) = (one.packet, one.counter);
        }
        let count = sealed.len();
        let mut datagrams = batch.packets_mut::<AT_ONCE_MAX>(&packets[..count]);
        let is_open = key.open_many(&counters[..count], &mut datagrams[..count]);
        for (one, is_open) in sealed.iter_mut().zip(is_open) {
            one.is_open = is_open;
        }
    }
    for one in sealed.iter().filter(|one| one.is_open) {
        let packet = one.packet as usize;
        let end = batch.packet(packet).len() - TAG_BYTES;
        batch.narrow(packet, DATA_HEADER_BYTES..end);
        batch.set_partial(packet, one.is_partial);
    }
}
