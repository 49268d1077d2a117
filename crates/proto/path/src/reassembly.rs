//! Packets of up to 1,280 bytes in parts, where a path takes less.
//!
//! IPv6 promises every sender that 1,280 bytes come through (RFC 8200 §5), and senders do not go below when they are
//! told of less. A tunnel over an underlay of just that size has to cut such packets (RFC 2473 §7.1); done
//! inside the tunnel, no fragment shows on the underlay, where many are dropped.

use crate::message::{FRAGMENT_HEADER_BYTES, Message};
use netloom_base::{Time, ecn};
use std::time::Duration;

/// The longest packet that goes in parts: IPv6's smallest MTU.
pub const FRAGMENTED_BYTES_MAX: usize = 1280;
/// Packets that are put together at once; the oldest gives way.
const PACKETS_MAX: usize = 8;

/// Parts of a packet that come later than this after its first are another packet's: they leave together, and who was
/// restarted numbers its packets from the beginning again (RFC 8200 §4.5 has 60 s).
const PARTS_APART_MAX: Duration = Duration::from_secs(1);

/// The messages that carry `packet` in parts over a path that takes `path_bytes`, as whole packets. They have the packet's
/// bits of Explicit Congestion Notification (RFC 3168 §5.3).
pub fn fragments(packet: &[u8], id: u32, path_bytes: usize) -> impl Iterator<Item = Vec<u8>> {
    let part_bytes = path_bytes.saturating_sub(FRAGMENT_HEADER_BYTES).max(64);
    let count = packet.len().div_ceil(part_bytes);
    packet.chunks(part_bytes).enumerate().map(move |(place, part)| {
        // Below 2^16, as the packet is.
        let offset = (place * part_bytes) as u16;
        let mut message = Vec::with_capacity(FRAGMENT_HEADER_BYTES + part.len());
        Message::Fragment { id, offset, is_last: place + 1 == count, part }.encode(&mut message);
        ecn::set(&mut message, ecn::of(packet));
        message
    })
}

/// A part that has come.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The packet's number.
    pub id: u32,
    /// Where the part belongs.
    pub offset: u16,
    /// Whether the packet ends with it.
    pub is_last: bool,
    /// The bytes.
    pub bytes: &'a [u8],
    /// Whether it met congestion outside of the tunnel.
    pub is_congested: bool,
}

/// A packet that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The packet.
    pub packet: Vec<u8>,
    /// Whether any of its parts met congestion, and so has the packet (RFC 3168 §5.3).
    pub is_congested: bool,
}

/// Packets of which parts have come.
#[derive(Clone, Debug, Default)]
pub struct Reassembly {
    partial: Vec<Partial>,
}

#[derive(Clone, Debug)]
struct Partial {
    id: u32,
    since: Time,
    bytes: Vec<u8>,
    /// What has come, in order of offset, without overlaps.
    parts: Vec<(usize, usize)>,
    total: Option<usize>,
    is_congested: bool,
}

impl Reassembly {
    /// Takes a part; gives the packet when it is whole. Parts that contradict others end their packet.
    pub fn add(&mut self, now: Time, part: &Part<'_>) -> Option<Whole> {
        let end = usize::from(part.offset) + part.bytes.len();
        if part.bytes.is_empty() || end > FRAGMENTED_BYTES_MAX {
            return None;
        }
        self.partial.retain(|one| now.saturating_since(one.since) <= PARTS_APART_MAX);
        let place = self.place(now, part.id);
        let partial = &mut self.partial[place];
        if partial.add(usize::from(part.offset), end, part.is_last, part.bytes).is_none() {
            self.partial.remove(place);
            return None;
        }
        partial.is_congested |= part.is_congested;
        let is_whole = partial.total.is_some_and(|total| {
            partial.parts.iter().map(|(start, end)| end - start).sum::<usize>() == total
        });
        is_whole.then(|| {
            let Partial { bytes, is_congested, .. } = self.partial.remove(place);
            Whole { packet: bytes, is_congested }
        })
    }

    /// The place of a packet, which is begun if nothing of it has come.
    fn place(&mut self, now: Time, id: u32) -> usize {
        let known = self.partial.iter().position(|partial| partial.id == id);
        known.unwrap_or_else(|| {
            if self.partial.len() == PACKETS_MAX {
                self.partial.remove(0);
            }
            self.partial.push(Partial {
                id,
                since: now,
                bytes: Vec::new(),
                parts: Vec::new(),
                total: None,
                is_congested: false,
            });
            self.partial.len() - 1
        })
    }
}

impl Partial {
    /// Puts a part where it belongs; `None` if it overlaps another or lies behind the end.
    fn add(&mut self, start: usize, end: usize, is_last: bool, part: &[u8]) -> Option<()> {
        let overlaps = |(from, to): &(usize, usize)| start < *to && *from < end;
        let is_behind_end = self.total.is_some_and(|total| end > total || is_last);
        let is_end_too_soon = is_last && self.parts.iter().any(|(_, to)| *to > end);
        if is_behind_end || is_end_too_soon || self.parts.iter().any(overlaps) {
            return None;
        }
        if is_last {
            self.total = Some(end);
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[start..end].copy_from_slice(part);
        self.parts.push((start, end));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Reassembly {
        fn part(
            &mut self,
            now: Time,
            id: u32,
            offset: u16,
            is_last: bool,
            bytes: &[u8],
        ) -> Option<Vec<u8>> {
            let part = Part { id, offset, is_last, bytes, is_congested: false };
            self.add(now, &part).map(|whole| whole.packet)
        }
    }

    fn add(reassembly: &mut Reassembly, packet: &[u8]) -> Option<Vec<u8>> {
        match Message::parse(packet) {
            Some(Message::Fragment { id, offset, is_last, part }) => {
                reassembly.part(Time::ZERO, id, offset, is_last, part)
            }
            other => panic!("no fragment: {other:?}"),
        }
    }

    #[test]
    fn parts_that_contradict_each_other_make_no_packet() {
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.part(Time::ZERO, 1, 0, false, &[1; 100]), None);
        assert_eq!(reassembly.part(Time::ZERO, 1, 50, true, &[2; 100]), None, "an overlap");
        assert_eq!(
            reassembly.part(Time::ZERO, 1, 100, true, &[2; 100]),
            None,
            "its packet is gone"
        );
        assert_eq!(reassembly.part(Time::ZERO, 2, 100, true, &[2; 100]), None);
        assert_eq!(reassembly.part(Time::ZERO, 2, 200, true, &[2; 100]), None, "behind the end");
        assert_eq!(reassembly.part(Time::ZERO, 3, 1200, true, &[2; 100]), None, "too long");
        assert_eq!(reassembly.part(Time::ZERO, 4, 0, true, &[]), None, "empty");
    }

    #[test]
    fn the_oldest_packet_gives_way() {
        let mut reassembly = Reassembly::default();
        for id in 0..100 {
            assert_eq!(reassembly.part(Time::ZERO, id, 0, false, &[1; 100]), None);
        }
        assert_eq!(reassembly.partial.len(), PACKETS_MAX);
        assert_eq!(
            reassembly.part(Time::ZERO, 99, 100, true, &[2; 10]).map(|packet| packet.len()),
            Some(110)
        );
        assert_eq!(
            reassembly.part(Time::ZERO, 3, 100, true, &[2; 10]),
            None,
            "its beginning is gone"
        );
    }

    #[test]
    fn parts_of_different_packets_with_one_number_are_not_put_together() {
        let mut reassembly = Reassembly::default();
        // The end of this one was lost; then its sender was restarted, and begins to count anew.
        assert_eq!(reassembly.part(Time::ZERO, 1, 0, false, &[1; 100]), None);
        let later = Time::ZERO + Duration::from_millis(1_001);
        assert_eq!(reassembly.part(later, 1, 100, true, &[2; 100]), None);
        let whole = reassembly.part(later, 1, 0, false, &[2; 100]);
        assert_eq!(whole, Some(vec![2; 200]));
    }

    #[test]
    fn a_packet_has_met_what_any_of_its_parts_has() {
        let mut packet = vec![0; 300];
        (packet[0], packet[1]) = (0x60, 2 << 4);
        for congested in [None, Some(0), Some(1), Some(2)] {
            let mut reassembly = Reassembly::default();
            let mut whole = None;
            for (place, message) in fragments(&packet, 9, 150).enumerate() {
                assert_eq!(ecn::of(&message), 2, "outside as inside");
                let Some(Message::Fragment { id, offset, is_last, part }) =
                    Message::parse(&message)
                else {
                    panic!("no fragment")
                };
                let is_congested = congested == Some(place);
                let part = Part { id, offset, is_last, bytes: part, is_congested };
                whole = reassembly.add(Time::ZERO, &part);
            }
            let is_congested = congested.is_some();
            assert_eq!(whole, Some(Whole { packet: packet.clone(), is_congested }));
        }
    }

    proptest! {
        #[test]
        fn parts_in_any_order_make_the_packet(
            packet in proptest::collection::vec(any::<u8>(), 1..1280),
            path_bytes in 130..1280_usize,
            swaps in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut parts: Vec<_> = fragments(&packet, 9, path_bytes).collect();
            prop_assert!(parts.iter().all(|part| part.len() <= path_bytes));
            let count = parts.len();
            for index in swaps {
                parts.swap(0, index.index(count));
            }
            let mut reassembly = Reassembly::default();
            let mut whole = None;
            for part in &parts {
                prop_assert_eq!(whole.take(), None, "before its last part");
                whole = add(&mut reassembly, part);
            }
            prop_assert_eq!(whole, Some(packet));
            prop_assert!(reassembly.partial.is_empty());
        }
    }
}
