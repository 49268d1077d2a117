//! `networks:` of a file of Compose.

use super::{Net, Nets};
use crate::desk::Desk;
use crate::document::At;
use crate::draft::{Gateway, Group, Match, Network, Rule, Side, Subnet};
use crate::scalar::{self, truth};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr};

const ENGINES: &str =
    "an option of the container engine's driver; tunnels, policy and routes are Netloom's";
/// How many prefixes there are for networks without one: 172.28.0.0/24 to 172.31.255.0/24.
const FREE_MAX: u16 = 4 << 8;
const REFUSED: [(&str, &str); 1] =
    [("name", "the name that the container engine gives; here it has the one of its key")];

/// All networks of the file.
pub(super) fn networks(desk: &mut Desk, root: At<'_>) -> Nets {
    let mut nets = Nets::new();
    let Some(all) = root.get("networks") else { return nets };
    for at in desk.entries(all) {
        let Some(key) = at.key().filter(|key| !nets.contains_key(*key)) else { continue };
        if let Some(net) = network(desk, at, key) {
            nets.insert(key.to_owned(), net);
        }
    }
    nets
}

fn network(desk: &mut Desk, at: At<'_>, key: &str) -> Option<Net> {
    if !desk.is_object(at) {
        return None;
    }
    let mut cidrs = Vec::new();
    if let Some(ipam) = at.get("ipam") {
        self::ipam(desk, ipam, &mut cidrs);
    }
    desk.refuse_keys(at, &REFUSED);
    for option in at.get("driver_opts").map(|all| desk.entries(all)).unwrap_or_default() {
        match super::bolt::option(option.key().unwrap_or(""), option.text()) {
            Some((outcome, words)) => desk.ledger.mark_all(option, outcome, words.into()),
            None => desk.refuse_all(option, ENGINES),
        }
    }
    if let Some(driver) = at.get("driver") {
        desk.approximated(
            driver,
            "no bridge and no driver: the node's agent attaches containers itself",
        );
    }
    let is_internal = at.text_of("internal").and_then(truth) == Some(true);
    if let Some(internal) = at.get("internal") {
        let words = if is_internal { "no way to the internet" } else { "a way to the internet" };
        desk.exact(internal, words);
    }
    for key in ["enable_ipv6", "enable_ipv4", "attachable"] {
        if let Some(value) = at.get(key) {
            let how =
                "families are those of the prefixes, and workloads can be attached at any time";
            desk.approximated(value, how);
        }
    }
    if let Some(external) = at.get("external") {
        let how = "made elsewhere, so nothing of it is known: it is a network of its own here";
        desk.approximate_all(external, how);
    }
    let net = make(desk, key, cidrs, !is_internal)?;
    if let Some(labels) = at.get("labels") {
        let tags = super::services::labels(desk, labels, "a tag of the network");
        if let Some(network) = desk.draft.networks.get_mut(&net.name) {
            network.tags = tags;
        }
    }
    let words = format!("the network `{}`", net.name);
    if net.name == key {
        desk.exact(at, words)
    } else {
        desk.approximated(at, words)
    }
    Some(net)
}

/// A network with one subnet, its way to the internet, and the group of its workloads.
pub(super) fn make(
    desk: &mut Desk,
    key: &str,
    mut cidrs: Vec<IpNet>,
    is_open: bool,
) -> Option<Net> {
    let name = desk.names.claim("networks", &[key]);
    if cidrs.is_empty() {
        let free = free(desk)?;
        desk.added(
            format!("networks.{name}.cidr"),
            format!("{free}: the container engine chooses one where a file names none"),
        );
        cidrs.push(free);
    }
    let subnet = desk.names.claim("subnets", &[&name]);
    let group = desk.names.claim("security_groups", &[&name]);
    let nat_gateway = is_open.then(|| desk.names.claim("gateways", &[&format!("{name}-nat")]));
    if let Some(gateway) = &nat_gateway {
        desk.added(
            format!("nat_gateways.{gateway}"),
            "containers reach the internet through their host, translated, unless a network is `internal`",
        );
        let made = Gateway { network: name.clone(), ..Gateway::default() };
        desk.draft.nat_gateways.insert(gateway.clone(), made);
    }
    let made =
        Subnet { network: name.clone(), cidrs: cidrs.clone(), nat_gateway, ..Subnet::default() };
    desk.draft.subnets.insert(subnet.clone(), made);
    let made = Network { cidrs: cidrs.clone(), ..Network::default() };
    desk.draft.networks.insert(name.clone(), made);
    let members = Rule { matched: Match::ALL, side: Side::Group(group.clone()), note: None };
    let egress = if is_open { Side::All } else { Side::Group(group.clone()) };
    let description = format!("containers of the network {name}");
    desk.added(
        format!("security_groups.{group}"),
        "containers of one network reach each other on every port",
    );
    let made = Group {
        description: Some(description),
        ingress: vec![members],
        egress: vec![Rule { matched: Match::ALL, side: egress, note: None }],
        ..Group::default()
    };
    desk.draft.security_groups.insert(group.clone(), made);
    Some(Net { name, subnet, group, cidrs })
}

/// A prefix that no network has yet; each is looked at once.
fn free(desk: &mut Desk) -> Option<IpNet> {
    loop {
        let number = u16::try_from(desk.prefixes_tried).ok().filter(|number| *number < FREE_MAX)?;
        desk.prefixes_tried += 1;
        let [high, low] = number.to_be_bytes();
        let address = Ipv4Addr::new(172, 28 + high, low, 0);
        let free = IpNet::from(Ipv4Net::new(address, 24).ok()?);
        let mut taken = desk.draft.networks.values().flat_map(|network| &network.cidrs);
        if !taken.any(|other| other.contains(&free) || free.contains(other)) {
            return Some(free);
        }
    }
}

fn ipam(desk: &mut Desk, at: At<'_>, cidrs: &mut Vec<IpNet>) {
    desk.entries(at);
    for key in ["driver", "options"] {
        if let Some(value) = at.get(key) {
            desk.refuse_all(value, "addresses are given out by Netloom itself, never one twice");
        }
    }
    for item in desk.items_of(at, "config") {
        desk.entries(item);
        let Some(subnet) = item.get("subnet") else {
            desk.refuse_all(item, "addresses come from a `subnet`, and none stands here");
            continue;
        };
        let prefix = desk.prefix(subnet, "the `cidr` of the network and of its subnet");
        let Some(prefix) = prefix.and_then(|prefix| usable(desk, subnet, prefix)) else { continue };
        if cidrs.iter().any(|other| other.contains(&prefix) || prefix.contains(other)) {
            desk.refused(subnet, "it overlaps with one before it");
            continue;
        }
        cidrs.push(prefix);
        if let Some(gateway) = item.get("gateway") {
            let own = nth(prefix, 1);
            match gateway.text().and_then(|text| text.parse::<IpAddr>().ok()) {
                Some(address) if Some(address) == own => {
                    desk.exact(gateway, "a subnet's second address is its gateway");
                }
                _ => desk.approximated(gateway, "a subnet's gateway is its second address always"),
            }
        }
        let ranges = "addresses are given out from the whole subnet; a workload can ask for one";
        desk.refuse_keys(item, &[("ip_range", ranges), ("aux_addresses", ranges)]);
    }
}

/// A prefix of a length that a subnet can have.
fn usable(desk: &mut Desk, at: At<'_>, prefix: IpNet) -> Option<IpNet> {
    match prefix {
        IpNet::V4(v4) if (8..=29).contains(&v4.prefix_len()) => Some(prefix),
        IpNet::V6(v6) if v6.prefix_len() == 64 => Some(prefix),
        IpNet::V6(v6) if v6.prefix_len() < 64 => {
            let first = IpNet::from(Ipv6Net::new(v6.network(), 64).ok()?);
            desk.approximated(at, format!("{first}: a subnet of IPv6 is a /64"));
            Some(first)
        }
        IpNet::V4(_) | IpNet::V6(_) => {
            desk.refused(at, "a subnet is from /8 to /29, or a /64 of IPv6");
            None
        }
    }
}

/// An address of a prefix by its number.
pub(super) fn nth(prefix: IpNet, number: u8) -> Option<IpAddr> {
    match prefix.network() {
        IpAddr::V4(v4) => Some(Ipv4Addr::from(u32::from(v4).checked_add(number.into())?).into()),
        IpAddr::V6(v6) => {
            Some(std::net::Ipv6Addr::from(u128::from(v6).checked_add(number.into())?).into())
        }
    }
}

/// Whether a subnet keeps an address for itself: its first four, and its last.
pub(super) fn is_reserved(prefix: IpNet, address: IpAddr) -> bool {
    (0..4).any(|number| nth(prefix, number) == Some(address)) || prefix.broadcast() == address
}

/// Words for an address that cannot be asked for.
pub(super) fn no_address(text: &str) -> String {
    format!("`{}` is no address of the network that a workload can have", scalar::short(text))
}
