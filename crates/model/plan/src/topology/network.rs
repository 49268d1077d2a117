//! A network on a node: its namespace, the way to its peers, and its link to the node's own stack.

use super::parts::{
    GATEWAY_V4, GATEWAY_V6, METRIC_WAY, add_neighbours, add_tunnel, end, host_link_name, link_mac,
    loopback, network_namespace, no_automatic_address, prefix, stop, way,
};
use super::{Topology, policy};
use crate::input::PlanInput;
use crate::naming::{HOST_LINK, TUNNEL};
use crate::{NetworkPlan, firewall, names, peers};
use ipnet::{IpNet, Ipv6Net};
use netloom_model::fabric::Name;
use netloom_state::Namespace;
use netloom_state::host::{Address, Link, LinkEnd, LinkKind, Neighbour, Route};
use std::net::{IpAddr, Ipv6Addr};

impl<'a> Topology<'a> {
    pub(super) fn network(&mut self, network: &'a Name, joins_host: bool) -> NetworkPlan {
        let namespace = network_namespace(network);
        let declared = &self.input.fabric.networks[network];
        let (cidrs, mtu_bytes) = (declared.cidrs.clone(), declared.mtu_bytes);
        let worst = netloom_state::stop_metric(&self.input.fabric.name);
        let service_addresses: Vec<(IpAddr, IpAddr)> = self
            .local_subnets(network)
            .iter()
            .flat_map(|subnet| subnet.cidrs.iter().map(|cidr| (*cidr, subnet.reserved)))
            .map(|(cidr, reserved)| (reserved.gateway(cidr), reserved.resolver(cidr)))
            .collect();
        let state = self.in_namespace(&namespace);
        state.links.insert("lo".to_owned(), loopback());
        for address in service_addresses.iter().flat_map(|(gateway, dns)| [gateway, dns]) {
            state.addresses.insert(Address { link: "lo".into(), address: IpNet::from(*address) });
        }
        add_tunnel(state, mtu_bytes);
        for cidr in cidrs.into_iter().chain([self.node_prefix()]) {
            let state = self.in_namespace(&namespace);
            state.routes.insert(way(cidr, METRIC_WAY, TUNNEL, None, None));
            state.routes.insert(stop(cidr, worst));
        }
        for prefix in self.behind_peers(network) {
            let state = self.in_namespace(&namespace);
            state.routes.insert(way(prefix, METRIC_WAY, TUNNEL, None, None));
        }
        self.ways(network);
        let state = self.in_namespace(&namespace);
        for (key, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/forwarding", "1"),
            ("ipv4/conf/all/rp_filter", "0"),
        ] {
            state.sysctls.insert(format!("net/{key}"), value.to_owned());
        }
        let stock_peers = peers::stock_peers(self.input, self.node, network);
        if !stock_peers.is_empty() {
            // Packets to and from a stock peer come and go by the same link, which is no detour.
            let state = self.in_namespace(&namespace);
            for link in ["all", TUNNEL] {
                let switch = format!("net/ipv4/conf/{link}/send_redirects");
                state.sysctls.insert(switch, "0".to_owned());
            }
        }
        if joins_host {
            self.join_host(network, &namespace);
        }
        let (locals, policy) = policy::policy_of(self.input, self.node, network);
        let border = policy::border_of(self.input, self.node, network);
        let table = firewall::table(TUNNEL, &locals, &border, &policy);
        self.in_namespace(&namespace).tables.insert(firewall::TABLE.to_owned(), table);
        NetworkPlan {
            tunnel: end(&namespace, TUNNEL),
            mtu_bytes,
            key_rotation: self.input.fabric.networks[network].key_rotation,
            namespace,
            peers: peers::peers(self.input, self.node, network),
            stock_peers,
            exits: peers::exits(self.input, self.node, network),
            resolver_addresses: service_addresses.iter().map(|(_, dns)| *dns).collect(),
            names: names::names(self.input, network),
            views: names::views(self.input, self.node, network),
            policy,
            uplink: border.uplink,
        }
    }

    /// What is behind the stock peers of a network, on whatever node they are.
    pub(super) fn behind_peers(&self, network: &str) -> Vec<IpNet> {
        let workloads = self.input.workloads_in(network);
        workloads.flat_map(|(_, workload)| workload.advertise.iter().copied()).collect()
    }

    /// The same, without what the node's stack reaches through another network already: one stack has
    /// one way to each prefix.
    fn behind_peers_for_host(&mut self, network: &str) -> Vec<IpNet> {
        let mut behind = self.behind_peers(network);
        let joined = self.input.stack_networks_of(self.node).iter();
        let cidrs: Vec<IpNet> = joined
            .flat_map(|name| self.input.fabric.networks[name].cidrs.iter().copied())
            .collect();
        let routes = &self.in_namespace(&Namespace::Host).routes;
        behind.retain(|prefix| {
            let has_way = |route: &Route| route.destination == *prefix;
            !cidrs.contains(prefix) && !routes.iter().any(has_way)
        });
        behind
    }

    pub(super) fn node_prefix(&self) -> IpNet {
        node_prefix(self.input, self.node)
    }

    /// Links the node's own stack to a network.
    pub(super) fn join_host(&mut self, network: &Name, namespace: &Namespace) {
        let link = host_link_name(self.input.fabric_id, network);
        let mtu_bytes = self.input.fabric.networks[network].mtu_bytes;
        self.veth(&end(namespace, HOST_LINK), &end(&Namespace::Host, &link), mtu_bytes);
        let own = IpAddr::from(self.input.node_address(self.node));
        let mut addresses = vec![own];
        for (name, workload) in self.local_workloads(network) {
            if workload.is_host() {
                addresses.extend_from_slice(self.input.addresses(name));
            }
        }
        self.attach(namespace, HOST_LINK, &Namespace::Host, &link, &addresses);
        // A workload of the host speaks with its own address, the node itself with the node's.
        let v4_source = addresses.iter().copied().find(IpAddr::is_ipv4);
        let v6_source = addresses[1..].iter().copied().find(IpAddr::is_ipv6).unwrap_or(own);
        let mut prefixes = self.input.fabric.networks[network].cidrs.clone();
        if addresses.len() > 1 {
            // The host is in the network by what it runs there, and reaches what peers lead to.
            prefixes.extend(self.behind_peers_for_host(network));
        }
        let other_nodes = self.nodes_first_met_in(network);
        let worst = netloom_state::stop_metric(&self.input.fabric.name);
        let behind = if addresses.len() > 1 { self.behind_peers(network) } else { Vec::new() };
        let state = self.in_namespace(&Namespace::Host);
        state.routes.extend(behind.into_iter().map(|prefix| stop(prefix, worst)));
        for cidr in prefixes {
            let via = match cidr {
                IpNet::V4(_) => v4_source.map(|source| (IpAddr::from(GATEWAY_V4), source)),
                IpNet::V6(_) => Some((IpAddr::from(GATEWAY_V6), v6_source)),
            };
            if let Some((gateway, source)) = via {
                state.routes.insert(way(cidr, METRIC_WAY, &link, Some(gateway), Some(source)));
            }
        }
        for node in other_nodes {
            let to = IpNet::from(IpAddr::from(node));
            state.routes.insert(way(to, METRIC_WAY, &link, Some(GATEWAY_V6.into()), Some(own)));
        }
        add_neighbours(state, &link, v4_source.is_some(), link_mac(HOST_LINK, namespace));
    }

    /// Other nodes whose first network in common with this one is `network`.
    fn nodes_first_met_in(&self, network: &Name) -> Vec<Ipv6Addr> {
        let own = self.input.stack_networks_of(self.node);
        let others = self.input.stacks_in(network).iter().filter(|other| *other != self.node);
        others
            .filter(|other| {
                let theirs = self.input.stack_networks_of(other);
                own.intersection(theirs).next().is_some_and(|first| first == network)
            })
            .map(|other| self.input.node_address(other))
            .collect()
    }

    /// A veth pair between a network's namespace and another one.
    pub(super) fn veth(&mut self, inner: &LinkEnd, outer: &LinkEnd, mtu_bytes: u32) {
        for (this, other) in [(inner, outer), (outer, inner)] {
            let link = Link {
                kind: LinkKind::Veth { peer: other.clone() },
                mtu_bytes,
                mac: Some(link_mac(&this.link, &this.namespace)),
                up: true,
            };
            let state = self.in_namespace(&this.namespace);
            state.links.insert(this.link.clone(), link);
            state.sysctls.insert(no_automatic_address(&this.link), "1".to_owned());
            if let Namespace::Path(_) = this.namespace {
                // Container engines switch IPv6 off for links that are made there.
                let switch = format!("net/ipv6/conf/{}/disable_ipv6", this.link);
                state.sysctls.insert(switch, "0".to_owned());
            }
        }
        let gateway = Address { link: inner.link.clone(), address: prefix(GATEWAY_V6.into(), 64) };
        self.in_namespace(&inner.namespace).addresses.insert(gateway);
    }

    /// Gives `addresses` to the outer end of a veth pair, and the network's side the way there.
    pub(super) fn attach(
        &mut self,
        network: &Namespace,
        inner: &str,
        outside: &Namespace,
        outer: &str,
        addresses: &[IpAddr],
    ) {
        let mac = link_mac(outer, outside);
        for address in addresses {
            let state = self.in_namespace(outside);
            state.addresses.insert(Address { link: outer.into(), address: (*address).into() });
            let state = self.in_namespace(network);
            state.routes.insert(way((*address).into(), METRIC_WAY, inner, None, None));
            state.neighbours.insert(Neighbour { link: inner.into(), address: *address, mac });
        }
    }
}

/// The prefix of all nodes' addresses.
pub(super) fn node_prefix(input: &PlanInput<'_>, node: &str) -> IpNet {
    // A length of 64 is valid for every IPv6 address.
    Ipv6Net::new_assert(input.node_address(node), 64).trunc().into()
}
