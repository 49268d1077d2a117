//! Sets of protocols and ports in the words of a fabric's file.

use crate::IntervalSet;
use crate::packet_set::transport;
use netloom_base::packet::{PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP};
use netloom_model::fabric::{ICMP_NAMES, IcmpTypes};

/// Every protocol and port.
const LAST: u128 = (1 << 24) - 1;

/// Such as `tcp 80, 443-445`, `icmp echo-request`, `icmp`, `everything`.
pub fn words(set: &IntervalSet) -> Vec<String> {
    let whole = IntervalSet::range(0, LAST);
    let set = set.intersection(&whole);
    if set == whole {
        return vec!["everything".to_owned()];
    }
    let mut words = Vec::new();
    for (name, protocol) in [("tcp", PROTOCOL_TCP), ("udp", PROTOCOL_UDP)] {
        let (all, here) = of(&set, protocol);
        match here.is_empty() {
            true => {}
            false if here == all => words.push(name.to_owned()),
            false => words.push(format!("{name} {}", ports(&here))),
        }
    }
    words.extend(icmp(&set));
    let known = [PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_ICMPV6];
    let known =
        known.iter().fold(IntervalSet::EMPTY, |all, number| all.union(&of(&set, *number).1));
    if !set.difference(&known).is_empty() {
        words.push("other protocols".to_owned());
    }
    words
}

/// All of a protocol, and what of it is in a set.
fn of(set: &IntervalSet, protocol: u8) -> (IntervalSet, IntervalSet) {
    let all = IntervalSet::range(transport(protocol, 0), transport(protocol, u16::MAX));
    let here = set.intersection(&all);
    (all, here)
}

fn ports(set: &IntervalSet) -> String {
    let range = |(first, last): &(u128, u128)| {
        let (first, last) = (first & 0xffff, last & 0xffff);
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    set.ranges().iter().map(range).collect::<Vec<_>>().join(", ")
}

/// ICMP and ICMPv6: `icmp` is both, or a type that one of them alone has; `icmpv4` and `icmpv6` are one where
/// the other has the type, too.
fn icmp(set: &IntervalSet) -> Vec<String> {
    let ((all_v4, mut v4), (all_v6, mut v6)) = (of(set, PROTOCOL_ICMP), of(set, PROTOCOL_ICMPV6));
    let (is_whole_v4, is_whole_v6) = (v4 == all_v4, v6 == all_v6);
    if is_whole_v4 && is_whole_v6 {
        return vec!["icmp".to_owned()];
    }
    let mut both = Vec::new();
    for named in ICMP_NAMES.iter().filter(|_| !is_whole_v4 && !is_whole_v6) {
        let [here_v4, here_v6] = [named.v4, named.v6].map(|types| types.map(numbers));
        let holds = |set: &IntervalSet, here: &Option<IntervalSet>| {
            here.as_ref().is_none_or(|here| here.difference(set).is_empty())
        };
        if holds(&v4, &here_v4) && holds(&v6, &here_v6) {
            both.push(named.name.to_owned());
            v4 = v4.difference(&here_v4.unwrap_or_default());
            v6 = v6.difference(&here_v6.unwrap_or_default());
        }
    }
    let mut words = Vec::new();
    if !both.is_empty() {
        words.push(format!("icmp {}", both.join(", ")));
    }
    for (name, ipv6, is_whole, rest) in
        [("icmpv4", false, is_whole_v4, v4), ("icmpv6", true, is_whole_v6, v6)]
    {
        match rest.is_empty() {
            true => {}
            false if is_whole => words.push(name.to_owned()),
            false => words.push(format!("{name} {}", types(rest, ipv6))),
        }
    }
    words
}

/// Types of one version by their names, and by their numbers where they have none.
fn types(mut rest: IntervalSet, ipv6: bool) -> String {
    let mut words = Vec::new();
    for named in &ICMP_NAMES {
        let Some(here) = (if ipv6 { named.v6 } else { named.v4 }).map(numbers) else { continue };
        if here.difference(&rest).is_empty() {
            words.push(named.name.to_owned());
            rest = rest.difference(&here);
        }
    }
    let number = |number: u128| u16::try_from(number & 0xffff).expect("16 bits are left");
    words.extend(rest.ranges().iter().map(|(first, last)| {
        IcmpTypes { ipv6, first: number(*first), last: number(*last) }.numbers()
    }));
    words.join(", ")
}

/// Types as numbers of [`transport`].
fn numbers(types: IcmpTypes) -> IntervalSet {
    let protocol = if types.ipv6 { PROTOCOL_ICMPV6 } else { PROTOCOL_ICMP };
    IntervalSet::range(transport(protocol, types.first), transport(protocol, types.last))
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
            (vec![tcp(0, u16::MAX), (transport(1, 0), transport(1, u16::MAX))], "tcp; icmpv4"),
            (vec![(transport(47, 0), transport(47, 9))], "other protocols"),
        ] {
            assert_eq!(words(&ranges.into_iter().collect()).join("; "), expected);
        }
    }

    #[test]
    fn types_of_icmp_have_their_names() {
        let v4 = |first, last| (transport(1, first), transport(1, last));
        let v6 = |first, last| (transport(58, first), transport(58, last));
        let (ping, ping6) = (v4(0x800, 0x8ff), v6(0x8000, 0x80ff));
        for (ranges, expected) in [
            (vec![v4(0, u16::MAX), v6(0, u16::MAX)], "icmp"),
            (vec![ping, ping6], "icmp echo-request"),
            (vec![ping], "icmpv4 echo-request"),
            (vec![ping6], "icmpv6 echo-request"),
            (vec![ping, v6(0, u16::MAX)], "icmpv4 echo-request; icmpv6"),
            (
                vec![v4(0x300, 0x3ff), v6(0x100, 0x1ff), v4(0xb00, 0xbff), v6(0x300, 0x3ff)],
                "icmp destination-unreachable, time-exceeded",
            ),
            (vec![v4(0x304, 0x304), v6(0x200, 0x2ff)], "icmp fragmentation-needed, packet-too-big"),
            (vec![v4(0x301, 0x301), v4(0x4000, 0x40ff)], "icmpv4 3/1, 64"),
        ] {
            assert_eq!(words(&ranges.into_iter().collect()).join("; "), expected);
        }
    }
}
