//! The Internet checksum (RFC 1071) with the pseudo-headers of IPv4 (RFC 793) and IPv6 (RFC 8200 §8.1).

use std::net::IpAddr;

/// The one's complement sum of `data`, added to `initial`, not yet folded.
fn sum(data: &[u8], initial: u64) -> u64 {
    let (words, rest) = data.as_chunks::<2>();
    let tail = rest.first().map_or(0, |byte| u64::from(*byte) << 8);
    words.iter().fold(initial, |sum, word| sum + u64::from(u16::from_be_bytes(*word))) + tail
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

/// The checksum of `data`, which must hold zero where the checksum goes.
pub fn internet(data: &[u8]) -> u16 {
    !fold(sum(data, 0))
}

/// The checksum of a TCP, UDP or ICMPv6 `segment` between two addresses of one family.
/// The segment must hold zero where the checksum goes.
pub fn transport(source: IpAddr, destination: IpAddr, protocol: u8, segment: &[u8]) -> u16 {
    let addresses = match (source, destination) {
        (IpAddr::V4(s), IpAddr::V4(d)) => sum(&d.octets(), sum(&s.octets(), 0)),
        (IpAddr::V6(s), IpAddr::V6(d)) => sum(&d.octets(), sum(&s.octets(), 0)),
        // Mixed families have no checksum on any wire; zero would verify nowhere.
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => 0,
    };
    let pseudo = addresses + u64::from(protocol) + segment.len() as u64;
    !fold(sum(segment, pseudo))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_1071_example_sums_to_its_checksum() {
        // RFC 1071 §3: the bytes sum to ddf2, so the checksum is its complement.
        assert_eq!(internet(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn a_segment_with_its_checksum_verifies_to_zero() {
        let (s, d) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let mut udp = vec![0x30, 0x39, 0, 80, 0, 11, 0, 0, b'a', b'b', b'c'];
        let checksum = transport(s, d, 17, &udp);
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(transport(s, d, 17, &udp), 0);
    }
}
