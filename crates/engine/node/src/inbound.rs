//! What becomes of a batch from the UDP port: which packets are opened with what, and for whom.

use crate::config::{NetworkId, PeerId};
use netloom_base::PacketBatch;
use netloom_wireguard::message::DATA_HEADER_BYTES;
use netloom_wireguard::{OpenKey, TAG_BYTES};
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
        for sealed in &mut self.sealed {
            let group = &self.groups[sealed.group as usize];
            let Some(key) = &group.key else { continue };
            let packet = sealed.packet as usize;
            let datagram = batch.packet_mut(packet);
            sealed.is_open = key.open(sealed.counter, datagram);
            if sealed.is_open {
                let end = datagram.len() - TAG_BYTES;
                batch.narrow(packet, DATA_HEADER_BYTES..end);
                batch.set_partial(packet, sealed.is_partial);
            }
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
