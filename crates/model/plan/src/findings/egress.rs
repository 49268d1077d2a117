//! Subnets whose workloads are allowed to call the internet, and that have no way there.

use super::{Words, warning};
use crate::ways::{Way, Ways};
use ipnet::IpNet;
use netloom_model::Diagnostic;
use netloom_model::diagnostic::code;
use netloom_model::fabric::{Attach, Fabric, Name, NextHop, Peer, Subnet, Workload};
use std::collections::{BTreeMap, BTreeSet};

/// Prefixes that are nowhere on the internet (RFC 6890, RFC 5771, RFC 4291 §2.7).
const ELSEWHERE: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    "::/8",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

pub(super) fn find(fabric: &Fabric) -> Vec<Diagnostic> {
    let inside = Inside::of(fabric);
    let mut known: BTreeMap<&BTreeSet<Name>, Wish> = BTreeMap::new();
    let mut callers: BTreeMap<&Name, (&Name, Wish)> = BTreeMap::new();
    for (name, workload) in &fabric.workloads {
        if !leaves_by_its_subnet(&workload.attach) {
            continue;
        }
        let groups = &workload.security_groups;
        let wish = *known.entry(groups).or_insert_with(|| wish(fabric, groups, &inside));
        let first = callers.entry(&workload.subnet).or_insert((name, wish));
        if wish > first.1 {
            *first = (name, wish);
        }
    }
    let with_ways = networks_with_ways(fabric, &inside);
    let with_exits = networks_with_exits(fabric);
    let mut ways: BTreeMap<&Name, Ways<'_>> = BTreeMap::new();
    let mut found = Vec::new();
    for (name, (caller, wish)) in callers {
        let Some(subnet) = fabric.subnets.get(name) else { continue };
        // Where no subnet has a way out, `all` means everyone in the fabric.
        let is_meant = match wish {
            Wish::None => false,
            Wish::Everyone => with_ways.contains(&subnet.network),
            Wish::Internet => true,
        };
        if is_meant
            && !with_exits.contains(&subnet.network)
            && !has_way(&ways_of(&mut ways, fabric, subnet), &inside)
        {
            found.push(tell(fabric, name, subnet, caller));
        }
    }
    found
}

/// How far the groups of a workload let it call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    /// Inside the fabric.
    None,
    /// Everyone, and so the internet too.
    Everyone,
    /// Addresses on the internet by name.
    Internet,
}

/// What is not the internet.
struct Inside {
    prefixes: Vec<IpNet>,
}

impl Inside {
    fn of(fabric: &Fabric) -> Self {
        let special = ELSEWHERE.iter().filter_map(|text| text.parse().ok());
        let networks = fabric.networks.values().flat_map(|network| network.cidrs.iter().copied());
        let nodes = fabric.nodes.values().flat_map(|node| &node.advertise);
        let behind = nodes.flat_map(|one| [one.prefix, one.reached_as()]);
        let stock =
            fabric.workloads.values().flat_map(|workload| workload.advertise.iter().copied());
        let behind = behind.chain(stock.filter(|prefix| prefix.prefix_len() > 0));
        Self { prefixes: special.chain(networks).chain(behind).collect() }
    }

    fn is_internet(&self, prefix: IpNet) -> bool {
        !self.prefixes.iter().any(|inside| inside.contains(&prefix))
    }
}

/// What is on the node's stack, or a host elsewhere, has a way of its own; further interfaces leave the
/// way out to the first one.
fn leaves_by_its_subnet(attach: &Attach) -> bool {
    match attach {
        Attach::Host | Attach::Wireguard(_) | Attach::Interface { .. } => false,
        Attach::Container { .. }
        | Attach::Process { .. }
        | Attach::Netns { .. }
        | Attach::Serve(_) => true,
    }
}

fn wish(fabric: &Fabric, groups: &BTreeSet<Name>, inside: &Inside) -> Wish {
    let groups = groups.iter().filter_map(|name| fabric.security_groups.get(name));
    let of = |peer: &Peer| match peer {
        Peer::All => Wish::Everyone,
        Peer::Cidr(prefix) if prefix.prefix_len() == 0 => Wish::Everyone,
        Peer::Cidr(prefix) if inside.is_internet(*prefix) => Wish::Internet,
        Peer::Cidr(_) | Peer::SecurityGroup(_) => Wish::None,
    };
    groups.flat_map(|group| &group.egress).map(|rule| of(&rule.peer)).max().unwrap_or(Wish::None)
}

/// The routes of a subnet; what those of its network have in common is found once.
fn ways_of<'a>(
    known: &mut BTreeMap<&'a Name, Ways<'a>>,
    fabric: &'a Fabric,
    subnet: &'a Subnet,
) -> Vec<Way> {
    let of = known.entry(&subnet.network).or_insert_with(|| Ways::of(fabric, &subnet.network));
    of.of_subnet(subnet)
}

fn has_way(ways: &[Way], inside: &Inside) -> bool {
    // A blackhole is a decision too: whoever wrote it knows that nothing gets out.
    ways.iter().any(|way| inside.is_internet(way.to) || way.via == NextHop::Blackhole)
}

/// The networks of which a stock peer is the way to everywhere.
fn networks_with_exits(fabric: &Fabric) -> BTreeSet<&Name> {
    let leads_out =
        |workload: &&Workload| workload.advertise.iter().any(|prefix| prefix.prefix_len() == 0);
    let exits = fabric.workloads.values().filter(leads_out);
    exits.map(|workload| fabric.network_of(workload)).collect()
}

fn networks_with_ways<'a>(fabric: &'a Fabric, inside: &Inside) -> BTreeSet<&'a Name> {
    let mut all: BTreeSet<&Name> =
        fabric.gateways.values().map(|gateway| &gateway.network).collect();
    for table in fabric.route_tables.values() {
        if table.routes.iter().any(|route| inside.is_internet(route.to)) {
            all.insert(&table.network);
        }
    }
    all
}

fn tell(fabric: &Fabric, name: &Name, subnet: &Subnet, caller: &Name) -> Diagnostic {
    let mut gateways = fabric.gateways_of(&subnet.network);
    let nat = gateways.find(|(_, one)| one.kind == netloom_model::fabric::GatewayKind::Nat);
    let solution = match (subnet.public, nat) {
        (true, _) => format!(
            "declare an internet gateway: internet_gateways: {{ out: {{ network: {} }} }}",
            subnet.network
        ),
        (false, Some((gateway, _))) => {
            format!("add `nat_gateway: {gateway}` to the subnet, or allow less")
        }
        (false, None) => {
            "add a NAT gateway, a route, or `public: true`; or allow less in the group".to_owned()
        }
    };
    let words = Words {
        message: format!("`{caller}` may call the internet, and `{name}` has no way there"),
        cause: "its groups allow it, but no route of the subnet leads out of the fabric".to_owned(),
        solution,
    };
    warning(code::NO_EGRESS, &subnet.span, words)
}
