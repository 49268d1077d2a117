//! Prefixes: networks' parts disjoint, subnets inside their network and disjoint, lengths usable.

use crate::decode::{At, Decoder};
use crate::diagnostic::code;
use crate::load::Declared;
use ipnet::IpNet;

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
        needs_one(&network.span, &network.value.cidrs, "network", decoder);
    }
    for network in declared.networks.keys() {
        let parts: Vec<(&str, &At<IpNet>)> = declared
            .subnets
            .iter()
            .filter(|(_, subnet)| subnet.value.network.value == *network)
            .flat_map(|(name, subnet)| {
                subnet.value.cidrs.iter().map(move |prefix| (name.as_str(), prefix))
            })
            .collect();
        overlaps(&parts, "subnets of one network", decoder);
    }
    for subnet in declared.subnets.values() {
        needs_one(&subnet.span, &subnet.value.cidrs, "subnet", decoder);
        let network = declared.networks.get(&subnet.value.network.value);
        for prefix in &subnet.value.cidrs {
            length(prefix, decoder);
            if let Some(network) = network {
                inside(prefix, &network.value.cidrs, &subnet.value.network.value, decoder);
            }
        }
        one_per_family(&subnet.value.cidrs, decoder);
    }
    let local: Vec<(&str, &At<IpNet>)> = declared
        .regions
        .iter()
        .flat_map(|(name, region)| region.value.networks.iter().map(move |p| (name.as_str(), p)))
        .collect();
    for (node, prefix) in declared
        .nodes
        .values()
        .flat_map(|node| node.value.advertise.iter().map(move |prefix| (node, prefix)))
    {
        let region = &node.value.region.value;
        let here =
            local.iter().any(|(name, local)| name == region && local.value.contains(&prefix.value));
        let known = declared.regions.get(region).is_some_and(|r| !r.value.networks.is_empty());
        if known && !here {
            decoder.error(
                code::OUTSIDE,
                &prefix.span,
                format!("{} is not in the region `{region}`", prefix.value),
                "a node can only lead to prefixes of the place where it stands",
                "add the prefix to the region's `networks`, or correct it",
            );
        }
    }
}

fn needs_one(span: &crate::span::Span, cidrs: &[At<IpNet>], what: &str, decoder: &mut Decoder) {
    // A malformed prefix has been reported already; only a list that is empty is news.
    if cidrs.is_empty() && !decoder.diagnostics.iter().any(|found| found.span.line == span.line) {
        decoder.error(
            code::MISSING_KEY,
            span,
            format!("the {what} has no prefix"),
            "its addresses come from its prefixes",
            "add `cidr: PREFIX` with one prefix or a list",
        );
    }
}

/// Reports each pair that overlaps once, at the later one. Sorting makes this fast for many.
fn overlaps(prefixes: &[(&str, &At<IpNet>)], what: &str, decoder: &mut Decoder) {
    let mut sorted: Vec<&(&str, &At<IpNet>)> = prefixes.iter().collect();
    sorted.sort_by_key(|(_, prefix)| (prefix.value.addr(), prefix.value.prefix_len()));
    let mut enclosing: Vec<&(&str, &At<IpNet>)> = Vec::new();
    for entry in sorted {
        enclosing.retain(|outer| outer.1.value.contains(&entry.1.value));
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

fn inside(prefix: &At<IpNet>, network: &[At<IpNet>], name: &str, decoder: &mut Decoder) {
    if network.is_empty() || network.iter().any(|outer| outer.value.contains(&prefix.value)) {
        return;
    }
    let outer: Vec<String> = network.iter().map(|prefix| prefix.value.to_string()).collect();
    decoder.error(
        code::OUTSIDE,
        &prefix.span,
        format!("{} is outside the network `{name}`", prefix.value),
        format!("the network's prefixes are {}", outer.join(", ")),
        "take a part of these, or add a prefix to the network",
    );
}

fn one_per_family(cidrs: &[At<IpNet>], decoder: &mut Decoder) {
    for ipv6 in [false, true] {
        let mut family = cidrs.iter().filter(|prefix| prefix.value.addr().is_ipv6() == ipv6);
        if let (Some(_), Some(second)) = (family.next(), family.next()) {
            decoder.error(
                code::CONFLICT,
                &second.span,
                "the subnet has two prefixes of one family",
                "each of its workloads has one address of each family",
                "make a second subnet of it",
            );
        }
    }
}
