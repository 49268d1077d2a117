//! Packets of flows: built, recognised where they arrive, and answered.

use super::{FlowProtocol, Trial};
use netloom_base::checksum;
use netloom_model::fabric::Party;
use std::net::IpAddr;

impl Trial {
    /// The packet.
    pub fn packet(&self) -> Vec<u8> {
        let id = self.id.to_be_bytes();
        let (destination, port) = self.called_at.unwrap_or((self.destination, self.port));
        let port = port.to_be_bytes();
        let (protocol, checksum_at, mut segment) = match self.protocol {
            FlowProtocol::Tcp => {
                let mut tcp = vec![0; 20];
                tcp[..2].copy_from_slice(&id);
                tcp[2..4].copy_from_slice(&port);
                tcp[12] = 5 << 4;
                // SYN begins a connection, ACK alone belongs to one.
                tcp[13] = if self.middle { 0x10 } else { 0x02 };
                tcp[14] = 0xff;
                (6, 16, tcp)
            }
            FlowProtocol::Udp => {
                let mut udp = vec![0; 12];
                udp[..2].copy_from_slice(&id);
                udp[2..4].copy_from_slice(&port);
                udp[5] = 12;
                (17, 6, udp)
            }
            FlowProtocol::Icmp => {
                let (protocol, kind) = if self.source.is_ipv4() { (1, 8) } else { (58, 128) };
                let mut echo = vec![0; 12];
                echo[0] = kind;
                echo[4..6].copy_from_slice(&id);
                (protocol, 2, echo)
            }
        };
        let sum = match protocol {
            1 => checksum::internet(&segment),
            _ => checksum::transport(self.source, destination, protocol, &segment),
        };
        segment[checksum_at..checksum_at + 2].copy_from_slice(&sum.to_be_bytes());
        with_header(self.source, destination, protocol, &segment)
    }

    /// Whether a packet is the answer, as the one who has called expects it.
    fn is_answered_by(&self, view: &netloom_base::packet::IpView<'_>) -> bool {
        let at = if self.protocol == FlowProtocol::Icmp { 4 } else { 2 };
        let same_kind = match self.protocol {
            FlowProtocol::Tcp => view.protocol == 6,
            FlowProtocol::Udp => view.protocol == 17,
            FlowProtocol::Icmp => matches!(view.payload.first(), Some(0 | 129)),
        };
        // Who was called by another address answers from that one.
        let source = self.called_at.map_or(self.destination, |(address, _)| address);
        same_kind
            && view.source == source
            && view.destination == self.source
            && view.payload.get(at..at + 2) == Some(&self.id.to_be_bytes())
    }

    /// Whether a packet that was seen on the receiver's link is this one.
    pub fn is(&self, packet: &[u8]) -> bool {
        let Some(view) = netloom_base::packet::IpView::parse(packet) else { return false };
        if self.is_answer {
            return self.is_answered_by(&view);
        }
        let at = if self.protocol == FlowProtocol::Icmp { 4 } else { 0 };
        let same_kind = match self.protocol {
            FlowProtocol::Tcp => view.protocol == 6,
            FlowProtocol::Udp => view.protocol == 17,
            FlowProtocol::Icmp => matches!(view.payload.first(), Some(8 | 128)),
        };
        // What leaves the fabric comes out with other addresses.
        let is_outside = matches!(self.receiver, Party::Address(_));
        same_kind
            && (is_outside || view.source == self.source && view.destination == self.destination)
            && view.payload.get(at..at + 2) == Some(&self.id.to_be_bytes())
    }
}

/// The packet that answers one that arrived: a SYN-ACK, a datagram, an echo reply.
pub fn answer(packet: &[u8]) -> Option<Vec<u8>> {
    let view = netloom_base::packet::IpView::parse(packet)?;
    let mut segment = view.payload.to_vec();
    let checksum_at = match view.protocol {
        6 | 17 => {
            let (source, destination) = (segment.get(..2)?.to_vec(), segment.get(2..4)?.to_vec());
            segment[..2].copy_from_slice(&destination);
            segment[2..4].copy_from_slice(&source);
            if view.protocol == 6 {
                // The acknowledgement of a SYN whose number is 0.
                segment[8..12].copy_from_slice(&1u32.to_be_bytes());
                segment[13] = 0x12;
            }
            if view.protocol == 6 { 16 } else { 6 }
        }
        _ => {
            segment[0] = if view.source.is_ipv4() { 0 } else { 129 };
            2
        }
    };
    segment[checksum_at..checksum_at + 2].copy_from_slice(&[0, 0]);
    let sum = match view.protocol {
        1 => checksum::internet(&segment),
        protocol => checksum::transport(view.destination, view.source, protocol, &segment),
    };
    segment[checksum_at..checksum_at + 2].copy_from_slice(&sum.to_be_bytes());
    Some(with_header(view.destination, view.source, view.protocol, &segment))
}

fn with_header(source: IpAddr, destination: IpAddr, protocol: u8, segment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(segment.len()).unwrap_or(0);
    let mut packet = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = vec![0; 20];
            header[0] = 0x45;
            header[2..4].copy_from_slice(&(length + 20).to_be_bytes());
            header[8] = 64;
            header[9] = protocol;
            header[12..16].copy_from_slice(&source.octets());
            header[16..20].copy_from_slice(&destination.octets());
            let sum = checksum::internet(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            header
        }
        (source, destination) => {
            let mut header = vec![0; 40];
            header[0] = 0x60;
            header[4..6].copy_from_slice(&length.to_be_bytes());
            header[6] = protocol;
            header[7] = 64;
            if let (IpAddr::V6(source), IpAddr::V6(destination)) = (source, destination) {
                header[8..24].copy_from_slice(&source.octets());
                header[24..40].copy_from_slice(&destination.octets());
            }
            header
        }
    };
    packet.extend_from_slice(segment);
    packet
}
