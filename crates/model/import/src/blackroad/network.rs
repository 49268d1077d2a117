//! `regions:` with a VPC and subnets by tier each, or an edge site with its nodes.

use crate::desk::Desk;
use crate::document::At;
use crate::draft::{Network, Node, Subnet};
use crate::scalar;
use ipnet::IpNet;
use std::collections::BTreeSet;

/// Imports the networks of a file.
pub(crate) fn network(desk: &mut Desk, root: At<'_>) {
    for (at, called) in regions(desk, root) {
        if !desk.is_object(at) {
            continue;
        }
        let region = desk.region(called);
        if called == region {
            desk.exact(at, "a region");
        } else {
            desk.approximated(at, format!("a region, called `{region}`: names are DNS labels"));
        }
        let zones = zones(desk, at, &region);
        if let Some(cidr) = at.get("vpc_cidr") {
            vpc(desk, at, cidr, &region, &zones);
        } else if let Some(subnets) = at.get("subnets") {
            desk.refuse_all(subnets, "subnets are part of a network, and there is no `vpc_cidr`");
        }
    }
}

/// Imports the edge sites of a file. Whether a site's prefix can be reached is known when all
/// networks are.
pub(crate) fn sites(desk: &mut Desk, root: At<'_>) {
    for (at, called) in regions(desk, root) {
        if !desk.is_object(at) {
            continue;
        }
        let region = desk.region(called);
        edge(desk, at, &region);
    }
}

/// The regions of a file, each once.
fn regions<'a>(desk: &mut Desk, root: At<'a>) -> Vec<(At<'a>, &'a str)> {
    let all = root.get("regions").map(|all| desk.entries(all)).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let named = all.into_iter().filter_map(|at| Some((at, at.key()?)));
    named.filter(|(_, key)| seen.insert(*key)).collect()
}

fn zones(desk: &mut Desk, at: At<'_>, region: &str) -> Vec<String> {
    let mut zones = Vec::new();
    for item in desk.items_of(at, "availability_zones") {
        let Some(text) = desk.text(item) else { continue };
        let Some(zone) = crate::name::label(text) else {
            desk.refused(item, "no name of a zone");
            continue;
        };
        if let Some(region) = desk.draft.regions.get_mut(region) {
            region.zones.insert(zone.clone());
        }
        desk.approximated(
            item,
            "a zone of the region; which subnet is in which is not said: those of a tier take turns",
        );
        zones.push(zone);
    }
    zones
}

fn vpc(desk: &mut Desk, at: At<'_>, cidr: At<'_>, region: &str, zones: &[String]) {
    let words = format!("the `cidr` of the network `{region}`, which is in this region");
    let mut cidrs = Vec::new();
    desk.network_prefix(cidr, words, &mut cidrs);
    if cidrs.is_empty() {
        if let Some(subnets) = at.get("subnets") {
            desk.refuse_all(subnets, "their network has no `vpc_cidr` that can be read");
        }
        return;
    }
    let name = desk.names.claim("networks", &[region]);
    let made = Network { cidrs, region: Some(region.to_owned()), ..Network::default() };
    desk.draft.networks.insert(name.clone(), made);
    let Some(subnets) = at.get("subnets") else { return };
    let tiers = desk.entries(subnets);
    for tier in tiers {
        self::tier(desk, tier, &name, zones);
    }
}

/// The subnets of a tier, such as `public` or `database`.
fn tier(desk: &mut Desk, at: At<'_>, network: &str, zones: &[String]) {
    let called = at.key().unwrap_or("");
    let public = called == "public";
    let words = if public {
        "these subnets are `public`: the network's internet gateway is their way out and in"
    } else {
        "these subnets are not public; the tier is kept as the tag `tier`"
    };
    desk.exact(at, words);
    let items = desk.items(at);
    for (index, item) in items.into_iter().enumerate() {
        let number = format!("{network}-{called}-{}", index + 1);
        let name = desk.names.claim("subnets", &[&number]);
        let words = format!("the `cidr` of the subnet `{name}`");
        let mut cidrs = Vec::new();
        desk.subnet_prefix(item, words, network, &mut cidrs);
        if cidrs.is_empty() {
            continue;
        }
        let zone = if zones.is_empty() { None } else { zones.get(index % zones.len()).cloned() };
        let mut made =
            Subnet { network: network.to_owned(), cidrs, zone, public, ..Subnet::default() };
        desk.tag(&mut made.tags, "tier", called);
        desk.draft.subnets.insert(name, made);
    }
}

/// An edge site: its local network, and the nodes that stand there.
fn edge(desk: &mut Desk, at: At<'_>, region: &str) {
    let mut local = None;
    let mut advertise = None;
    if let Some(network) = at.get("network") {
        let words = "the region's local prefix, which its first node advertises to the fabric";
        local = desk.prefix(network, words);
        advertise = local;
        if let Some(clash) = local.and_then(|local| taken(desk, local)) {
            let how = format!(
                "the region's local prefix, not advertised: it overlaps {clash}; let the fabric see it \
                 elsewhere, `advertise: [{{ cidr: …, as: FREE_PREFIX }}]`"
            );
            desk.approximated(network, how);
            advertise = None;
        }
    }
    if let (Some(local), Some(region)) = (local, desk.draft.regions.get_mut(region)) {
        region.networks.push(local);
        region.nat = is_private(local);
    }
    if local.is_some_and(is_private) {
        let words = "a site with private addresses is behind a router that translates them";
        desk.added(format!("regions.{region}.nat"), words);
    }
    let Some(nodes) = at.get("nodes") else { return };
    let entries = desk.entries(nodes);
    for entry in entries {
        node(desk, entry, region, local, &mut advertise);
    }
}

fn node(
    desk: &mut Desk,
    at: At<'_>,
    region: &str,
    local: Option<IpNet>,
    advertise: &mut Option<IpNet>,
) {
    let Some(text) = desk.text(at) else { return };
    let Ok(address) = text.parse::<std::net::IpAddr>() else {
        desk.refused(at, format!("`{}` is no address of a node", scalar::short(text)));
        return;
    };
    let name = desk.names.claim("hosts", &[at.key().unwrap_or("")]);
    let inside = local.is_none_or(|local| local.contains(&address));
    let place =
        if inside { "in the region's local prefix" } else { "outside of the region's prefix" };
    desk.approximated(
        at,
        format!(
            "the node `{name}`, with its address in a comment: a node is found where it joins from, \
             and {address} is {place}"
        ),
    );
    let node = Node {
        region: region.to_owned(),
        advertise: advertise.take().into_iter().collect(),
        tags: vec!["edge".to_owned()],
        note: Some(address.to_string()),
        ..Node::default()
    };
    desk.draft.nodes.insert(name, node);
}

/// What a prefix overlaps with that is reached already.
fn taken(desk: &Desk, local: IpNet) -> Option<IpNet> {
    let networks = desk.draft.networks.values().flat_map(|network| &network.cidrs);
    let sites = desk.draft.nodes.values().flat_map(|node| &node.advertise);
    networks.chain(sites).find(|one| one.contains(&local) || local.contains(*one)).copied()
}

/// Whether a prefix is not of the internet (RFC 1918, RFC 4193).
fn is_private(prefix: IpNet) -> bool {
    match prefix {
        IpNet::V4(v4) => v4.addr().is_private(),
        IpNet::V6(v6) => v6.addr().segments()[0] & 0xfe00 == 0xfc00,
    }
}
