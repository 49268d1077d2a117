//! Prefixes of networks, sites and routes that Linux leads to nobody (loopback, multicast, link-local), or that are ours.

use crate::decode::routing::Destination;
use crate::decode::{At, Decoder};
use crate::diagnostic::code;
use crate::load::Declared;
use crate::special::Special;
use ipnet::IpNet;
use std::net::Ipv4Addr;

/// Reports those of networks, subnets, regions, nodes, peers and route tables.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let networks = declared.networks.values().flat_map(|one| &one.value.cidrs);
    let subnets = declared.subnets.values().flat_map(|one| &one.value.cidrs);
    let regions = declared.regions.values().flat_map(|one| &one.value.networks);
    let nodes = declared.nodes.values().flat_map(|one| &one.value.advertise);
    let behind = nodes.flat_map(|one| [Some(&one.prefix), one.seen_as.as_ref()]).flatten();
    let peers = declared.workloads.values().flat_map(|one| &one.value.advertise);
    let routes = declared.route_tables.values().flat_map(|table| &table.value.routes);
    let routed = routes.filter_map(|route| match &route.to {
        Destination::Prefix(prefix) => Some(prefix),
        Destination::List(_) => None,
    });
    let held = networks.chain(subnets).chain(regions).chain(behind).chain(peers);
    let held: Vec<&At<IpNet>> = held.collect();
    held.iter().for_each(|prefix| not_our_own(prefix, decoder));
    for prefix in held.into_iter().chain(routed) {
        if let Some(what) = special(prefix.value) {
            tell(prefix, what, decoder);
        }
    }
}

/// What is in a prefix that a host cannot have; of a subnet of IPv6 a part is enough.
fn special(prefix: IpNet) -> Option<Special> {
    let whole = Special::of_prefix(prefix);
    let first = || Special::of(prefix.addr()).filter(|_| prefix.prefix_len() >= 64);
    whole.or_else(first)
}

/// What Netloom itself has between the namespaces of a host, of 169.254.0.0/16.
const OWN: [(Ipv4Addr, u8); 2] =
    [(Ipv4Addr::new(169, 254, 0, 1), 32), (Ipv4Addr::new(169, 254, 64, 0), 18)];

fn not_our_own(prefix: &At<IpNet>, decoder: &mut Decoder) {
    let own =
        OWN.iter().filter_map(|(address, length)| IpNet::new((*address).into(), *length).ok());
    let mut shared = own.filter(|own| own.contains(&prefix.value) || prefix.value.contains(own));
    let Some(own) = shared.next().filter(|_| prefix.value.prefix_len() > 0) else { return };
    decoder.error(
        code::SPECIAL_ADDRESS,
        &prefix.span,
        format!("{} overlaps {own}, which Netloom uses itself", prefix.value),
        "gateways and transit links between the namespaces of a host have addresses there",
        "choose a prefix for private use, such as 10.0.0.0/16, or another part of 169.254.0.0/16",
    );
}

fn tell(prefix: &At<IpNet>, what: Special, decoder: &mut Decoder) {
    decoder.error(
        code::SPECIAL_ADDRESS,
        &prefix.span,
        format!("{} cannot be routed", prefix.value),
        format!("it is {}", what.words()),
        "choose a prefix for private use, such as 10.0.0.0/16 or fd00:10::/48",
    );
}
