//! What to add to a fabric where a flow has no way or nothing that governs it: groups, routes, peerings, gateways.

use super::change::Change;
use super::steps::{Place, Walk};
use super::{Flow, Owner};
use crate::ways::{self, default_route};
use ipnet::IpNet;
use netloom_model::fabric::{
    GatewayKind, GroupRule, Name, NextHop, Party, Peer, PeeringStatus, Protocol, Quotas, Route,
};
use netloom_policy::Direction;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The longest name that is made up here, so that a number still fits behind it.
const NAME_CHARS_MAX: usize = 50;
/// Where ports begin that are no well-known ones.
const FIRST_FREE_PORT: u16 = 1024;

impl<'a> Walk<'a> {
    /// A group for an end that has none, which lets the flow pass; a node's also what its default does.
    pub(super) fn first_group_of(&self, place: &Place<'a>, direction: Direction) -> Option<Change> {
        let (end, other) = match direction {
            Direction::Egress => (self.source, self.to.address),
            Direction::Ingress => (self.to, self.source.address),
        };
        let to = match end.owner {
            Owner::Workload(name) => Party::Workload(name.clone()),
            Owner::Node(name) => Party::Node(name.clone()),
            Owner::Outside => return None,
        };
        let (mut ingress, mut egress) = (Vec::new(), Vec::new());
        if place.is_node {
            let rule = |protocol| GroupRule { protocol, ..everything(place) };
            ingress.push(rule(Protocol::Icmp));
            egress.push(rule(Protocol::All));
        }
        match direction {
            Direction::Ingress => ingress.push(self.rule_for(other, place.span)),
            Direction::Egress => egress.push(self.rule_for(other, place.span)),
        }
        let name = match &to {
            Party::Workload(name) | Party::Node(name) => name,
            Party::Internet | Party::Address(_) => return None,
        };
        let group = free_name(name, &self.input.fabric.security_groups);
        Some(Change::AddGroup { group, to, ingress, egress, span: place.span.clone() })
    }

    // === into a peered network ===

    /// What brings packets from a place into another network: the peering in force, or a route to it, or
    /// the peering itself. Nothing where the two overlap.
    pub(super) fn open_crossing(
        &self,
        place: &Place<'a>,
        address: IpAddr,
        [own, theirs]: [&Name; 2],
    ) -> Option<Change> {
        let between = self.input.fabric.peerings.iter();
        let between = between.filter(|(_, one)| one.other_than(own) == Some(theirs));
        let Some((name, peering)) = between.min_by_key(|(_, one)| !one.is_active()) else {
            return self.peering(own, theirs);
        };
        let has_way = ways::longest(&self.ways_of(place), address).is_some();
        if !has_way && !peering.is_active() && peering.has_own_routes {
            return Some(Change::ActivatePeering { peering: name.clone() });
        }
        self.route(place, address.into(), NextHop::Peering(name.clone()))
    }

    fn peering(&self, own: &Name, theirs: &Name) -> Option<Change> {
        let fabric = self.input.fabric;
        let cidrs = |name: &Name| fabric.networks.get(name).map(|one| &one.cidrs);
        let (ours, others) = (cidrs(own)?, cidrs(theirs)?);
        let is_there =
            |one: &PeeringStatus| matches!(one, PeeringStatus::Active | PeeringStatus::Pending);
        let count = |name: &Name| {
            let of = fabric.peerings.values().filter(|one| one.other_than(name).is_some());
            of.filter(|one| is_there(&one.status)).count()
        };
        let most = Quotas::LARGEST.peerings_per_network;
        if overlap(ours, others) || count(own) >= most || count(theirs) >= most {
            return None;
        }
        // Its own routes must not take what goes elsewhere by those of another peering.
        let is_led_elsewhere = |name: &Name, to: &[IpNet]| {
            let mut peers = fabric.peers_of(name);
            peers.any(|(.., other)| cidrs(other).is_some_and(|cidrs| overlap(cidrs, to)))
        };
        let has_own_routes = !is_led_elsewhere(own, others) && !is_led_elsewhere(theirs, ours);
        Some(Change::AddPeering {
            peering: free_name(&format!("{own}-{theirs}"), &fabric.peerings),
            networks: [own.clone(), theirs.clone()],
            has_own_routes,
            span: fabric.networks.get(own)?.span.clone(),
        })
    }

    // === to the internet, and from there ===

    /// What lets packets of a place out: a route to a gateway of its network, or the gateway.
    pub(super) fn open_outwards(&self, place: &Place<'a>) -> Option<Change> {
        let network = place.network.filter(|_| !place.on_stack)?;
        let address = self.to.address;
        if self.is_fabrics(address) {
            return None;
        }
        let (kind, ipv6) = match address.is_ipv6() {
            true => (GatewayKind::EgressOnly, true),
            false => (GatewayKind::Nat, false),
        };
        let gateways = self.input.fabric.gateways_of(network);
        let serving = gateways.filter(|(_, one)| ways::serves(one, ipv6) && !one.nodes.is_empty());
        match serving.min_by_key(|(_, one)| one.kind == GatewayKind::Internet) {
            Some((name, _)) => {
                let to = self.destination_outside(place, &self.flow.to, address);
                self.route(place, to, NextHop::Gateway(name.clone()))
            }
            None => self.gateway(network, kind, place.node),
        }
    }

    /// What lets calls from outside in: the internet gateway, or a route for their answers.
    pub(super) fn open_inwards(&self, place: &Place<'a>) -> Option<Change> {
        let network = place.network.filter(|_| !place.on_stack)?;
        let address = self.source.address;
        let is_callable = address.is_ipv6() || self.flow.port.is_some();
        if !is_callable || self.is_fabrics(address) {
            return None;
        }
        let fabric = self.input.fabric;
        let mut gateways = fabric.gateways_of(network);
        match gateways.find(|(_, one)| one.kind == GatewayKind::Internet) {
            Some((name, _)) => {
                let to = self.destination_outside(place, &self.flow.from, address);
                self.route(place, to, NextHop::Gateway(name.clone()))
            }
            None => {
                // Nobody outside can call what is behind a translator.
                let is_visible = |node: &&Name| {
                    fabric.nodes.get(*node).is_some_and(|one| !fabric.regions[&one.region].nat)
                };
                let own = Some(place.node).filter(is_visible);
                let node = own.or_else(|| self.input.nodes_in(network).iter().find(is_visible))?;
                self.gateway(network, GatewayKind::Internet, node)
            }
        }
    }

    /// The port of who is called, published at its network's gateway.
    pub(super) fn publishing(&self, network: &Name) -> Option<Change> {
        let Owner::Workload(name) = self.to.owner else { return None };
        let Flow { protocol: protocol @ (Protocol::Tcp | Protocol::Udp), port: Some(to), .. } =
            *self.flow
        else {
            return None;
        };
        let taken = |port: &u16| {
            let mut all = self.input.workloads_in(network).flat_map(|(_, one)| &one.publish);
            all.any(|one| one.protocol == protocol && one.port == *port)
        };
        let mut ports = std::iter::once(to).chain(FIRST_FREE_PORT..=u16::MAX);
        let port = ports.find(|port| !taken(port))?;
        Some(Change::Publish { workload: name.clone(), protocol, port, to })
    }

    fn gateway(&self, network: &Name, kind: GatewayKind, node: &Name) -> Option<Change> {
        let fabric = self.input.fabric;
        let word = match kind {
            GatewayKind::Nat => "nat",
            GatewayKind::Internet => "internet",
            GatewayKind::EgressOnly => "egress",
        };
        Some(Change::AddGateway {
            gateway: free_name(&format!("{network}-{word}"), &fabric.gateways),
            network: network.clone(),
            kind,
            node: node.clone(),
            span: fabric.networks.get(network)?.span.clone(),
        })
    }

    /// Everywhere, where the internet as such is meant and no other route would win; else that address alone.
    fn destination_outside(&self, place: &Place<'a>, party: &Party, address: IpAddr) -> IpNet {
        let ways = self.ways_of(place);
        let is_led = ways::longest(&ways, address).is_some_and(|way| way.to.prefix_len() > 0);
        match party {
            Party::Internet if !is_led => default_route(address.is_ipv6()),
            _ => address.into(),
        }
    }

    /// A route for a place's subnet: in its table, or in one of its own.
    fn route(&self, place: &Place<'a>, to: IpNet, via: NextHop) -> Option<Change> {
        let fabric = self.input.fabric;
        let (name, subnet) = fabric.subnets.get_key_value(place.subnet?)?;
        let gateway = match &via {
            NextHop::Gateway(name) => fabric.gateways.get(name).map(|gateway| gateway.kind),
            _ => None,
        };
        let route = Route { span: subnet.span.clone(), to, via };
        let table = subnet.route_table.as_ref();
        let Some((table, declared)) =
            table.and_then(|name| fabric.route_tables.get_key_value(name))
        else {
            let table = free_name(name, &fabric.route_tables);
            let (subnet, network) = (name.clone(), subnet.network.clone());
            return Some(Change::AddRouteTable { table, subnet, network, route, gateway });
        };
        let replaced = declared.routes.iter().find(|one| one.to == to);
        let replaces = replaced.map(|one| one.span.clone());
        Some(Change::AddRoute { table: table.clone(), route, gateway, replaces })
    }
}

/// A rule about everybody.
fn everything(place: &Place<'_>) -> GroupRule {
    GroupRule {
        span: place.span.clone(),
        protocol: Protocol::All,
        ports: Vec::new(),
        icmp_types: Vec::new(),
        peer: Peer::All,
    }
}

fn overlap(some: &[IpNet], others: &[IpNet]) -> bool {
    let mut pairs = some.iter().flat_map(|one| others.iter().map(move |other| (one, other)));
    pairs.any(|(one, other)| one.contains(other) || other.contains(one))
}

/// A name that no object of a section has yet.
fn free_name<T>(wanted: &str, taken: &BTreeMap<Name, T>) -> Name {
    let short: String = wanted.chars().take(NAME_CHARS_MAX).collect();
    let short = short.trim_end_matches('-');
    let numbered = (2..).map(|number| format!("{short}-{number}"));
    let mut names = std::iter::once(short.to_owned()).chain(numbered);
    names.find(|name| !taken.contains_key(name)).unwrap_or_default()
}
