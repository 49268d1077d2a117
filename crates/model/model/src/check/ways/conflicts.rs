//! Peerings and gateways that contradict each other, and what is used of another network.

use super::network_of;
use crate::decode::{At, Decoder, routing};
use crate::diagnostic::code;
use crate::fabric::PeeringStatus;
use crate::load::{Declared, Entry};
use crate::span::Span;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Peerings of one network with itself, of one pair twice, and of networks that overlap.
pub(super) fn peerings(declared: &Declared, decoder: &mut Decoder) {
    let mut pairs: BTreeMap<[&str; 2], (&String, &Span)> = BTreeMap::new();
    for (name, entry) in &declared.peerings {
        let peering = &entry.value;
        let [one, other] = peering.networks.as_slice() else {
            if let (true, Some(span)) = (entry.whole, &peering.networks_span) {
                decoder.error(
                    code::CONFLICT,
                    span,
                    format!("the peering `{name}` names {} networks", peering.networks.len()),
                    "a peering is between two; it never leads on to a third",
                    "write `networks: [ONE, OTHER]`, and a peering for each further pair",
                );
            }
            continue;
        };
        if one.value == other.value {
            decoder.error(
                code::CONFLICT,
                &other.span,
                format!("the peering `{name}` is of `{}` with itself", one.value),
                "the subnets of one network reach each other without it",
                "name another network",
            );
            continue;
        }
        if matches!(peering.status, PeeringStatus::Rejected | PeeringStatus::Deleted) {
            continue;
        }
        let mut pair = [one.value.as_str(), other.value.as_str()];
        pair.sort_unstable();
        let first = *pairs.entry(pair).or_insert((name, &entry.span));
        if first.0 != name {
            decoder.error(
                code::DUPLICATE,
                &entry.span,
                format!("`{name}` peers the networks of `{}` again", first.0),
                format!("two networks have one peering; the other is at {}", first.1),
                "remove one of the two, or give one the status `deleted`",
            );
        }
        overlap(declared, name, one, other, decoder);
    }
}

fn overlap(
    declared: &Declared,
    name: &str,
    one: &At<String>,
    other: &At<String>,
    decoder: &mut Decoder,
) {
    let cidrs = |name: &str| {
        let network = declared.networks.get(name);
        network.into_iter().flat_map(|network| &network.value.cidrs)
    };
    for prefix in cidrs(&one.value) {
        let clash = cidrs(&other.value).find(|theirs| overlaps(prefix.value, theirs.value));
        if let Some(theirs) = clash {
            decoder.error(
                code::OVERLAP,
                &other.span,
                format!(
                    "`{name}` peers {} of `{}` with {} of `{}`",
                    prefix.value, one.value, theirs.value, other.value
                ),
                "an address in both would be local on each side, and never reach the other",
                "give one of the networks other prefixes; as long as they overlap they stay apart",
            );
            return;
        }
    }
}

pub(super) fn overlaps(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Gateways on no node, two of a name, and two of a kind in a network.
pub(super) fn gateways(declared: &Declared, decoder: &mut Decoder) {
    for (name, entry) in &declared.internet_gateways {
        if let Some(other) = declared.nat_gateways.get(name) {
            decoder.error(
                code::DUPLICATE,
                &entry.span,
                format!("`{name}` is a NAT gateway and an internet gateway"),
                format!("explanations name both kinds; the other is at {}", other.span),
                "rename one of the two",
            );
        }
    }
    let mut only: BTreeMap<(&str, bool), (&String, &Span)> = BTreeMap::new();
    for (name, entry) in &declared.internet_gateways {
        let Some(network) = &entry.value.network else { continue };
        let key = (network.value.as_str(), entry.value.egress_only);
        let first = *only.entry(key).or_insert((name, &entry.span));
        if first.0 != name {
            decoder.error(
                code::CONFLICT,
                &entry.span,
                format!("`{name}` is the second internet gateway of `{}`", network.value),
                format!("a network has one of each kind; the first is at {}", first.1),
                "put the nodes of both into one gateway: the first node that is alive is used",
            );
        }
    }
    let all = declared.nat_gateways.iter().chain(&declared.internet_gateways);
    for (name, entry) in all.filter(|(_, entry)| entry.whole) {
        no_node(declared, name, entry, decoder);
    }
}

fn no_node(
    declared: &Declared,
    name: &str,
    entry: &Entry<routing::Gateway>,
    decoder: &mut Decoder,
) {
    let whole = declared.nodes.values().all(|node| node.whole);
    if !super::gateway_nodes(declared, &entry.value).is_empty()
        || declared.broken.contains("nodes")
        || !whole
    {
        return;
    }
    decoder.error(
        code::NO_GATEWAY,
        &entry.span,
        format!("the gateway `{name}` is on no node"),
        "a gateway is one or several nodes that forward to the internet, and none has the role",
        "name them with `nodes: [NODE]`, or give nodes `roles: [gateway]`",
    );
}

/// Subnets and networks that use what belongs to another network.
pub(super) fn associations(declared: &Declared, decoder: &mut Decoder) {
    for (name, network) in &declared.networks {
        let network = &network.value;
        belongs_table(declared, name, network.route_table.as_ref(), decoder);
        belongs_acl(declared, name, network.network_acl.as_ref(), decoder);
    }
    for (name, entry) in &declared.subnets {
        let Some(network) = &entry.value.network else { continue };
        belongs_table(declared, &network.value, entry.value.route_table.as_ref(), decoder);
        belongs_acl(declared, &network.value, entry.value.network_acl.as_ref(), decoder);
        let Some(gateway) = &entry.value.nat_gateway else { continue };
        let of = network_of(&declared.nat_gateways, gateway, |one| &one.network);
        belongs(of, &network.value, gateway, "NAT gateway", decoder);
        if entry.value.public {
            decoder.error(
                code::CONFLICT,
                &gateway.span,
                format!("the public subnet `{name}` has a NAT gateway"),
                "a public subnet reaches the internet by the internet gateway, and could go one way only",
                "remove `nat_gateway`, or `public: true`",
            );
        }
    }
}

fn belongs_table(
    declared: &Declared,
    network: &str,
    table: Option<&At<String>>,
    decoder: &mut Decoder,
) {
    if let Some(table) = table {
        let of = network_of(&declared.route_tables, table, |one| &one.network);
        belongs(of, network, table, "route table", decoder);
    }
}

fn belongs_acl(
    declared: &Declared,
    network: &str,
    acl: Option<&At<String>>,
    decoder: &mut Decoder,
) {
    if let Some(acl) = acl {
        let of = network_of(&declared.network_acls, acl, |one| &one.network);
        belongs(of, network, acl, "network ACL", decoder);
    }
}

/// Reports an object of another network than the one in question.
pub(super) fn belongs(
    of: Option<&str>,
    network: &str,
    name: &At<String>,
    what: &str,
    decoder: &mut Decoder,
) {
    let Some(of) = of.filter(|of| *of != network) else { return };
    decoder.error(
        code::OTHER_NETWORK,
        &name.span,
        format!("the {what} `{}` belongs to the network `{of}`", name.value),
        format!("here one of `{network}` is needed"),
        format!("name one of `{network}`, or declare it there"),
    );
}
