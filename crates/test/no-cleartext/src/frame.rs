//! What a frame on the ground is: sealed, of the ground itself, or a fabric's packet in clear.

use crate::MARKER;
use ipnet::IpNet;
use netloom_base::checksum;
use netloom_base::packet::{IpView, PROTOCOL_UDP};
use std::net::{IpAddr, Ipv4Addr};

/// The port of the tunnels.
const TUNNEL_PORT: u16 = netloom_lab::underlay::PORT;
const ETHERNET_HEADER_BYTES: usize = 14;

/// Somebody on the underlay who speaks to fabric addresses directly; what counts is the answers.
pub const ATTACKER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);

/// An echo request from [`ATTACKER`], as a frame between two hardware addresses.
pub fn attack(from: [u8; 6], to: [u8; 6], target: Ipv4Addr) -> Vec<u8> {
    let mut echo = vec![8, 0, 0, 0, 0, 1, 0, 1];
    let sum = checksum::internet(&echo).to_be_bytes();
    echo[2..4].copy_from_slice(&sum);
    let mut header = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0];
    header.extend(ATTACKER.octets());
    header.extend(target.octets());
    let sum = checksum::internet(&header).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    [to.as_slice(), &from, &[0x08, 0x00], &header, &echo].concat()
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A WireGuard message between addresses of the ground, or our own initiation.
    Sealed,
    /// A packet of the fabric, or a part of one, in clear.
    Clear,
    /// Anything else: ICMP errors of the ground, address resolution.
    Other,
}

/// Judges a frame, with or without an Ethernet header.
pub fn judge(frame: &[u8], fabric: &[IpNet]) -> Kind {
    if frame.windows(MARKER.len()).any(|window| window == MARKER) {
        return Kind::Clear;
    }
    let Some(view) = IpView::parse(packet(frame)) else { return Kind::Other };
    if view.source == IpAddr::from(ATTACKER) {
        return Kind::Other;
    }
    let inside = |address| fabric.iter().any(|prefix| prefix.contains(&address));
    if inside(view.source) || inside(view.destination) {
        return Kind::Clear;
    }
    let sealed = view.protocol == PROTOCOL_UDP
        && view.ports().is_some_and(|(from, to)| from == TUNNEL_PORT || to == TUNNEL_PORT)
        && matches!(view.payload.get(8..12), Some([1..=4 | 17 | 18, 0, 0, 0]));
    if sealed { Kind::Sealed } else { Kind::Other }
}

/// The IP packet of a frame; tunnel devices have frames without a header before it.
fn packet(frame: &[u8]) -> &[u8] {
    match frame.get(12..ETHERNET_HEADER_BYTES) {
        Some([0x08, 0x00] | [0x86, 0xdd]) => &frame[ETHERNET_HEADER_BYTES..],
        Some(_) | None => frame,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(source: [u8; 4], payload: &[u8], port: u16) -> Vec<u8> {
        let length = u8::try_from(28 + payload.len()).unwrap();
        let mut packet = vec![0x45, 0, 0, length, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend(source);
        packet.extend([198, 18, 0, 10]);
        packet.extend(port.to_be_bytes());
        packet.extend(port.to_be_bytes());
        packet.extend([0, length - 20, 0, 0]);
        packet.extend(payload);
        packet
    }

    #[test]
    fn sealed_clear_and_other_frames_are_told_apart() {
        let fabric = ["10.0.0.0/16".parse().unwrap()];
        let sealed = udp([198, 18, 0, 11], &[4, 0, 0, 0, 9, 9], TUNNEL_PORT);
        assert_eq!(judge(&sealed, &fabric), Kind::Sealed);
        assert_eq!(judge(&udp([10, 0, 1, 4], b"x", 80), &fabric), Kind::Clear);
        let marked = udp([198, 18, 0, 11], MARKER, TUNNEL_PORT);
        assert_eq!(judge(&marked, &fabric), Kind::Clear, "whatever carries it");
        assert_eq!(judge(&udp([198, 18, 0, 11], b"dns", 53), &fabric), Kind::Other);
        let mut ethernet = vec![2; 12];
        ethernet.extend([0x08, 0x00]);
        ethernet.extend(udp([10, 0, 1, 4], b"x", 80));
        assert_eq!(judge(&ethernet, &fabric), Kind::Clear);
    }
}
