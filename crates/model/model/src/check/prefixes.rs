//! Prefixes: networks' parts disjoint, subnets inside their network and disjoint, lengths usable.

use super::LISTED_MAX;
use crate::decode::{At, Decoder};
use crate::diagnostic::code;
use crate::load::Declared;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Longest IPv4 prefix of a subnet: five addresses are reserved, and three remain.
const SUBNET_V4_LENGTH_MAX: u8 = 29;
/// The length of every IPv6 subnet.
const SUBNET_V6_LENGTH: u8 = 64;

/// Reports prefixes that overlap, stand outside, or cannot be used.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    for (name, network) in &declared.networks {
        let own: Vec<_> =
            network.value.cidrs.iter().map(|prefix| (name.as_str(), prefix)).collect();
        overlaps(&own, "prefixes of one network", decoder);
        own.iter().for_each(|(_, prefix)| not_everything(prefix, decoder));
    }
    let mut parts: BTreeMap<&str, Vec<(&str, &At<IpNet>)>> = BTreeMap::new();
    for (name, subnet) in &declared.subnets {
        if let Some(network) = &subnet.value.network {
            let own = subnet.value.cidrs.iter().map(|prefix| (name.as_str(), prefix));
            parts.entry(&network.value).or_default().extend(own);
        }
        subnet.value.cidrs.iter().for_each(|prefix| length(prefix, decoder));
    }
    for (name, parts) in &parts {
        overlaps(parts, "subnets of one network", decoder);
        // Where a prefix of the network could not be read, it may be the one that is meant.
        if let Some(network) = declared.networks.get(*name).filter(|network| network.whole) {
            let outer = Outer::new(&network.value.cidrs);
            parts.iter().for_each(|(_, prefix)| inside(prefix, &outer, name, decoder));
        }
    }
    let local: BTreeMap<&str, Outer<'_>> = declared
        .regions
        .iter()
        .filter(|(_, region)| region.whole && !region.value.networks.is_empty())
        .map(|(name, region)| (name.as_str(), Outer::new(&region.value.networks)))
        .collect();
    for node in declared.nodes.values() {
        let Some(region) = &node.value.region else { continue };
        let Some(local) = local.get(region.value.as_str()) else { continue };
        let outside = |prefix: &&At<IpNet>| !local.contains(prefix.value);
        let behind = node.value.advertise.iter().map(|one| &one.prefix);
        for prefix in behind.filter(outside) {
            decoder.error(
                code::OUTSIDE,
                &prefix.span,
                format!("{} is not in the region `{}`", prefix.value, region.value),
                "a node can only lead to prefixes of the place where it stands",
                "add the prefix to the region's `networks`, or correct it",
            );
        }
    }
}

/// Prefixes of which none contains another, in order, to find the one that contains a third.
struct Outer<'a> {
    all: &'a [At<IpNet>],
    sorted: Vec<IpNet>,
}

impl<'a> Outer<'a> {
    fn new(all: &'a [At<IpNet>]) -> Self {
        let mut sorted: Vec<IpNet> = all.iter().map(|prefix| prefix.value).collect();
        sorted.sort_by_key(|prefix| (prefix.addr(), prefix.prefix_len()));
        sorted.dedup_by(|later, earlier| earlier.contains(&*later));
        Self { all, sorted }
    }

    fn contains(&self, prefix: IpNet) -> bool {
        let after = self.sorted.partition_point(|outer| outer.addr() <= prefix.addr());
        after.checked_sub(1).is_some_and(|at| self.sorted[at].contains(&prefix))
    }
}

/// Reports each pair that overlaps once, at the later one. Sorting makes this fast for many.
fn overlaps(prefixes: &[(&str, &At<IpNet>)], what: &str, decoder: &mut Decoder) {
    let mut sorted: Vec<&(&str, &At<IpNet>)> =
        prefixes.iter().filter(|(_, prefix)| !is_everything(prefix)).collect();
    sorted.sort_by_key(|(_, prefix)| (prefix.value.addr(), prefix.value.prefix_len()));
    let mut enclosing: Vec<&(&str, &At<IpNet>)> = Vec::new();
    for entry in sorted {
        while enclosing.last().is_some_and(|outer| !outer.1.value.contains(&entry.1.value)) {
            enclosing.pop();
        }
        if let Some(outer) = enclosing.last() {
            let (later, earlier) =
                if entry.1.span > outer.1.span { (entry, *outer) } else { (*outer, entry) };
            decoder.error(
                code::OVERLAP,
                &later.1.span,
                format!("{} overlaps {} of `{}`", later.1.value, earlier.1.value, earlier.0),
                format!("{what} must be disjoint, or an address would belong to two"),
                format!("change one of the two; the other stands at {}", earlier.1.span),
            );
        }
        enclosing.push(entry);
    }
}

/// It is refused for its length; that it overlaps all others and is inside of none only follows from that.
fn is_everything(prefix: &At<IpNet>) -> bool {
    prefix.value.prefix_len() == 0
}

/// All that is in a network's prefixes is local: nothing would be left to route to.
fn not_everything(prefix: &At<IpNet>, decoder: &mut Decoder) {
    if is_everything(prefix) {
        decoder.error(
            code::PREFIX_LENGTH,
            &prefix.span,
            format!("{} cannot be a network", prefix.value),
            "every address would be local to it, and no way would lead out",
            "choose a part of it, such as 10.0.0.0/16 or fd00:10::/48",
        );
    }
}

fn length(prefix: &At<IpNet>, decoder: &mut Decoder) {
    let length = prefix.value.prefix_len();
    let (sound, needed) = match prefix.value {
        IpNet::V4(_) => (
            (8..=SUBNET_V4_LENGTH_MAX).contains(&length),
            "an IPv4 subnet is from /8 to /29: five of its addresses are reserved",
        ),
        IpNet::V6(_) => (length == SUBNET_V6_LENGTH, "an IPv6 subnet is a /64"),
    };
    if !sound {
        decoder.error(
            code::PREFIX_LENGTH,
            &prefix.span,
            format!("{} cannot be a subnet", prefix.value),
            needed,
            "choose a prefix of such a length",
        );
    }
}

fn inside(prefix: &At<IpNet>, network: &Outer<'_>, name: &str, decoder: &mut Decoder) {
    if is_everything(prefix) || network.contains(prefix.value) {
        return;
    }
    let listed = network.all.iter().take(LISTED_MAX).map(|prefix| prefix.value.to_string());
    let listed: Vec<String> = listed.collect();
    decoder.error(
        code::OUTSIDE,
        &prefix.span,
        format!("{} is outside the network `{name}`", prefix.value),
        format!("the network's prefixes are {}", listed.join(", ")),
        "take a part of these, or add a prefix to the network",
    );
}
