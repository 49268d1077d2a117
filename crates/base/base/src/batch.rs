//! Packets travel in batches: one buffer, equal regions, room before and after what they hold.

use crate::offload::{checksum_place, complete_checksum};
use std::fmt;

/// Room before a packet for an outer header written in place.
pub const HEADROOM_BYTES: usize = 16;
/// Room after a packet for padding (up to 15 bytes) and an authentication tag (16 bytes).
pub const TAILROOM_BYTES: usize = 32;

/// Up to `capacity` packets in one allocation of equal regions.
///
/// ```text
/// region i:  | headroom 16 | packet (start..start+len) ... | tailroom 32 |
///        or  | headroom 16 | packet | packet | ... | packet | tailroom 32 |   (what came at once, in parts)
/// ```
/// `start` moves when a header is put before a packet or taken off it; bytes are never copied.
pub struct PacketBatch {
    storage: Box<[u8]>,
    slots: Vec<Slot>,
    stride_bytes: usize,
    capacity: usize,
    /// Regions that hold packets.
    used: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    start: usize,
    len: usize,
    /// What is its own to grow into.
    floor: usize,
    ceiling: usize,
    /// See [`PacketBatch::is_partial`].
    is_partial: bool,
    /// See [`PacketBatch::ecn`].
    ecn: u8,
}

impl PacketBatch {
    /// An empty batch for `capacity` packets of at most `packet_bytes_max` bytes each.
    pub fn new(capacity: usize, packet_bytes_max: usize) -> Self {
        Self::in_regions(capacity, packet_bytes_max, capacity)
    }

    /// An empty batch of `regions` regions of `region_bytes` each, for `capacity` packets: a region
    /// takes one packet, or as many as came at once.
    pub fn in_regions(regions: usize, region_bytes: usize, capacity: usize) -> Self {
        let stride_bytes = HEADROOM_BYTES + region_bytes + TAILROOM_BYTES;
        Self {
            storage: vec![0; stride_bytes * regions].into_boxed_slice(),
            slots: Vec::with_capacity(capacity),
            stride_bytes,
            capacity,
            used: 0,
        }
    }

    /// How many packets are in the batch.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no packet in the batch.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether no further packet fits.
    pub fn is_full(&self) -> bool {
        self.slots.len() == self.capacity || self.free_regions() == 0
    }

    /// How many more packets fit, each in a region of its own.
    pub fn room_for(&self) -> usize {
        self.free_regions().min(self.capacity - self.slots.len())
    }

    /// How many regions hold nothing yet.
    pub fn free_regions(&self) -> usize {
        self.storage.len() / self.stride_bytes - self.used
    }

    /// The longest packet that a slot takes.
    pub fn packet_bytes_max(&self) -> usize {
        self.stride_bytes - HEADROOM_BYTES - TAILROOM_BYTES
    }

    /// Forgets all packets; the storage stays.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.used = 0;
    }

    /// Copies `packet` into the next slot; `false` if the batch is full or the packet too long.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        if packet.len() > self.packet_bytes_max() {
            return false;
        }
        let Some(slot) = self.spare() else { return false };
        slot[..packet.len()].copy_from_slice(packet);
        self.commit(packet.len());
        true
    }

    /// The next free region's room for a packet, to be filled and then announced by [`Self::commit`].
    pub fn spare(&mut self) -> Option<&mut [u8]> {
        if self.is_full() {
            return None;
        }
        self.spare_regions().next()
    }

    /// The room in each free region, to be filled and announced in this order: by [`Self::commit`],
    /// [`Self::commit_parts`] or [`Self::skip`].
    pub fn spare_regions(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let end = self.stride_bytes - TAILROOM_BYTES;
        let free = &mut self.storage[self.used * self.stride_bytes..];
        free.chunks_exact_mut(self.stride_bytes).map(move |region| &mut region[HEADROOM_BYTES..end])
    }

    /// Makes the first `len` bytes of the next free region the next packet.
    ///
    /// # Panics
    /// If the batch is full or `len` exceeds [`Self::packet_bytes_max`]: a bug of the caller.
    pub fn commit(&mut self, len: usize) {
        assert!(!self.is_full() && len <= self.packet_bytes_max(), "commit without spare room");
        let floor = self.used * self.stride_bytes;
        let (start, ceiling) = (floor + HEADROOM_BYTES, floor + self.stride_bytes);
        self.slots.push(Slot { start, len, floor, ceiling, is_partial: false, ecn: 0 });
        self.used += 1;
    }

    /// Makes the first `len` bytes of the next free region packets of `part_bytes` each, but for the
    /// last, which may be shorter; gives how many. They cannot grow. What exceeds the batch's capacity
    /// is left out.
    ///
    /// # Panics
    /// If no region is free, `len` exceeds it, or `part_bytes` is 0: a bug of the caller.
    pub fn commit_parts(&mut self, len: usize, part_bytes: usize) -> usize {
        let fits = self.free_regions() > 0 && len <= self.packet_bytes_max();
        assert!(fits && part_bytes > 0, "commit without spare room");
        let first = self.used * self.stride_bytes + HEADROOM_BYTES;
        self.used += 1;
        let room = self.capacity - self.slots.len();
        let parts = (0..len).step_by(part_bytes).take(room);
        let before = self.slots.len();
        self.slots.extend(parts.map(|at| {
            let (start, len) = (first + at, part_bytes.min(len - at));
            Slot { start, len, floor: start, ceiling: start + len, is_partial: false, ecn: 0 }
        }));
        self.slots.len() - before
    }

    /// Leaves the next free region out.
    pub fn skip(&mut self) {
        self.used += 1;
    }

    /// Packet `index`.
    pub fn packet(&self, index: usize) -> &[u8] {
        let Slot { start, len, .. } = self.slots[index];
        &self.storage[start..start + len]
    }

    /// Packet `index`, to be changed in place.
    pub fn packet_mut(&mut self, index: usize) -> &mut [u8] {
        let Slot { start, len, .. } = self.slots[index];
        &mut self.storage[start..start + len]
    }

    /// Up to `N` packets, named in rising order, to be changed in place together; what is left of the array is empty.
    ///
    /// # Panics
    /// If the order is another one, or there are more: a bug of the caller.
    pub fn packets_mut<const N: usize>(&mut self, indices: &[u32]) -> [&mut [u8]; N] {
        assert!(indices.len() <= N, "{} packets of {N}", indices.len());
        let mut packets = std::array::from_fn(|_| Default::default());
        let (mut rest, mut behind) = (&mut self.storage[..], 0);
        for (packet, index) in packets.iter_mut().zip(indices) {
            let Slot { start, len, .. } = self.slots[*index as usize];
            let before = start.checked_sub(behind).expect("packets in rising order");
            let (skipped_and_packet, after) = rest.split_at_mut(before + len);
            (*packet, rest, behind) = (&mut skipped_and_packet[before..], after, start + len);
        }
        packets
    }

    /// How many bytes packet `index` can grow at its front and at its end.
    pub fn room(&self, index: usize) -> (usize, usize) {
        let Slot { start, len, floor, ceiling, .. } = self.slots[index];
        (start - floor, ceiling - start - len)
    }

    /// Grows packet `index` by `before` and `after` bytes in place and gives the whole.
    /// `None`, with nothing changed, if the slot lacks the room.
    pub fn grow(&mut self, index: usize, before: usize, after: usize) -> Option<&mut [u8]> {
        let slot = &mut self.slots[index];
        if slot.start < slot.floor + before || slot.start + slot.len + after > slot.ceiling {
            return None;
        }
        (slot.start, slot.len) = (slot.start - before, slot.len + before + after);
        Some(&mut self.storage[slot.start..slot.start + slot.len])
    }

    /// Keeps only bytes `range` of packet `index`.
    ///
    /// # Panics
    /// If the range is not within the packet: a bug of the caller.
    pub fn narrow(&mut self, index: usize, range: std::ops::Range<usize>) {
        let slot = &mut self.slots[index];
        assert!(range.start <= range.end && range.end <= slot.len, "narrow outside the packet");
        (slot.start, slot.len) = (slot.start + range.start, range.end - range.start);
    }

    /// Whether the checksum of packet `index`, of TCP or UDP, is left to who hands it on: the sum of the pseudo-header stands in
    /// its place (`CHECKSUM_PARTIAL`).
    pub fn is_partial(&self, index: usize) -> bool {
        self.slots[index].is_partial
    }

    /// Says of packet `index` that its checksum is left out, or that it is there.
    pub fn set_partial(&mut self, index: usize, is_partial: bool) {
        self.slots[index].is_partial = is_partial;
    }

    /// The two bits of Explicit Congestion Notification that packet `index` had around it, or is to have ([`crate::ecn`]).
    pub fn ecn(&self, index: usize) -> u8 {
        self.slots[index].ecn
    }

    /// Says which bits packet `index` had around it, or is to have.
    pub fn set_ecn(&mut self, index: usize, ecn: u8) {
        self.slots[index].ecn = ecn;
    }

    /// Puts the checksum of packet `index` in its place, if it was left out.
    pub fn complete_checksum(&mut self, index: usize) {
        if std::mem::take(&mut self.slots[index].is_partial) {
            let packet = self.packet_mut(index);
            if let Some(place) = checksum_place(packet) {
                complete_checksum(packet, place);
            }
        }
    }

    /// The packets in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.packet(index))
    }
}

impl fmt::Debug for PacketBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketBatch")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .field("packet_bytes_max", &self.packet_bytes_max())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_grow_into_their_room_and_no_further() {
        let mut batch = PacketBatch::new(2, 100);
        assert!(batch.push(b"hello"));
        assert!(batch.push(&[7; 100]));
        assert!(!batch.push(b"x"), "full");
        assert_eq!(batch.grow(0, 16, 16).map(|p| p.len()), Some(37));
        assert_eq!(&batch.packet(0)[16..21], b"hello");
        assert!(batch.grow(0, 1, 0).is_none(), "the headroom is used up");
        batch.narrow(0, 16..21);
        assert_eq!(batch.packet(0), b"hello");
        assert_eq!(batch.packet(1), &[7; 100], "the neighbour is untouched");
    }

    #[test]
    fn what_came_at_once_is_parts_that_do_not_grow() {
        let mut batch = PacketBatch::in_regions(2, 10, 4);
        for (region, byte) in batch.spare_regions().zip(1..) {
            region.fill(byte);
        }
        assert_eq!(batch.commit_parts(10, 4), 3);
        assert_eq!(batch.commit_parts(10, 4), 1, "no more fit");
        assert!(batch.is_full() && batch.spare().is_none());
        let parts: Vec<&[u8]> = batch.iter().collect();
        assert_eq!(parts, [&[1; 4][..], &[1; 4], &[1; 2], &[2; 4]]);
        assert_eq!(batch.room(1), (0, 0));
        assert!(batch.grow(1, 1, 0).is_none() && batch.grow(1, 0, 1).is_none());
        batch.narrow(1, 1..3);
        assert_eq!(batch.grow(1, 1, 1).map(|part| part.len()), Some(4));
        batch.clear();
        batch.skip();
        batch.spare().unwrap().fill(7);
        batch.commit(3);
        assert_eq!(batch.packet(0), [7; 3]);
        assert!(batch.is_full(), "both regions are used");
    }

    #[test]
    fn packets_are_changed_together() {
        let mut batch = PacketBatch::in_regions(2, 10, 4);
        for region in batch.spare_regions() {
            region.fill(1);
        }
        batch.commit_parts(10, 4);
        batch.commit(5);
        let [first, second, third] = batch.packets_mut(&[0, 2]);
        first.fill(7);
        second.fill(9);
        assert!(third.is_empty());
        let [last, _] = batch.packets_mut(&[3]);
        last.fill(8);
        let packets: Vec<&[u8]> = batch.iter().collect();
        assert_eq!(packets, [&[7; 4][..], &[1; 4], &[9; 2], &[8; 5]]);
    }

    #[test]
    #[should_panic(expected = "packets in rising order")]
    fn packets_are_not_given_twice() {
        let mut batch = PacketBatch::new(2, 10);
        batch.push(&[1; 4]);
        let _: [&mut [u8]; 2] = batch.packets_mut(&[0, 0]);
    }

    #[test]
    fn a_packet_longer_than_the_slot_is_refused() {
        let mut batch = PacketBatch::new(1, 4);
        assert!(!batch.push(b"12345"));
        assert!(batch.is_empty());
    }
}
