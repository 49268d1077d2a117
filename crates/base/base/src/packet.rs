//! A checked, borrowed view of an IP packet: what routing and policy need to see of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// ICMP (RFC 792).
pub const PROTOCOL_ICMP: u8 = 1;
/// TCP (RFC 9293).
pub const PROTOCOL_TCP: u8 = 6;
/// UDP (RFC 768).
pub const PROTOCOL_UDP: u8 = 17;
/// ICMPv6 (RFC 4443).
pub const PROTOCOL_ICMPV6: u8 = 58;

/// The addresses, protocol and payload of one IPv4 or IPv6 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpView<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Protocol of the payload: IPv4's protocol, IPv6's first next header.
    pub protocol: u8,
    /// Length that the header declares, header included; bytes after it are padding.
    pub total_bytes: usize,
    /// What follows the header, cut to the declared length.
    pub payload: &'a [u8],
}

impl<'a> IpView<'a> {
    /// Reads the header of `packet`; `None` if it is cut short, lies about its length,
    /// or is neither IPv4 (RFC 791) nor IPv6 (RFC 8200).
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => Self::parse_v4(packet),
            6 => Self::parse_v6(packet),
            _ => None,
        }
    }

    fn parse_v4(packet: &'a [u8]) -> Option<Self> {
        let header = packet.first_chunk::<20>()?;
        let header_bytes = usize::from(header[0] & 0x0f) * 4;
        let total_bytes = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header_bytes < 20 || total_bytes < header_bytes {
            return None;
        }
        Some(Self {
            source: Ipv4Addr::new(header[12], header[13], header[14], header[15]).into(),
            destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]).into(),
            protocol: header[9],
            total_bytes,
            payload: packet.get(header_bytes..total_bytes)?,
        })
    }

    fn parse_v6(packet: &'a [u8]) -> Option<Self> {
        let (header, rest) = packet.split_first_chunk::<40>()?;
        let payload_bytes = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let source: [u8; 16] = header[8..24].try_into().ok()?;
        let destination: [u8; 16] = header[24..40].try_into().ok()?;
        Some(Self {
            source: Ipv6Addr::from(source).into(),
            destination: Ipv6Addr::from(destination).into(),
            protocol: header[6],
            total_bytes: 40 + payload_bytes,
            payload: rest.get(..payload_bytes)?,
        })
    }

    /// Source and destination port where the protocol has them and the packet holds them.
    pub fn ports(&self) -> Option<(u16, u16)> {
        if !matches!(self.protocol, PROTOCOL_TCP | PROTOCOL_UDP) {
            return None;
        }
        let ports = self.payload.first_chunk::<4>()?;
        Some((u16::from_be_bytes([ports[0], ports[1]]), u16::from_be_bytes([ports[2], ports[3]])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut packet = vec![0u8; 28];
        packet[0] = 0x45;
        packet[3] = 28;
        packet[9] = PROTOCOL_UDP;
        assert!(IpView::parse(&packet).is_some());
        packet[3] = 29;
        assert!(IpView::parse(&packet).is_none(), "longer than the packet");
        packet[3] = 19;
        assert!(IpView::parse(&packet).is_none(), "shorter than its header");
        packet[3] = 28;
        packet[0] = 0x44;
        assert!(IpView::parse(&packet).is_none(), "header under 20 bytes");
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(view) = IpView::parse(&bytes) {
                prop_assert!(view.total_bytes <= bytes.len());
                let _ = view.ports();
            }
        }
    }
}
