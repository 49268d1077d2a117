//! Explicit Congestion Notification (RFC 3168) between the headers inside and outside of a tunnel (RFC 6040).

/// The two bits of who does not take part.
const NOT_ECT: u8 = 0;
const ECT_1: u8 = 1;
const ECT_0: u8 = 2;
/// The two bits of a packet that met congestion.
pub const CE: u8 = 3;

/// The two bits of an IP packet, which its outer header is to have, too (RFC 6040 §4.1); 0 for what is none.
pub fn of(packet: &[u8]) -> u8 {
    match packet {
        [first, second, ..] if first >> 4 == 4 => second & CE,
        // The traffic class lies across both bytes.
        [first, second, ..] if first >> 4 == 6 => (second >> 4) & CE,
        _ => NOT_ECT,
    }
}

/// Takes over what was met outside of the tunnel (RFC 6040 §4.2). `false` if the packet is to be dropped: its sender would not
/// understand the mark, and a router would have dropped it.
#[must_use]
pub fn decapsulate(packet: &mut [u8], outer: u8) -> bool {
    match (of(packet), outer & CE) {
        (NOT_ECT, CE) => return false,
        (ECT_0 | ECT_1, CE) => set(packet, CE),
        (ECT_0, ECT_1) => set(packet, ECT_1),
        _ => {}
    }
    true
}

/// Sets the two bits of an IP packet, and in IPv4 what they change of the header's checksum (RFC 1624, equation 3).
pub fn set(packet: &mut [u8], ecn: u8) {
    let ecn = ecn & CE;
    let (before, after) = match packet {
        [first, second, ..] if *first >> 4 == 6 => {
            *second = *second & !(CE << 4) | ecn << 4;
            return;
        }
        [first, second, ..] if *first >> 4 == 4 => {
            let before = *second;
            *second = before & !CE | ecn;
            (before, *second)
        }
        _ => return,
    };
    let Some(checksum) = packet.get_mut(10..12) else { return };
    // The word's other byte is the same before and after.
    let sum = u32::from(!u16::from_be_bytes([checksum[0], checksum[1]]))
        + u32::from(!u16::from(before))
        + u32::from(after);
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    checksum.copy_from_slice(&(!(folded as u16)).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum;

    fn packet(is_ipv4: bool, ecn: u8) -> Vec<u8> {
        let mut packet = vec![0; 40];
        if is_ipv4 {
            (packet[0], packet[1]) = (0x45, 0xb8 | ecn);
            packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
            let sum = checksum::internet(&packet[..20]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            (packet[0], packet[1]) = (0x6b, 0x8f | ecn << 4);
        }
        packet
    }

    #[test]
    fn marks_come_in_as_rfc_6040_figure_4_says() {
        // Rows: what the packet has; columns: what it met as Not-ECT, ECT(1), ECT(0), CE.
        let figure = [
            [Some(NOT_ECT), Some(NOT_ECT), Some(NOT_ECT), None],
            [Some(ECT_1), Some(ECT_1), Some(ECT_1), Some(CE)],
            [Some(ECT_0), Some(ECT_1), Some(ECT_0), Some(CE)],
            [Some(CE); 4],
        ];
        for is_ipv4 in [true, false] {
            for (inner, row) in (0..).zip(figure) {
                for (outer, wanted) in (0..).zip(row) {
                    let mut found = packet(is_ipv4, inner);
                    assert_eq!(of(&found), inner);
                    let is_kept = decapsulate(&mut found, outer);
                    assert_eq!(is_kept.then(|| of(&found)), wanted, "{inner} in {outer}");
                    // Nothing else has changed, and the checksum is right.
                    assert_eq!(found, packet(is_ipv4, of(&found)));
                }
            }
        }
    }

    #[test]
    fn what_is_no_packet_stays() {
        for bytes in [&[][..], &[0x45], &[0x45, 2], &[0x60, 0x20], &[0x15, 2, 3]] {
            let mut changed = bytes.to_vec();
            let _ = decapsulate(&mut changed, CE);
            assert_eq!(changed.len(), bytes.len());
        }
    }
}
