//! What becomes of a batch from an interface: which packets go where, sealed with what.

use crate::config::PeerId;
use crate::inbound::at_once;
use netloom_base::PacketBatch;
use netloom_path::Segmentation;
use netloom_wireguard::message::DATA_HEADER_BYTES;
use netloom_wireguard::{AT_ONCE_MAX, Reservation, SealKey, TAG_BYTES, padding_bytes};
use std::cmp::Ordering;
use std::net::SocketAddr;
use std::sync::Arc;

/// Marks a packet that goes nowhere.
pub(crate) const DROPPED: u32 = u32::MAX;

/// The packets of one batch, grouped by destination. To be kept and used again: filling it
/// allocates only until it has grown to the size of the batches.
#[derive(Debug, Default)]
pub struct Outbound {
    pub(crate) groups: Vec<Group>,
    /// The group of each packet of the batch.
    pub(crate) assigned: Vec<u32>,
    /// Packets, group after group.
    order: Vec<u32>,
    /// Packets that are longer than the path to their peer takes.
    pub(crate) oversize: Vec<(PeerId, u32)>,
    /// Exits that packets of the batch leave by.
    pub(crate) exits: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) peer: PeerId,
    /// What the path takes.
    pub(crate) mtu_bytes: usize,
    /// Length of the longest packet, and how many have it.
    pub(crate) longest: (usize, usize),
    /// Datagram bytes of the group, headers and tags included.
    pub(crate) bytes: u64,
    pub(crate) start: usize,
    pub(crate) len: usize,
    /// None if the packets wait for a handshake.
    pub(crate) sending: Option<Sending>,
}

#[derive(Debug)]
pub(crate) struct Sending {
    to: SocketAddr,
    pub(crate) segmentation: Segmentation,
    pub(crate) may_fragment: bool,
    /// Whether the peer takes packets whose checksum is left out.
    takes_partial: bool,
    first_counter: u64,
    /// Given up once used, so that a key does not outlive its session.
    key: Option<Arc<SealKey>>,
}

/// Packets of a batch that go to one place.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// To whom.
    pub peer: PeerId,
    /// Where to.
    pub to: SocketAddr,
    /// How they may be put together for the kernel.
    pub segmentation: Segmentation,
    /// Whether the underlay may cut them. Not between nodes, which know what the path takes.
    pub may_fragment: bool,
    /// Which packets of the batch, in the order in which they are to be sent.
    pub packets: &'a [u32],
}

impl Outbound {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything; the room stays.
    pub fn clear(&mut self) {
        self.groups.clear();
        self.assigned.clear();
        self.order.clear();
        self.oversize.clear();
        self.exits.clear();
    }

    /// The packets to send, by destination; packets that are in no group are not to be sent.
    /// Those of one peer keep the order in which they came.
    pub fn destinations(&self) -> impl Iterator<Item = Destination<'_>> {
        self.groups.iter().filter_map(|group| {
            let packets = &self.order[group.start..group.start + group.len];
            let &Sending { to, segmentation, may_fragment, .. } = group.sending.as_ref()?;
            Some(Destination { peer: group.peer, to, segmentation, may_fragment, packets })
        })
    }

    /// How many packets [`Self::destinations`] have together.
    pub fn packets_to_send(&self) -> usize {
        self.groups.iter().filter(|group| group.sending.is_some()).map(|group| group.len).sum()
    }

    /// Seals the packets in place. `batch` is the one that was planned.
    ///
    /// Needs nothing of the node: a driver with several threads plans under a lock
    /// ([`crate::Node::plan_inner`]) and seals outside of it.
    ///
    /// # Panics
    /// If `batch` is another one and lacks packets or room: a bug of the caller.
    pub fn seal(&mut self, batch: &mut PacketBatch) {
        for group in &mut self.groups {
            let Some(sending) = &mut group.sending else { continue };
            let Some(key) = sending.key.take() else { continue };
            let packets = &self.order[group.start..group.start + group.len];
            for packet in packets {
                let index = *packet as usize;
                if !sending.takes_partial {
                    batch.complete_checksum(index);
                }
                make_room(batch, index, group.mtu_bytes);
            }
            seal(batch, packets, sending.first_counter, &key);
        }
    }

    /// The place of a peer's group; `mtu_bytes` says what its path takes, if there is none yet.
    pub(crate) fn group(&mut self, peer: PeerId, mtu_bytes: impl FnOnce() -> usize) -> usize {
        let place = self.groups.iter().rposition(|group| group.peer == peer);
        place.unwrap_or_else(|| {
            let (mtu_bytes, longest, bytes, start, len) = (mtu_bytes(), (0, 0), 0, 0, 0);
            self.groups.push(Group { peer, mtu_bytes, longest, bytes, start, len, sending: None });
            self.groups.len() - 1
        })
    }

    /// Adds packet number `assigned.len()` to a group.
    pub(crate) fn assign(&mut self, place: usize, packet_bytes: usize) {
        let group = &mut self.groups[place];
        group.len += 1;
        group.bytes += datagram_bytes(packet_bytes, group.mtu_bytes) as u64;
        match packet_bytes.cmp(&group.longest.0) {
            Ordering::Greater => group.longest = (packet_bytes, 1),
            Ordering::Equal => group.longest.1 += 1,
            Ordering::Less => {}
        }
        // A batch has far fewer packets than 32 bits count.
        self.assigned.push(place as u32);
    }

    /// Lays the groups out one after the other.
    pub(crate) fn arrange(&mut self) {
        let mut start = 0;
        for group in &mut self.groups {
            group.start = start;
            start += std::mem::take(&mut group.len);
        }
        self.order.resize(start, 0);
        for (packet, place) in (0..).zip(&self.assigned) {
            if *place != DROPPED {
                let group = &mut self.groups[*place as usize];
                self.order[group.start + group.len] = packet;
                group.len += 1;
            }
        }
    }

    /// The packets of a group.
    pub(crate) fn packets(&self, place: usize) -> &[u32] {
        let group = &self.groups[place];
        &self.order[group.start..group.start + group.len]
    }
}

impl Sending {
    pub(crate) fn new(
        reservation: Reservation,
        segmentation: Segmentation,
        may_fragment: bool,
        takes_partial: bool,
    ) -> Self {
        let Reservation { to, key, first_counter } = reservation;
        Self { to, segmentation, may_fragment, takes_partial, first_counter, key: Some(key) }
    }
}

pub(crate) fn datagram_bytes(packet_bytes: usize, mtu_bytes: usize) -> usize {
    DATA_HEADER_BYTES + packet_bytes + padding_bytes(packet_bytes, mtu_bytes) + TAG_BYTES
}

/// Whether a packet can be sealed in its slot.
pub(crate) fn has_room(batch: &PacketBatch, index: usize, mtu_bytes: usize) -> bool {
    let (before, after) = batch.room(index);
    let padding = padding_bytes(batch.packet(index).len(), mtu_bytes);
    before >= DATA_HEADER_BYTES && after >= padding + TAG_BYTES
}

/// Makes a packet a datagram that can be sealed.
fn make_room(batch: &mut PacketBatch, index: usize, mtu_bytes: usize) {
    let packet_bytes = batch.packet(index).len();
    let padding = padding_bytes(packet_bytes, mtu_bytes);
    let datagram = batch
        .grow(index, DATA_HEADER_BYTES, padding + TAG_BYTES)
        .expect("the plan was made for this batch and found room");
    // The slot may hold an earlier packet's bytes.
    let content = DATA_HEADER_BYTES + packet_bytes;
    datagram[content..content + padding].fill(0);
}

/// Seals datagrams with counters from `counter` on.
fn seal(batch: &mut PacketBatch, packets: &[u32], mut counter: u64, key: &SealKey) {
    let mut rest = packets;
    while let Some(first) = rest.first() {
        let kind = |packet: &u32| {
            (batch.packet(*packet as usize).len(), batch.is_partial(*packet as usize))
        };
        let count = if key.has_many() { at_once(rest.iter().map(kind)) } else { 1 };
        let is_partial = batch.is_partial(*first as usize);
        let (now, later) = rest.split_at(count);
        if count == 1 {
            key.seal(counter, batch.packet_mut(*first as usize), is_partial);
        } else {
            let mut datagrams = batch.packets_mut::<AT_ONCE_MAX>(now);
            key.seal_many(counter, &mut datagrams[..count], is_partial);
        }
        (rest, counter) = (later, counter + count as u64);
    }
}
