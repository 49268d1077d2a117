//! Zones that never leave a network: asked outside, they would only leak and fail.

use crate::name::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of `localhost` (RFC 6761 §6.3).
pub(super) const LOOPBACK: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Name of this host on itself.
pub(super) fn localhost() -> Name {
    name("localhost")
}

/// The apex of the local zone that a name belongs to: `localhost` and `invalid` (RFC 6761), and
/// the reverse zones of addresses that are not global (RFC 6303 §4, RFC 7793).
pub(super) fn apex(name: &Name) -> Option<Name> {
    let labels: Vec<String> =
        name.labels().map(|label| String::from_utf8_lossy(label).to_ascii_lowercase()).collect();
    let mut from_root: Vec<&str> = labels.iter().map(String::as_str).collect();
    from_root.reverse();
    let depth = match from_root.as_slice() {
        ["localhost" | "invalid", ..] => 1,
        ["arpa", "in-addr", rest @ ..] => 2 + ipv4_depth(rest)?,
        ["arpa", "ip6", rest @ ..] => 2 + ipv6_depth(rest)?,
        _ => return None,
    };
    let apex: Vec<&str> = from_root[..depth].iter().rev().copied().collect();
    apex.join(".").parse().ok()
}

/// How many labels below `in-addr.arpa` the zone begins.
fn ipv4_depth(octets: &[&str]) -> Option<usize> {
    let second = |range: std::ops::RangeInclusive<u8>| {
        let octet = octets.get(1).and_then(|octet| octet.parse().ok());
        octet.is_some_and(|octet| range.contains(&octet)).then_some(2)
    };
    match *octets.first()? {
        "0" | "10" | "127" => Some(1),
        "100" => second(64..=127),
        "169" => second(254..=254),
        "172" => second(16..=31),
        "192" => match octets {
            [_, "168", ..] => Some(2),
            [_, "0", "2", ..] => Some(3),
            _ => None,
        },
        "198" if octets.starts_with(&["198", "51", "100"]) => Some(3),
        "203" if octets.starts_with(&["203", "0", "113"]) => Some(3),
        "255" if octets.starts_with(&["255"; 4]) => Some(4),
        _ => None,
    }
}

/// How many labels below `ip6.arpa` the zone begins.
fn ipv6_depth(nibbles: &[&str]) -> Option<usize> {
    match nibbles {
        ["f", "d", ..] => Some(2),
        ["f", "e", "8" | "9" | "a" | "b", ..] => Some(3),
        ["2", "0", "0", "1", "0", "d", "b", "8", ..] => Some(8),
        // :: and ::1.
        [zeros @ .., "0" | "1"] if nibbles.len() == 32 && zeros.iter().all(|n| *n == "0") => {
            Some(32)
        }
        _ => None,
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a constant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_reverse_zones_are_local_and_others_are_not() {
        for (address, expected) in [
            ("10.1.2.3", Some("10.in-addr.arpa")),
            ("172.16.0.1", Some("16.172.in-addr.arpa")),
            ("172.32.0.1", None),
            ("192.168.7.1", Some("168.192.in-addr.arpa")),
            ("192.0.2.1", Some("2.0.192.in-addr.arpa")),
            ("100.64.0.1", Some("64.100.in-addr.arpa")),
            ("100.63.0.1", None),
            ("255.255.255.255", Some("255.255.255.255.in-addr.arpa")),
            ("9.9.9.9", None),
            ("fd00:10::1", Some("d.f.ip6.arpa")),
            ("fe80::1", Some("8.e.f.ip6.arpa")),
            ("2001:db8::1", Some("8.b.d.0.1.0.0.2.ip6.arpa")),
            ("2001:470::1", None),
        ] {
            let reverse = Name::reverse(address.parse().unwrap());
            assert_eq!(apex(&reverse).map(|apex| apex.to_string()).as_deref(), expected);
        }
        let one = Name::reverse("::1".parse().unwrap());
        assert_eq!(apex(&one), Some(one));
        assert_eq!(apex(&name("web.LocalHost")), Some(name("localhost")));
        assert_eq!(apex(&name("example.org")), None);
    }
}
