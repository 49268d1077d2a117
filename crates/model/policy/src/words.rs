//! Sets of protocols and ports in the words of a fabric's file.

use crate::IntervalSet;
use crate::packet_set::transport;

/// Every protocol and port.
const LAST: u128 = (1 << 24) - 1;

/// Such as `tcp 80, 443-445`, `icmp`, `everything`.
pub fn words(set: &IntervalSet) -> Vec<String> {
    let whole = IntervalSet::range(0, LAST);
    let set = set.intersection(&whole);
    if set == whole {
        return vec!["everything".to_owned()];
    }
    let mut words = Vec::new();
    let mut rest = set.clone();
    for (name, protocols) in [("tcp", &[6u8][..]), ("udp", &[17]), ("icmp", &[1, 58])] {
        let of = |protocol: u8| {
            IntervalSet::range(transport(protocol, 0), transport(protocol, u16::MAX))
        };
        let all = protocols.iter().fold(IntervalSet::EMPTY, |all, number| all.union(&of(*number)));
        let here = set.intersection(&all);
        rest = rest.difference(&all);
        if here.is_empty() {
            continue;
        }
        words.push(if here == all { name.to_owned() } else { format!("{name} {}", ports(&here)) });
    }
    if !rest.is_empty() {
        words.push("other protocols".to_owned());
    }
    words
}

fn ports(set: &IntervalSet) -> String {
    let range = |(first, last): &(u128, u128)| {
        let (first, last) = (first & 0xffff, last & 0xffff);
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    set.ranges().iter().map(range).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_read_as_one_would_write_them() {
        let tcp = |first, last| (transport(6, first), transport(6, last));
        for (ranges, expected) in [
            (vec![], ""),
            (vec![(0, u128::MAX)], "everything"),
            (vec![tcp(80, 80), tcp(443, 445)], "tcp 80, 443-445"),
            (
                vec![tcp(0, u16::MAX), (transport(1, 0), transport(1, u16::MAX))],
                "tcp; icmp 0-65535",
            ),
            (vec![(transport(47, 0), transport(47, 9))], "other protocols"),
        ] {
            assert_eq!(words(&ranges.into_iter().collect()).join("; "), expected);
        }
    }
}
