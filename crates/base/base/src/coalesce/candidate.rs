//! Which packets can be part of a larger one.

use super::TCP_PSH;
use crate::checksum;
use crate::offload::{Gso, addresses, transport};
use crate::packet::{PROTOCOL_TCP, PROTOCOL_UDP};

const TCP_ACK: u8 = 0x10;

/// A packet that may be part of a run.
pub(super) struct Candidate {
    pub(super) gso: Gso,
    pub(super) transport_at: usize,
    pub(super) header_bytes: usize,
    pub(super) sequence: u32,
    pub(super) is_pushed: bool,
}

impl Candidate {
    /// `is_trusted` says that its checksum was left out by who can be relied on.
    pub(super) fn of(packet: &[u8], with_udp: bool, is_trusted: bool) -> Option<Self> {
        let (transport_at, protocol) = transport(packet)?;
        let (ip, segment) = packet.split_at(transport_at);
        let is_ipv4 = ip[0] >> 4 == 4;
        let declared = if is_ipv4 {
            // No options, and no fragment.
            let fragment = u16::from_be_bytes([ip[6], ip[7]]) & 0x3fff;
            if transport_at != 20 || fragment != 0 {
                return None;
            }
            usize::from(u16::from_be_bytes([ip[2], ip[3]]))
        } else {
            transport_at + usize::from(u16::from_be_bytes([ip[4], ip[5]]))
        };
        if declared != packet.len() {
            return None;
        }
        let candidate = match protocol {
            PROTOCOL_TCP => Self::tcp(transport_at, segment)?,
            PROTOCOL_UDP if with_udp => Self::udp(transport_at, segment)?,
            _ => return None,
        };
        if is_trusted {
            return Some(candidate);
        }
        // A run is handed on as checked.
        let (source, destination) = addresses(ip);
        let is_right = checksum::transport(source, destination, protocol, segment) == 0;
        is_right.then_some(candidate)
    }

    fn tcp(transport_at: usize, segment: &[u8]) -> Option<Self> {
        let header = segment.first_chunk::<20>()?;
        let transport_bytes = usize::from(header[12] >> 4) * 4;
        let is_plain = header[13] & !TCP_PSH == TCP_ACK && header[12] & 0x0f == 0;
        if transport_bytes < 20 || segment.len() <= transport_bytes || !is_plain {
            return None;
        }
        Some(Self {
            gso: Gso::Tcp,
            transport_at,
            header_bytes: transport_at + transport_bytes,
            sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            is_pushed: header[13] & TCP_PSH != 0,
        })
    }

    fn udp(transport_at: usize, segment: &[u8]) -> Option<Self> {
        let header = segment.first_chunk::<8>()?;
        let declared = usize::from(u16::from_be_bytes([header[4], header[5]]));
        // Zero says that there is no checksum; what a device makes of it would be another packet.
        if declared != segment.len() || segment.len() <= 8 || header[6..8] == [0, 0] {
            return None;
        }
        let header_bytes = transport_at + 8;
        Some(Self { gso: Gso::Udp, transport_at, header_bytes, sequence: 0, is_pushed: false })
    }
}
