//! Where prefixes go: those of a network apart from each other, those of subnets inside of it.

use crate::desk::Desk;
use crate::document::At;
use crate::draft::Peering;
use ipnet::IpNet;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Lengths that an IPv4 subnet can have, and that of every IPv6 subnet.
const SUBNET_V4_LENGTHS: std::ops::RangeInclusive<u8> = 8..=29;
const SUBNET_V6_LENGTH: u8 = 64;

/// Prefixes of subnets by their network, family and first address, with their last one.
#[derive(Debug, Default)]
pub(crate) struct Placed(BTreeMap<(String, bool, u128), u128>);

impl Placed {
    /// Takes a prefix, if no other of the network overlaps with it.
    fn take(&mut self, network: &str, prefix: IpNet) -> bool {
        let (first, last) = (number(prefix.network()), number(prefix.broadcast()));
        let key = |address| (network.to_owned(), prefix.addr().is_ipv6(), address);
        let before = self.0.range(key(0)..=key(last)).next_back();
        let is_free = before.is_none_or(|(_, end)| *end < first);
        if is_free {
            self.0.insert(key(first), last);
        }
        is_free
    }
}

impl Desk {
    /// One more prefix of a network.
    pub(crate) fn network_prefix(
        &mut self,
        at: At<'_>,
        words: impl Into<Cow<'static, str>>,
        cidrs: &mut Vec<IpNet>,
    ) {
        let Some(prefix) = self.prefix(at, words) else { return };
        if cidrs.contains(&prefix) {
            return;
        }
        if prefix.prefix_len() == 0 {
            return self.refused(at, "a network of all addresses would have no outside");
        }
        match cidrs.iter().find(|other| overlap(**other, prefix)) {
            Some(other) => self.refused(at, format!("it overlaps {other} of the same network")),
            None => cidrs.push(prefix),
        }
    }

    /// One more prefix of a subnet of a network.
    pub(crate) fn subnet_prefix(
        &mut self,
        at: At<'_>,
        words: impl Into<Cow<'static, str>>,
        network: &str,
        cidrs: &mut Vec<IpNet>,
    ) {
        let Some(prefix) = self.prefix(at, words) else { return };
        let usable = match prefix {
            IpNet::V4(v4) => SUBNET_V4_LENGTHS.contains(&v4.prefix_len()),
            IpNet::V6(v6) => v6.prefix_len() == SUBNET_V6_LENGTH,
        };
        let outer = self.draft.networks.get(network);
        if !usable {
            self.refused(at, "a subnet is from /8 to /29, or a /64 of IPv6");
        } else if !outer.is_some_and(|outer| outer.cidrs.iter().any(|own| own.contains(&prefix))) {
            self.refused(at, format!("it is outside of the network `{network}`"));
        } else if !self.placed.take(network, prefix) {
            self.refused(at, "it overlaps another subnet of the network");
        } else {
            cidrs.push(prefix);
        }
    }

    /// Prefixes of two networks that overlap, which cannot be peered.
    fn overlapping(&self, networks: [&String; 2]) -> Option<(IpNet, IpNet)> {
        let [first, second] = networks.map(|name| self.draft.networks.get(name));
        let (first, second) = (first?, second?);
        let pairs =
            first.cidrs.iter().flat_map(|one| second.cidrs.iter().map(move |two| (*one, *two)));
        pairs.into_iter().find(|(one, two)| overlap(*one, *two))
    }
}

impl Desk {
    /// Why two networks cannot be peered.
    pub(crate) fn not_peerable(&self, networks: [&String; 2]) -> Option<String> {
        let [first, second] = networks;
        if first == second {
            return Some("a network has no peering with itself".to_owned());
        }
        if let Some((one, two)) = self.overlapping(networks) {
            return Some(format!("{one} and {two} overlap: such networks have no peering"));
        }
        let same = |one: &Peering| {
            one.networks.contains(first)
                && one.networks.contains(second)
                && !matches!(one.status, "rejected" | "deleted")
        };
        let known = self.draft.peerings.iter().find(|(_, one)| same(one));
        known.map(|(name, _)| format!("`{name}` peers the two already, and one peering is all"))
    }
}

fn overlap(one: IpNet, two: IpNet) -> bool {
    one.contains(&two) || two.contains(&one)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_one_network_are_apart() {
        let mut placed = Placed::default();
        for (network, prefix, expected) in [
            ("a", "10.0.1.0/24", true),
            ("a", "10.0.1.128/25", false),
            ("a", "10.0.0.0/16", false),
            ("a", "10.0.2.0/24", true),
            ("a", "0.0.0.0/0", false),
            ("b", "10.0.1.0/24", true),
            ("a", "::/64", true),
            ("a", "::/64", false),
            ("a", "255.255.255.0/24", true),
        ] {
            assert_eq!(
                placed.take(network, prefix.parse().unwrap()),
                expected,
                "{network} {prefix}"
            );
        }
    }
}
