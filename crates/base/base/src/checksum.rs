//! The Internet checksum (RFC 1071) with the pseudo-headers of IPv4 (RFC 793) and IPv6 (RFC 8200 §8.1).

use std::net::IpAddr;

/// The one's complement sum of `data`, added to `initial`, not yet folded.
///
/// The sum does not depend on the order of bytes in words (RFC 1071 §2 B), so it is taken over native
/// words of 32 bits, which compilers turn into vector instructions, and turned round once in the end.
pub(crate) fn sum(data: &[u8], initial: u64) -> u64 {
    let (blocks, rest) = data.as_chunks::<16>();
    let mut lanes = [0_u64; 4];
    for block in blocks {
        let (words, _) = block.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane += u64::from(u32::from_ne_bytes(*word));
        }
    }
    let (words, rest) = rest.as_chunks::<4>();
    for word in words {
        lanes[0] += u64::from(u32::from_ne_bytes(*word));
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    lanes[1] += u64::from(u32::from_ne_bytes(last));
    // Below 2^64 for data of any length: each lane has had a quarter of the words.
    let folded = fold(lanes.iter().map(|lane| (lane & 0xffff_ffff) + (lane >> 32)).sum());
    initial + u64::from(folded.to_be())
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

/// The checksum of what was summed.
pub(crate) fn of_sum(sum: u64) -> u16 {
    !fold(sum)
}

/// The checksum of `data`, which must hold zero where the checksum goes.
pub fn internet(data: &[u8]) -> u16 {
    of_sum(sum(data, 0))
}

/// The checksum of a TCP, UDP or ICMPv6 `segment` between two addresses of one family.
/// The segment must hold zero where the checksum goes.
pub fn transport(source: IpAddr, destination: IpAddr, protocol: u8, segment: &[u8]) -> u16 {
    transport_sum(source, destination, protocol, segment.len(), segment)
}

fn transport_sum(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    segment_bytes: usize,
    segment: &[u8],
) -> u16 {
    let addresses = match (source, destination) {
        (IpAddr::V4(s), IpAddr::V4(d)) => sum(&d.octets(), sum(&s.octets(), 0)),
        (IpAddr::V6(s), IpAddr::V6(d)) => sum(&d.octets(), sum(&s.octets(), 0)),
        // Mixed families have no checksum on any wire; zero would verify nowhere.
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => 0,
    };
    let pseudo = addresses + u64::from(protocol) + segment_bytes as u64;
    !fold(sum(segment, pseudo))
}

/// The sum of the pseudo-header of a segment of `segment_bytes`, as it stands in the checksum's place
/// where the rest is left to a device (`CHECKSUM_PARTIAL`): folded, not complemented.
pub fn pseudo_header(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    segment_bytes: usize,
) -> u16 {
    !transport_sum(source, destination, protocol, segment_bytes, &[])
}

/// [`pseudo_header`] of a part of `part_bytes`, from that of the whole segment it was cut from.
pub(crate) fn pseudo_header_of_part(whole: u16, whole_bytes: usize, part_bytes: usize) -> u16 {
    // Subtracting is adding the complement (RFC 1624).
    let without_length = u64::from(whole) + u64::from(!fold(whole_bytes as u64));
    fold(without_length + part_bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Word by word, as RFC 1071 says it.
    fn plain(data: &[u8]) -> u16 {
        let words = data
            .chunks(2)
            .map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0)));
        !fold(words.sum())
    }

    #[test]
    fn wide_words_sum_to_the_same() {
        let data: Vec<u8> =
            (0..3000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for end in (0..200).chain([1367, 1368, 1369, 2999, 3000]) {
            assert_eq!(internet(&data[..end]), plain(&data[..end]), "{end}");
        }
        assert_eq!(internet(&[0xff; 70_000]), plain(&[0xff; 70_000]));
    }

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
