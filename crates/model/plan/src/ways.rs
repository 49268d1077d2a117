//! Where a subnet's packets go: its routes beside the local ones, static before propagated.

use ipnet::IpNet;
use netloom_model::fabric::{Fabric, Gateway, GatewayKind, Name, NextHop, Subnet};
use netloom_model::span::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A route that is in force for a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Destinations.
    pub to: IpNet,
    /// Where packets for them go.
    pub via: NextHop,
    /// Where it comes from.
    pub origin: Origin,
    /// The line that says so.
    pub span: Span,
}

/// Where a route comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A route table.
    Static(Name),
    /// The subnet itself: it is public, or names a NAT gateway.
    Subnet,
    /// A peering that brings its own routes, or a node that leads to a prefix.
    Propagated,
}

/// The ways of a network's subnets: what they have in common is found once.
#[derive(Clone, Debug)]
pub struct Ways<'a> {
    fabric: &'a Fabric,
    propagated: Vec<Way>,
}

impl<'a> Ways<'a> {
    /// Those of a network.
    pub fn of(fabric: &'a Fabric, network: &str) -> Self {
        Self { fabric, propagated: propagated(fabric, network) }
    }

    /// The routes of a subnet of it, each destination once. The network's own prefixes are not among
    /// them: they are local always.
    pub fn of_subnet(&self, subnet: &Subnet) -> Vec<Way> {
        of_subnet_with(self.fabric, subnet, &self.propagated)
    }
}

/// The routes of a subnet, each destination once. The network's own prefixes are not among them:
/// they are local always.
pub fn of_subnet(fabric: &Fabric, subnet: &Subnet) -> Vec<Way> {
    Ways::of(fabric, &subnet.network).of_subnet(subnet)
}

fn of_subnet_with(fabric: &Fabric, subnet: &Subnet, propagated: &[Way]) -> Vec<Way> {
    let mut ways: BTreeMap<IpNet, Way> = BTreeMap::new();
    let mut add = |way: Way| {
        ways.entry(way.to).or_insert(way);
    };
    let table = subnet.route_table.as_ref();
    if let Some((name, table)) = table.and_then(|name| fabric.route_tables.get_key_value(name)) {
        for route in &table.routes {
            let origin = Origin::Static(name.clone());
            add(Way { to: route.to, via: route.via.clone(), origin, span: route.span.clone() });
        }
    }
    if let Some(gateway) = &subnet.nat_gateway {
        let via = NextHop::Gateway(gateway.clone());
        let span = subnet.span.clone();
        add(Way { to: default_route(false), via, origin: Origin::Subnet, span });
    }
    if let (true, Some(gateway)) = (subnet.public, internet_gateway(fabric, &subnet.network)) {
        for ipv6 in [false, true] {
            let via = NextHop::Gateway(gateway.clone());
            let span = subnet.span.clone();
            add(Way { to: default_route(ipv6), via, origin: Origin::Subnet, span });
        }
    }
    propagated.iter().cloned().for_each(add);
    ways.into_values().collect()
}

/// The routes that a network's subnets have without a table.
fn propagated(fabric: &Fabric, network: &str) -> Vec<Way> {
    let mut ways = Vec::new();
    for (name, peering, other) in fabric.peers_of(network) {
        let cidrs = fabric.networks.get(other).into_iter().flat_map(|other| &other.cidrs);
        for cidr in cidrs.filter(|_| peering.has_own_routes) {
            ways.push(Way {
                to: *cidr,
                via: NextHop::Peering(name.clone()),
                origin: Origin::Propagated,
                span: peering.span.clone(),
            });
        }
    }
    for (name, node) in &fabric.nodes {
        let reachable = node.advertise.iter().filter(|one| {
            one.networks.contains(network)
                || one.networks.is_empty() && runs_a_workload(fabric, name, network)
        });
        ways.extend(reachable.map(|one| Way {
            to: one.reached_as(),
            via: NextHop::Node(name.clone()),
            origin: Origin::Propagated,
            span: node.span.clone(),
        }));
    }
    ways
}

/// Whether a node leads to a prefix for a network, and takes part in it.
pub fn leads_to(fabric: &Fabric, node: &str, network: &str, to: IpNet) -> bool {
    let takes_part = || {
        let mut gateways = fabric.gateways_of(network);
        runs_a_workload(fabric, node, network)
            || gateways.any(|(_, gateway)| gateway.nodes.iter().any(|one| one == node))
    };
    let declared = fabric.nodes.get(node).into_iter().flat_map(|node| &node.advertise);
    declared
        .filter(|one| one.reached_as().contains(&to))
        .any(|one| one.networks.contains(network) || one.networks.is_empty() && takes_part())
}

fn runs_a_workload(fabric: &Fabric, node: &str, network: &str) -> bool {
    let mut own = fabric.workloads.values().filter(|workload| workload.node == node);
    own.any(|workload| fabric.network_of(workload) == network)
}

fn internet_gateway<'a>(fabric: &'a Fabric, network: &str) -> Option<&'a Name> {
    let mut of = fabric.gateways.iter().filter(|(_, gateway)| gateway.network == network);
    of.find(|(_, gateway)| gateway.kind == GatewayKind::Internet).map(|(name, _)| name)
}

/// The way of the longest prefix that holds an address.
pub fn longest(ways: &[Way], address: IpAddr) -> Option<&Way> {
    let holding = ways.iter().filter(|way| way.to.contains(&address));
    holding.max_by_key(|way| way.to.prefix_len())
}

/// All addresses of a family.
pub fn default_route(ipv6: bool) -> IpNet {
    let all: IpAddr =
        if ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    IpNet::new_assert(all, 0)
}

/// The nodes by which a network's packets leave it, beside those of its workloads: gateways, and nodes
/// that lead to prefixes for it.
pub fn doors<'a>(fabric: &'a Fabric, network: &'a str) -> BTreeSet<&'a Name> {
    let gateways = fabric.gateways_of(network).flat_map(|(_, gateway)| &gateway.nodes);
    let edges = fabric
        .nodes
        .iter()
        .filter(|(_, node)| node.advertise.iter().any(|one| one.networks.contains(network)));
    gateways.chain(edges.map(|(name, _)| name)).collect()
}

/// Whether a gateway takes packets of a family.
pub fn serves(gateway: &Gateway, ipv6: bool) -> bool {
    match gateway.kind {
        GatewayKind::Nat => !ipv6,
        GatewayKind::Internet => true,
        GatewayKind::EgressOnly => ipv6,
    }
}
