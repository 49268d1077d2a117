//! The largest segment that TCP announces, lowered to what the path takes (RFC 9293 §3.7.1).

use netloom_base::packet::{IpView, PROTOCOL_TCP};

const SYN: u8 = 2;
const OPTION_END: u8 = 0;
const OPTION_NOTHING: u8 = 1;
const OPTION_MSS: u8 = 2;
const TCP_HEADER_BYTES: usize = 20;
/// Longer packets are no SYN, or carry data already and are left alone.
const SYN_BYTES_MAX: usize = 160;
/// No announcement is lowered below this, whatever the path (RFC 879's default for IPv4).
const MSS_MIN: u16 = 536;

/// Lowers what a SYN announces to segments that fit `path_bytes`; whether it has changed the packet.
///
/// For all but short packets this is one comparison. `is_partial` says that the checksum is left out.
pub fn clamp(packet: &mut [u8], path_bytes: usize, is_partial: bool) -> bool {
    if packet.len() > SYN_BYTES_MAX {
        return false;
    }
    let Some((at, announced, tcp_start)) = announcement(packet) else { return false };
    let headers = if packet[0] >> 4 == 4 { 20 } else { 40 } + TCP_HEADER_BYTES;
    let fits = path_bytes.saturating_sub(headers).min(usize::from(u16::MAX)) as u16;
    let fits = fits.max(MSS_MIN);
    if announced <= fits {
        return false;
    }
    packet[at..at + 2].copy_from_slice(&fits.to_be_bytes());
    if !is_partial {
        update_checksum(&mut packet[tcp_start..], at - tcp_start, announced, fits);
    }
    true
}

/// Where a SYN's announcement stands, what it says, and where TCP begins.
fn announcement(packet: &[u8]) -> Option<(usize, u16, usize)> {
    let view = IpView::parse(packet).filter(|view| view.protocol == PROTOCOL_TCP)?;
    let tcp = view.payload;
    let flags = *tcp.get(13)?;
    if flags & SYN == 0 {
        return None;
    }
    let is_later_fragment =
        packet[0] >> 4 == 4 && u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff != 0;
    let header_bytes = usize::from(tcp[12] >> 4) * 4;
    let options = tcp.get(TCP_HEADER_BYTES..header_bytes).filter(|_| !is_later_fragment)?;
    let tcp_start = view.total_bytes - tcp.len();
    let mut at = 0;
    while let Some(kind) = options.get(at) {
        match *kind {
            OPTION_END => return None,
            OPTION_NOTHING => at += 1,
            OPTION_MSS => {
                let value = options.get(at + 2..at + 4).filter(|_| options[at + 1] == 4)?;
                let place = tcp_start + TCP_HEADER_BYTES + at + 2;
                return Some((place, u16::from_be_bytes([value[0], value[1]]), tcp_start));
            }
            _ => at += usize::from(*options.get(at + 1)?).max(2),
        }
    }
    None
}

/// RFC 1624, equation 3. At an odd place the words are swapped: their sum is as well.
fn update_checksum(tcp: &mut [u8], at: usize, before: u16, after: u16) {
    let turned = |word: u16| if at.is_multiple_of(2) { word } else { word.swap_bytes() };
    let sum = u32::from(!u16::from_be_bytes([tcp[16], tcp[17]]))
        + u32::from(!turned(before))
        + u32::from(turned(after));
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = ((folded & 0xffff) + (folded >> 16)) as u16;
    tcp[16..18].copy_from_slice(&(!folded).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_base::checksum;
    use proptest::prelude::*;

    /// A SYN whose MSS option stands behind `before` bytes of nothing.
    fn syn(mss: u16, before: usize, flags: u8) -> Vec<u8> {
        let mut options = vec![OPTION_NOTHING; before];
        options.extend_from_slice(&[OPTION_MSS, 4]);
        options.extend_from_slice(&mss.to_be_bytes());
        options.resize(options.len().next_multiple_of(4), OPTION_END);
        let tcp_bytes = TCP_HEADER_BYTES + options.len();
        let mut packet =
            vec![0x45, 0, 0, (20 + tcp_bytes) as u8, 0, 0, 0, 0, 64, PROTOCOL_TCP, 0, 0];
        packet.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend_from_slice(&[0, 80, 1, 187, 1, 2, 3, 4, 0, 0, 0, 0]);
        packet.extend_from_slice(&[(tcp_bytes as u8 / 4) << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend_from_slice(&options);
        let sum = checksum::transport(
            "10.0.0.1".parse().unwrap(),
            "10.0.0.2".parse().unwrap(),
            PROTOCOL_TCP,
            &packet[20..],
        );
        packet[36..38].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    fn verifies(packet: &[u8]) -> bool {
        let view = IpView::parse(packet).unwrap();
        checksum::transport(view.source, view.destination, PROTOCOL_TCP, view.payload) == 0
    }

    #[test]
    fn only_larger_announcements_of_syns_are_lowered() {
        for (mss, flags, then) in
            [(1460, SYN, 1280), (1460, SYN | 0x10, 1280), (1280, SYN, 1280), (536, SYN, 536)]
        {
            let mut packet = syn(mss, 0, flags);
            assert_eq!(clamp(&mut packet, 1320, false), mss != then);
            assert_eq!(announcement(&packet).unwrap().1, then);
            assert!(verifies(&packet));
        }
        assert!(!clamp(&mut syn(1460, 0, 0x10), 1320, false), "no SYN");
        let mut small = syn(1460, 0, SYN);
        assert!(clamp(&mut small, 100, false));
        assert_eq!(announcement(&small).unwrap().1, MSS_MIN);
    }

    proptest! {
        #[test]
        fn checksums_hold_wherever_the_option_stands(
            mss in 537..u16::MAX,
            before in 0..20_usize,
            path_bytes in 600..9000_usize,
        ) {
            let mut packet = syn(mss, before, SYN);
            prop_assert!(verifies(&packet));
            clamp(&mut packet, path_bytes, false);
            prop_assert!(verifies(&packet));
            prop_assert!(usize::from(announcement(&packet).unwrap().1) <= path_bytes - 40);
        }

        #[test]
        fn any_bytes_are_handled_without_panic(
            mut packet in proptest::collection::vec(any::<u8>(), 0..160),
            version in any::<bool>(),
        ) {
            if let Some(first) = packet.first_mut() {
                *first = if version { 0x45 } else { 0x60 };
            }
            if packet.len() > 40 {
                let total = (packet.len() as u16).to_be_bytes();
                (packet[2], packet[3], packet[9]) = (total[0], total[1], PROTOCOL_TCP);
            }
            clamp(&mut packet, 1280, false);
        }
    }
}
