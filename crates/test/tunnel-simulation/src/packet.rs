//! Packets that can be told apart: who sends them to whom, and a number in each.

use crate::host::inner_address;

/// Where a packet's number stands, and the least that a packet has.
const NUMBER_AT: usize = 28;
pub(crate) const PACKET_BYTES_MIN: usize = 40;

/// What became of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) bytes: usize,
    pub(crate) is_delivered: bool,
}

/// The packet of a number: all of it follows from who sends it to whom, and how long it is.
pub(crate) fn content(from: usize, to: usize, number: u32, bytes: usize) -> Vec<u8> {
    let mut packet: Vec<u8> =
        (0..bytes as u32).map(|at| (at.wrapping_mul(number | 1) >> 3) as u8).collect();
    packet[..12].fill(0);
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&(bytes as u16).to_be_bytes());
    (packet[8], packet[9]) = (64, 17);
    packet[12..16].copy_from_slice(&inner_address(from).octets());
    packet[16..20].copy_from_slice(&inner_address(to).octets());
    packet[NUMBER_AT..NUMBER_AT + 4].copy_from_slice(&number.to_be_bytes());
    packet
}

/// The number of a packet, if it is long enough to have one.
pub(crate) fn number_of(bytes: &[u8]) -> Option<u32> {
    let four = bytes.get(NUMBER_AT..NUMBER_AT + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}
