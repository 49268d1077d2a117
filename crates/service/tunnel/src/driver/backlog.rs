//! What was read from a device and is not sealed yet: bulk in its order, small packets of other flows ahead of it.
//!
//! A device hands over its packets in one queue. Without a look ahead a game's packet waits for all bulk before it, which
//! at a saturated tunnel is as much as TCP allows itself. As in fair queueing (RFC 8290 §4.2) flows that have nothing waiting
//! go first; a packet never overtakes another of its own flow.

use netloom_base::PacketBatch;
use netloom_base::packet::{IpView, PROTOCOL_ICMP, PROTOCOL_ICMPV6};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Bulk that is read ahead, in batches: each a piece of up to 64 KiB in its parts, or packets that came one by one.
const BULK_BATCHES_MAX: usize = 8;
/// Parts of a piece, or packets, in one batch. A piece of 64 KiB of a path of 1,280 bytes has 54.
const BATCH_PACKETS_MAX: usize = 64;
/// Packets of so few bytes go ahead: those of games, voice, DNS, and the acknowledgements of TCP.
pub(super) const SMALL_BYTES_MAX: usize = 512;

/// The packets of one device that wait.
pub(super) struct Backlog {
    packet_bytes_max: usize,
    /// Small packets of flows that have nothing in `bulk`.
    ahead: PacketBatch,
    bulk: VecDeque<Bulk>,
    /// Batches that were bulk, for more of it.
    spare: Vec<Bulk>,
    /// What was read last, until it is known where it belongs.
    read: PacketBatch,
}

struct Bulk {
    batch: PacketBatch,
    /// Hashes of its flows; none of packets that have no ports.
    flows: Vec<u64>,
    /// Hashes of what is known of those: see [`family`].
    families: Vec<u64>,
    is_piece: bool,
}

impl Backlog {
    /// An empty one for packets of at most so many bytes.
    pub(super) fn new(packet_bytes_max: usize) -> Self {
        Self {
            packet_bytes_max,
            ahead: PacketBatch::new(2 * BATCH_PACKETS_MAX, SMALL_BYTES_MAX),
            bulk: VecDeque::new(),
            spare: Vec::new(),
            read: Self::batch_of_bulk(packet_bytes_max),
        }
    }

    /// A batch such as those of bulk, which may be put in the place of one of them while that is sent.
    pub(super) fn batch_of_bulk(packet_bytes_max: usize) -> PacketBatch {
        PacketBatch::new(BATCH_PACKETS_MAX, packet_bytes_max)
    }

    /// The longest packet.
    pub(super) fn packet_bytes_max(&self) -> usize {
        self.packet_bytes_max
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.ahead.is_empty() && self.bulk.is_empty()
    }

    /// Takes what `read` appends to an empty batch: one packet, or parts of one piece; gives how many it were. `None` if
    /// there is no room for more.
    pub(super) fn fill<E>(
        &mut self,
        read: impl FnOnce(&mut PacketBatch) -> Result<usize, E>,
    ) -> Option<Result<usize, E>> {
        if self.ahead.is_full() || self.bulk.len() == BULK_BATCHES_MAX {
            return None;
        }
        self.read.clear();
        let packets = read(&mut self.read);
        match &packets {
            Ok(0) | Err(_) => {}
            Ok(1) => self.add_packet(),
            Ok(_) => self.add_piece(),
        }
        Some(packets)
    }

    fn add_packet(&mut self) {
        let packet = self.read.packet(0);
        let is_small = packet.len() <= SMALL_BYTES_MAX;
        if is_small && self.bulk.is_empty() {
            return append(&mut self.ahead, &self.read);
        }
        let flow = flow(packet);
        if is_small && flow.is_some_and(|flow| !self.waits(flow, packet)) {
            return append(&mut self.ahead, &self.read);
        }
        let has_room = |bulk: &&mut Bulk| !bulk.is_piece && !bulk.batch.is_full();
        if self.bulk.back_mut().filter(has_room).is_none() {
            let bulk = self.take_spare(false);
            self.bulk.push_back(bulk);
        }
        if let Some(bulk) = self.bulk.back_mut() {
            bulk.note(flow, self.read.packet(0));
            append(&mut bulk.batch, &self.read);
        }
    }

    /// Whether something of a packet's flow is among the bulk, or something that may be of it.
    fn waits(&self, flow: u64, packet: &[u8]) -> bool {
        // Packets without a flow are few: most often there is nothing to look for.
        let family = self.bulk.iter().any(|bulk| !bulk.families.is_empty()).then(|| family(packet));
        self.bulk.iter().any(|bulk| {
            bulk.flows.contains(&flow)
                || family.flatten().is_some_and(|family| bulk.families.contains(&family))
        })
    }

    fn add_piece(&mut self) {
        let mut bulk = self.take_spare(true);
        let first = self.read.packet(0);
        bulk.note(flow(first), first);
        std::mem::swap(&mut bulk.batch, &mut self.read);
        self.bulk.push_back(bulk);
    }

    fn take_spare(&mut self, is_piece: bool) -> Bulk {
        let batch = || Self::batch_of_bulk(self.packet_bytes_max);
        let mut bulk = self.spare.pop().unwrap_or_else(|| Bulk {
            batch: batch(),
            flows: Vec::with_capacity(BATCH_PACKETS_MAX),
            families: Vec::with_capacity(BATCH_PACKETS_MAX),
            is_piece,
        });
        bulk.is_piece = is_piece;
        bulk
    }

    /// Gives the small packets to `send`, if there are any, and forgets them.
    pub(super) fn send_ahead(&mut self, send: impl FnOnce(&mut PacketBatch)) {
        if !self.ahead.is_empty() {
            send(&mut self.ahead);
            self.ahead.clear();
        }
    }

    /// Gives the bulk that has waited longest to `send`, if there is any, and forgets it; says whether there is more behind it.
    pub(super) fn send_bulk(&mut self, send: impl FnOnce(&mut PacketBatch, bool)) {
        if let Some(mut bulk) = self.bulk.pop_front() {
            send(&mut bulk.batch, !self.bulk.is_empty());
            bulk.batch.clear();
            bulk.flows.clear();
            bulk.families.clear();
            self.spare.push(bulk);
        }
    }
}

impl Bulk {
    /// Notes to which flow a packet belongs.
    fn note(&mut self, flow: Option<u64>, packet: &[u8]) {
        let (noted, hash) = match flow {
            Some(flow) => (&mut self.flows, Some(flow)),
            None => (&mut self.families, family(packet)),
        };
        noted.extend(hash.filter(|hash| noted.last() != Some(hash)));
    }
}

/// Copies the only packet of a batch; there is room.
fn append(batch: &mut PacketBatch, read: &PacketBatch) {
    batch.push(read.packet(0));
    batch.set_partial(batch.len() - 1, read.is_partial(0));
}

/// What packets of one flow have in common, hashed. `None` for parts of packets, and where there are no ports to tell flows apart.
fn flow(packet: &[u8]) -> Option<u64> {
    let view = IpView::parse(packet)?;
    // More fragments, or an offset (RFC 791 §3.1); a fragment of IPv6 has another protocol.
    let is_fragment = packet[0] >> 4 == 4
        && packet.get(6..8).is_some_and(|word| word[0] & 0x3f != 0 || word[1] != 0);
    let is_icmp = matches!(view.protocol, PROTOCOL_ICMP | PROTOCOL_ICMPV6);
    let ports = view.ports();
    if is_fragment || (ports.is_none() && !is_icmp) {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    (view.source, view.destination, view.protocol, ports).hash(&mut hasher);
    Some(hasher.finish())
}

/// What a packet has in common with those that may be of its flow, if one of them is a part of a packet or hides its ports behind
/// other headers: addresses and protocol, of IPv6 the addresses, since there the protocol is that of the first of those headers.
fn family(packet: &[u8]) -> Option<u64> {
    let view = IpView::parse(packet)?;
    let mut hasher = DefaultHasher::new();
    (view.source, view.destination, view.source.is_ipv4().then_some(view.protocol))
        .hash(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests;
