//! Entry points for fuzzing: plain functions over bytes, replayed by an ordinary test.

use crate::coalesce::{Coalescer, HEADER_BYTES_MAX};
use crate::offload::{
    LARGE_PACKET_BYTES_MAX, OFFLOAD_HEADER_BYTES, OffloadHeader, Splitter, complete_checksum,
};
use crate::packet::{IpView, PROTOCOL_TCP};

const TCP_PSH: u8 = 0x08;
/// Packets of one input to [`coalesce`].
const PACKETS_MAX: usize = 256;

/// Takes a packet as a device gives it, header first: completes or splits it. The parts hold the
/// payload in order.
///
/// Gives the number of parts.
pub fn offload(bytes: &[u8]) -> usize {
    let Some((header, packet)) = bytes.split_first_chunk::<OFFLOAD_HEADER_BYTES>() else {
        return 0;
    };
    let packet = &packet[..packet.len().min(LARGE_PACKET_BYTES_MAX)];
    let Some(header) = OffloadHeader::read(header) else { return 0 };
    let written = OffloadHeader::read(&header.write(packet.first().is_some_and(|b| b >> 4 == 6)));
    assert_eq!(written, Some(header), "what was written is read otherwise");
    if let Some(place) = header.checksum {
        let mut whole = packet.to_vec();
        complete_checksum(&mut whole, place);
    }
    let Some(mut splitter) = Splitter::new(&header, packet) else { return 0 };
    let mut slot = vec![0; splitter.part_bytes_max()];
    let (mut payload, mut parts) = (Vec::new(), 0);
    let header_bytes = splitter.part_bytes_max()
        - usize::from(header.segments.map_or(0, |(_, segment_bytes)| segment_bytes));
    while let Some(length) = splitter.next(packet, &mut slot) {
        assert!(length > header_bytes, "a part without payload");
        payload.extend_from_slice(&slot[header_bytes..length]);
        parts += 1;
    }
    assert_eq!(payload, &packet[header_bytes..], "the parts hold another payload");
    parts
}

/// Puts packets together (`length 2, big-endian | bytes`, one after the other), and splits what came of
/// it again: every packet is there once, in its flow's order, and as it was.
///
/// Gives the number of packets that became part of another.
pub fn coalesce(bytes: &[u8]) -> usize {
    let mut packets: Vec<&[u8]> = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (packet, after) = after.split_at(length);
        rest = after;
        packets.push(packet);
        if packets.len() == PACKETS_MAX {
            break;
        }
    }
    let mut coalescer = Coalescer::new(true);
    for (index, packet) in (0..).zip(&packets) {
        coalescer.add(index, packet, false);
    }
    let mut seen = vec![false; packets.len()];
    let mut merged = 0;
    for run in coalescer.runs() {
        for index in run.packets() {
            assert!(!std::mem::replace(&mut seen[*index as usize], true), "a packet in two runs");
        }
        let header_bytes = run.header_bytes();
        if header_bytes == 0 {
            continue;
        }
        merged += run.packets().len() - 1;
        let mut header = [0; HEADER_BYTES_MAX];
        let (said, _) = run.header(&mut header);
        let mut large = header[..header_bytes].to_vec();
        for index in run.packets() {
            large.extend_from_slice(&packets[*index as usize][header_bytes..]);
        }
        split_again(&said, &large, run.packets().iter().map(|index| packets[*index as usize]));
    }
    assert!(seen.into_iter().all(|seen| seen), "a packet is missing");
    merged
}

/// The kernel splits a large packet: what comes of it is what was put together.
fn split_again<'a>(
    said: &OffloadHeader,
    large: &[u8],
    mut packets: impl Iterator<Item = &'a [u8]>,
) {
    let mut splitter = Splitter::new(said, large).expect("what was put together can be split");
    let mut slot = vec![0; splitter.part_bytes_max()];
    while let Some(length) = splitter.next(large, &mut slot) {
        let before = packets.next().expect("no more parts than packets");
        let (part, before) = (IpView::parse(&slot[..length]), IpView::parse(before));
        let (part, before) = (part.expect("a part is a packet"), before.expect("it was one"));
        assert_eq!((part.source, part.destination), (before.source, before.destination));
        assert_eq!(comparable(&part), comparable(&before), "a part that is not what it was");
    }
    assert!(packets.next().is_none(), "fewer parts than packets");
}

/// What of a packet must not change: not that of a stream all parts but the last are pushed, and so not
/// TCP's checksum.
fn comparable(packet: &IpView<'_>) -> Vec<u8> {
    let mut bytes = packet.payload.to_vec();
    if packet.protocol == PROTOCOL_TCP {
        bytes[13] &= !TCP_PSH;
        bytes[16..18].fill(0);
    }
    bytes
}
