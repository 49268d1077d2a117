//! Packets travel in batches: one buffer, fixed slots, room before and after each packet.

use std::fmt;

/// Room before a packet for an outer header written in place.
pub const HEADROOM_BYTES: usize = 16;
/// Room after a packet for padding (up to 15 bytes) and an authentication tag (16 bytes).
pub const TAILROOM_BYTES: usize = 32;

/// Up to `capacity` packets of up to `packet_bytes_max` bytes in one allocation.
///
/// ```text
/// slot i:  | headroom 16 | packet (start..start+len) ... | tailroom 32 |
/// ```
/// `start` moves when a header is put before a packet or taken off it; bytes are never copied.
pub struct PacketBatch {
    storage: Box<[u8]>,
    slots: Vec<Slot>,
    stride_bytes: usize,
    capacity: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    start: usize,
    len: usize,
}

impl PacketBatch {
    /// An empty batch for `capacity` packets of at most `packet_bytes_max` bytes each.
    pub fn new(capacity: usize, packet_bytes_max: usize) -> Self {
        let stride_bytes = HEADROOM_BYTES + packet_bytes_max + TAILROOM_BYTES;
        Self {
            storage: vec![0; stride_bytes * capacity].into_boxed_slice(),
            slots: Vec::with_capacity(capacity),
            stride_bytes,
            capacity,
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
        self.slots.len() == self.capacity
    }

    /// The longest packet that a slot takes.
    pub fn packet_bytes_max(&self) -> usize {
        self.stride_bytes - HEADROOM_BYTES - TAILROOM_BYTES
    }

    /// Forgets all packets; the storage stays.
    pub fn clear(&mut self) {
        self.slots.clear();
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

    /// The next free slot's room for a packet, to be filled and then announced by [`Self::commit`].
    pub fn spare(&mut self) -> Option<&mut [u8]> {
        if self.is_full() {
            return None;
        }
        let start = self.slots.len() * self.stride_bytes + HEADROOM_BYTES;
        let end = start + self.packet_bytes_max();
        Some(&mut self.storage[start..end])
    }

    /// Makes the first `len` bytes of the slot from [`Self::spare`] the next packet.
    ///
    /// # Panics
    /// If the batch is full or `len` exceeds [`Self::packet_bytes_max`]: a bug of the caller.
    pub fn commit(&mut self, len: usize) {
        assert!(!self.is_full() && len <= self.packet_bytes_max(), "commit without spare room");
        let start = self.slots.len() * self.stride_bytes + HEADROOM_BYTES;
        self.slots.push(Slot { start, len });
    }

    /// Packet `index`.
    pub fn packet(&self, index: usize) -> &[u8] {
        let Slot { start, len } = self.slots[index];
        &self.storage[start..start + len]
    }

    /// Packet `index`, to be changed in place.
    pub fn packet_mut(&mut self, index: usize) -> &mut [u8] {
        let Slot { start, len } = self.slots[index];
        &mut self.storage[start..start + len]
    }

    /// How many bytes packet `index` can grow at its front and at its end.
    pub fn room(&self, index: usize) -> (usize, usize) {
        let Slot { start, len } = self.slots[index];
        let slot_start = index * self.stride_bytes;
        (start - slot_start, slot_start + self.stride_bytes - start - len)
    }

    /// Grows packet `index` by `before` and `after` bytes in place and gives the whole.
    /// `None`, with nothing changed, if the slot lacks the room.
    pub fn grow(&mut self, index: usize, before: usize, after: usize) -> Option<&mut [u8]> {
        let Slot { start, len } = self.slots[index];
        let slot_start = index * self.stride_bytes;
        let slot_end = slot_start + self.stride_bytes;
        if start < slot_start + before || start + len + after > slot_end {
            return None;
        }
        let slot = Slot { start: start - before, len: len + before + after };
        self.slots[index] = slot;
        Some(&mut self.storage[slot.start..slot.start + slot.len])
    }

    /// Keeps only bytes `range` of packet `index`.
    ///
    /// # Panics
    /// If the range is not within the packet: a bug of the caller.
    pub fn narrow(&mut self, index: usize, range: std::ops::Range<usize>) {
        let Slot { start, len } = self.slots[index];
        assert!(range.start <= range.end && range.end <= len, "narrow outside the packet");
        self.slots[index] = Slot { start: start + range.start, len: range.end - range.start };
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
    fn a_packet_longer_than_the_slot_is_refused() {
        let mut batch = PacketBatch::new(1, 4);
        assert!(!batch.push(b"12345"));
        assert!(batch.is_empty());
    }
}
