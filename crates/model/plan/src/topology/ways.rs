//! The ways out of a network's namespace: to peered networks, and to the node's own stack and beyond.

use super::parts::{
    GATEWAY_V4, GATEWAY_V6, METRIC_WAY, OUTER_GATEWAY_V6, add_outer_neighbours, default_v4,
    default_v6, end, link_mac, network_namespace, stop, uplink_name,
};
use super::policy::has_own_link;
use super::routing::{in_tunnel, rule, table_number, transit};
use super::{Topology, border_of, routing};
use crate::firewall::Door;
use crate::naming::{UPLINK, link_name, peering_link};
use crate::outer_v6;
use crate::ways::{self, Way, Ways};
use ipnet::IpNet;
use netloom_base::hash::fnv1a;
use netloom_model::fabric::{Advertised, Name, NextHop, Subnet};
use netloom_state::Namespace;
use netloom_state::host::{Address, Neighbour, Route, RouteKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// Rules that send a subnet's packets to its own routes are asked after the main table, which has
/// the local ones.
const RULE_PRIORITY: u32 = 33_000;
/// The rule that stops what has no way, last of all.
const STOP_PRIORITY: u32 = 34_000;
/// The table of what has no way.
const STOP_TABLE: u32 = 9_999;
impl<'a> Topology<'a> {
    /// Links, routes and rules by which packets leave a network.
    pub(super) fn ways(&mut self, network: &'a Name) {
        self.peerings(network);
        let subnets = self.routed_subnets(network);
        if self.is_door(network) {
            self.uplink(network);
        }
        let namespace = network_namespace(network);
        let worst = netloom_state::stop_metric(&self.input.fabric.name);
        let table = if subnets.is_empty() { routing::MAIN } else { STOP_TABLE };
        let state = self.in_namespace(&namespace);
        for to in [default_v4(), default_v6()] {
            state.routes.insert(Route { table, ..stop(to, worst) });
        }
        if subnets.is_empty() {
            return;
        }
        for ipv6 in [false, true] {
            let rule = rule(STOP_PRIORITY, ipv6, None, STOP_TABLE);
            self.in_namespace(&namespace).rules.insert(rule);
        }
        let mut numbers: BTreeMap<Vec<(IpNet, NextHop)>, u32> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for (subnet, ways) in subnets {
            let key: Vec<_> = ways.iter().map(|way| (way.to, way.via.clone())).collect();
            let table = match numbers.get(&key) {
                Some(table) => *table,
                None => {
                    let table = table_number(&key, &mut taken);
                    self.subnet_table(network, table, &ways);
                    numbers.insert(key, table);
                    table
                }
            };
            for cidr in &subnet.cidrs {
                let rule = rule(RULE_PRIORITY, cidr.addr().is_ipv6(), Some(*cidr), table);
                self.in_namespace(&namespace).rules.insert(rule);
            }
        }
    }

    /// The subnets whose packets this node routes, with their routes: those of its workloads, those that
    /// leave through it, and those of which its workloads in peered networks are told something.
    fn routed_subnets(&self, network: &str) -> Vec<(&'a Subnet, Vec<Way>)> {
        let fabric = self.input.fabric;
        let local: BTreeSet<&Name> = self
            .input
            .workloads_of(network, self.node)
            .map(|(_, workload)| &workload.subnet)
            .collect();
        let ways = Ways::of(fabric, network);
        let of_network = fabric.subnets.iter().filter(|(_, subnet)| subnet.network == network);
        of_network
            .filter_map(|(name, subnet)| {
                let mut ways = ways.of_subnet(subnet);
                if !local.contains(name) {
                    ways.retain(|way| {
                        self.leaves_here(&way.via) || self.crosses_here(network, &way.via)
                    });
                }
                (!ways.is_empty()).then_some((subnet, ways))
            })
            .collect()
    }

    /// Whether packets leave the network at this node, by their next hop.
    fn leaves_here(&self, via: &NextHop) -> bool {
        let fabric = self.input.fabric;
        let own = |node: &Name| node == self.node;
        match via {
            NextHop::Gateway(name) => {
                fabric.gateways.get(name).is_some_and(|gateway| gateway.nodes.iter().any(own))
            }
            NextHop::Node(node) => own(node),
            NextHop::Workload(name) => {
                fabric.workloads.get(name).is_some_and(|workload| own(&workload.node))
            }
            NextHop::Peering(_) | NextHop::Blackhole => false,
        }
    }

    /// Whether workloads of this node call the network over a peering, and are told of errors here.
    fn crosses_here(&self, network: &str, via: &NextHop) -> bool {
        let NextHop::Peering(name) = via else { return false };
        let peering = self.input.fabric.peerings.get(name).filter(|peering| peering.is_active());
        let other = peering.and_then(|peering| peering.other_than(network));
        other.is_some_and(|other| self.input.workloads_of(other, self.node).next().is_some())
    }

    /// Whether packets of the network leave it at this node for the node's own stack.
    fn is_door(&self, network: &str) -> bool {
        crate::peers::is_door(self.input, self.node, network)
    }

    fn subnet_table(&mut self, network: &str, table: u32, ways: &[Way]) {
        let namespace = network_namespace(network);
        for way in ways {
            let kind = self.route_kind(network, way);
            let metric = METRIC_WAY;
            let route = Route { table, destination: way.to, metric, kind };
            self.in_namespace(&namespace).routes.insert(route);
        }
    }

    fn route_kind(&self, network: &str, way: &Way) -> RouteKind {
        let ipv6 = way.to.addr().is_ipv6();
        let through = |link: String, gateway: IpAddr| RouteKind::Unicast {
            link,
            gateway: Some(gateway),
            source: None,
        };
        let next: IpAddr = if ipv6 { OUTER_GATEWAY_V6.into() } else { GATEWAY_V4.into() };
        let fabric = self.input.fabric;
        let is_here = self.leaves_here(&way.via);
        match &way.via {
            NextHop::Blackhole => RouteKind::Blackhole,
            NextHop::Peering(name) => {
                let peering = fabric.peerings.get(name).filter(|peering| peering.is_active());
                match peering.and_then(|peering| peering.other_than(network)) {
                    Some(other) => through(peering_link(other), next),
                    None => RouteKind::Blackhole,
                }
            }
            NextHop::Gateway(name) => match fabric.gateways.get(name) {
                Some(gateway) if !ways::serves(gateway, ipv6) => RouteKind::Blackhole,
                Some(_) if is_here => through(UPLINK.to_owned(), next),
                Some(_) => in_tunnel(),
                None => RouteKind::Blackhole,
            },
            // A node leads to a prefix for some networks, and perhaps not for this one.
            NextHop::Node(node) if is_here && !ways::leads_to(fabric, node, network, way.to) => {
                RouteKind::Blackhole
            }
            NextHop::Node(_) if is_here => through(UPLINK.to_owned(), next),
            NextHop::Workload(name) if is_here && !self.has_link(name) => RouteKind::Blackhole,
            NextHop::Workload(name) if is_here => {
                let addresses = self.input.addresses(name).iter();
                let mut family = addresses.filter(|address| address.is_ipv6() == ipv6);
                match family.next() {
                    Some(address) => through(link_name("w-", name), *address),
                    None => RouteKind::Blackhole,
                }
            }
            NextHop::Node(_) | NextHop::Workload(_) => in_tunnel(),
        }
    }

    /// Whether a workload of this node has a link to its network now.
    fn has_link(&self, name: &str) -> bool {
        let workload = self.input.fabric.workloads.get(name);
        workload.is_some_and(|workload| {
            has_own_link(workload) && self.namespace_of(name, workload).is_some()
        })
    }

    // === peerings ===

    /// Links to the networks that this one is peered with, as far as this node takes part in both.
    /// Each pair is made once, by the network whose name comes first.
    fn peerings(&mut self, network: &'a Name) {
        let joined = self.input.networks_of(self.node);
        let fabric = self.input.fabric;
        for (_, _, other) in fabric.peers_of(network).filter(|(.., other)| joined.contains(*other))
        {
            let (inside, outside) = (network_namespace(network), network_namespace(other));
            let (own, theirs) = (peering_link(other), peering_link(network));
            if network < other {
                // Larger ones pass in neither of them from end to end; the sender's own network tells it so.
                let mtu_bytes =
                    fabric.networks[network].mtu_bytes.min(fabric.networks[other].mtu_bytes);
                self.veth(&end(&inside, &own), &end(&outside, &theirs), mtu_bytes);
            }
            let mac = link_mac(&theirs, &outside);
            let state = self.in_namespace(&inside);
            add_outer_neighbours(state, &own, mac);
            for link in ["all", own.as_str()] {
                state
                    .sysctls
                    .insert(format!("net/ipv4/conf/{link}/send_redirects"), "0".to_owned());
            }
        }
    }

    // === the node's own stack ===

    /// The link to the node's own stack by which packets leave the fabric, translated to an address
    /// that no other network has there.
    fn uplink(&mut self, network: &'a Name) {
        let namespace = network_namespace(network);
        let link = uplink_name(self.input.fabric_id, network);
        let mtu_bytes = self.input.fabric.networks[network].mtu_bytes;
        self.veth(&end(&namespace, UPLINK), &end(&Namespace::Host, &link), mtu_bytes);
        let transit = IpAddr::from(self.transit_address(network));
        let outer_mac = link_mac(&link, &Namespace::Host);
        let inner_mac = link_mac(UPLINK, &namespace);
        let state = self.in_namespace(&namespace);
        state.addresses.insert(Address { link: UPLINK.into(), address: transit.into() });
        add_outer_neighbours(state, UPLINK, outer_mac);
        let state = self.in_namespace(&Namespace::Host);
        let kind = RouteKind::Unicast { link: link.clone(), gateway: None, source: None };
        let (table, metric) = (routing::MAIN, METRIC_WAY);
        state.routes.insert(Route { table, destination: transit.into(), metric, kind });
        state.neighbours.insert(Neighbour { link, address: transit, mac: inner_mac });
        state.sysctls.insert("net/ipv4/ip_forward".to_owned(), "1".to_owned());
        self.uplink_v6(network);
    }

    /// IPv6 passes as it is: the node's own stack has the way back to the network's prefixes. Where it is
    /// in the network itself, it has that way already.
    fn uplink_v6(&mut self, network: &'a Name) {
        if !outer_v6::passes(self.input, self.node, network) {
            return;
        }
        let link = uplink_name(self.input.fabric_id, network);
        let inner_mac = link_mac(UPLINK, &network_namespace(network));
        let prefixes = outer_v6::prefixes(self.input, self.node, network);
        let state = self.in_namespace(&Namespace::Host);
        state.sysctls.insert("net/ipv6/conf/all/forwarding".to_owned(), "1".to_owned());
        for destination in prefixes {
            let kind = RouteKind::Unicast {
                link: link.clone(),
                gateway: Some(GATEWAY_V6.into()),
                source: None,
            };
            let (table, metric) = (routing::MAIN, METRIC_WAY);
            state.routes.insert(Route { table, destination, metric, kind });
            let (link, address) = (link.clone(), GATEWAY_V6.into());
            state.neighbours.insert(Neighbour { link, address, mac: inner_mac });
        }
    }

    /// What leaves a network at this node, if anything does.
    pub(super) fn door(&self, network: &Name) -> Option<Door> {
        if !self.is_door(network) {
            return None;
        }
        let node = self.input.fabric.nodes.get(self.node)?;
        let applies = |one: &&Advertised| one.networks.is_empty() || one.networks.contains(network);
        let mapped = node.advertise.iter().filter(applies);
        let mapped = mapped.filter_map(|one| Some((one.seen_as?, one.prefix))).collect();
        let published = border_of(self.input, self.node, network).uplink;
        let published = published.into_iter().flat_map(|uplink| uplink.published);
        Some(Door {
            link: uplink_name(self.input.fabric_id, network),
            transit: self.transit_address(network).into(),
            mapped,
            published: published.map(|(protocol, port, ..)| (protocol, port)).collect(),
        })
    }

    /// The address under which a network's packets reach the node's own stack: link-local, and another
    /// one for each network that leaves the fabric at this node.
    fn transit_address(&self, network: &Name) -> Ipv4Addr {
        let mut taken = BTreeSet::new();
        for other in self.input.networks_of(self.node) {
            if !self.is_door(other) {
                continue;
            }
            // Other fabrics of this host have networks of the same names.
            let whole = format!("{:032x}/{other}", self.input.fabric_id);
            let mut number = (fnv1a(whole.as_bytes()) & 0x3fff) as u16;
            while number == 0 || !taken.insert(number) {
                number = (number + 1) & 0x3fff;
            }
            if other == network {
                return transit(number);
            }
        }
        transit(0)
    }
}
