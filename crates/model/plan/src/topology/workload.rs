//! A workload on a node: its namespace, its addresses, and its way out.

use super::Topology;
use super::parts::{
    GATEWAY_V6, METRIC_FURTHER, METRIC_WAY, default_v4, default_v6, end, host_link_name, link_mac,
    loopback, network_namespace, stop, way,
};
use crate::WorkloadPlan;
use crate::input::Attachment;
use crate::naming::{WORKLOAD_LINK, link_name};
use crate::ways;
use ipnet::IpNet;
use netloom_base::hash::fnv1a;
use netloom_model::fabric::{Attach, Name, Subnet, Workload};
use netloom_state::Namespace;
use netloom_state::host::{Neighbour, Route, Rule};
use std::net::IpAddr;

/// What a further interface sends from its own address goes by a table of its own, asked before the
/// main one.
const INTERFACE_PRIORITY: u32 = 30_000;
const INTERFACE_TABLE_FIRST: u32 = 2_000_000;
const INTERFACE_TABLES: u64 = 1 << 20;

/// A workload's link, and who is at its other end.
struct WayIn {
    link: String,
    gateway_mac: [u8; 6],
}

impl<'a> Topology<'a> {
    pub(super) fn workload(
        &mut self,
        name: &'a Name,
        workload: &'a Workload,
        namespace: &Namespace,
    ) -> WorkloadPlan {
        let network = self.input.fabric.network_of(workload);
        let inside = network_namespace(network);
        let addresses = self.input.addresses(name).to_vec();
        if !workload.is_host() {
            let inner = link_name("w-", name);
            let outer = self.link_inside(name, workload, namespace);
            let mtu_bytes = self.input.fabric.networks[network].mtu_bytes;
            self.veth(&end(&inside, &inner), &end(namespace, &outer), mtu_bytes);
            self.attach(&inside, &inner, namespace, &outer, &addresses);
            let way_in = WayIn { link: outer, gateway_mac: link_mac(&inner, &inside) };
            match &workload.attach {
                Attach::Interface { .. } => {
                    self.further_ways(namespace, name, workload, &addresses, &way_in);
                }
                _ => self.ways_out(namespace, (name, workload), &addresses, &way_in),
            }
        }
        WorkloadPlan {
            network: network.clone(),
            namespace: namespace.clone(),
            addresses,
            attach: workload.attach.clone(),
            resolv_conf: self.resolv_conf(workload),
        }
    }

    /// Where a workload is, if it is anywhere.
    pub(super) fn namespace_of(&self, name: &str, workload: &Workload) -> Option<Namespace> {
        match self.input.attachments.get(name) {
            Some(Attachment::At(namespace)) => return Some(namespace.clone()),
            Some(Attachment::Absent) => return None,
            None => {}
        }
        Some(match &workload.attach {
            Attach::Host => Namespace::Host,
            Attach::Netns { path } => Namespace::Path(path.clone()),
            Attach::Container { .. } | Attach::Process { .. } | Attach::Serve(_) => {
                Namespace::Own(format!("workload-{name}"))
            }
            Attach::Interface { of } => {
                let main = self.input.fabric.workloads.get(of)?;
                return self.namespace_of(of, main);
            }
            // It is elsewhere; its packets come out of the tunnel.
            Attach::Wireguard(_) => network_namespace(self.input.fabric.network_of(workload)),
        })
    }

    /// Who calls a workload that is not there is told so at once.
    pub(super) fn stop_absent(&mut self, name: &str, workload: &Workload) {
        let namespace = network_namespace(self.input.fabric.network_of(workload));
        let worst = netloom_state::stop_metric(&self.input.fabric.name);
        for address in self.input.addresses(name) {
            let state = self.in_namespace(&namespace);
            state.routes.insert(stop((*address).into(), worst));
        }
    }

    /// A workload's ways to the network's side of its link: all of them in a namespace of ours;
    /// in one of others, which has its own, those to the network.
    fn ways_out(
        &mut self,
        namespace: &Namespace,
        (name, workload): (&Name, &Workload),
        addresses: &[IpAddr],
        way_in: &WayIn,
    ) {
        let subnet = &self.input.fabric.subnets[&workload.subnet];
        let gateways: Vec<IpAddr> = subnet
            .cidrs
            .iter()
            .filter(|cidr| addresses.iter().any(|address| cidr.contains(address)))
            .map(|cidr| {
                if cidr.addr().is_ipv6() {
                    GATEWAY_V6.into()
                } else {
                    subnet.reserved.gateway(*cidr)
                }
            })
            .collect();
        let destinations = match namespace {
            Namespace::Path(_) => self.reached_from(subnet),
            // What both this and a further interface reach goes by this one.
            Namespace::Own(_) if self.has_interfaces(name) => {
                [default_v4(), default_v6()].into_iter().chain(self.reached_from(subnet)).collect()
            }
            Namespace::Host | Namespace::Own(_) => vec![default_v4(), default_v6()],
        };
        let state = self.in_namespace(namespace);
        for gateway in gateways {
            for to in destinations.iter().filter(|to| to.addr().is_ipv6() == gateway.is_ipv6()) {
                state.routes.insert(way(*to, METRIC_WAY, &way_in.link, Some(gateway), None));
            }
            let (link, mac) = (way_in.link.clone(), way_in.gateway_mac);
            state.neighbours.insert(Neighbour { link, address: gateway, mac });
        }
        if let Namespace::Own(_) = namespace {
            state.links.insert("lo".to_owned(), loopback());
            for (key, value) in
                [("ipv4/ping_group_range", "0\t0"), ("ipv4/ip_unprivileged_port_start", "0")]
            {
                state.sysctls.insert(format!("net/{key}"), value.to_owned());
            }
        }
    }

    /// The name of a workload's link in its own namespace.
    fn link_inside(&self, name: &str, workload: &Workload, namespace: &Namespace) -> String {
        let fabric = self.input.fabric;
        match (&workload.attach, namespace) {
            // Others have their own `eth0` there, and a network may be joined twice.
            (Attach::Interface { .. }, Namespace::Path(_)) => {
                link_name(&format!("i{:04x}-", self.input.fabric_id >> 112), name)
            }
            (Attach::Interface { of }, _) => {
                let own = name.strip_prefix(of.as_str()).unwrap_or(name);
                link_name("if-", own.trim_start_matches('-'))
            }
            (_, Namespace::Path(_)) => {
                host_link_name(self.input.fabric_id, fabric.network_of(workload))
            }
            (_, Namespace::Host | Namespace::Own(_)) => WORKLOAD_LINK.to_owned(),
        }
    }

    fn has_interfaces(&self, name: &Name) -> bool {
        self.input.fabric.interfaces_of(name).next().is_some()
    }

    /// The interfaces of its workload that come before a further one: the first, and those whose
    /// names do. What they reach, it is not asked for.
    fn interfaces_before(&self, name: &str, workload: &'a Workload) -> Vec<&'a Workload> {
        let Attach::Interface { of } = &workload.attach else { return Vec::new() };
        let fabric = self.input.fabric;
        let before = fabric.interfaces_of(of).take_while(|(other, _)| other.as_str() < name);
        fabric.workloads.get(of).into_iter().chain(before.map(|(_, one)| one)).collect()
    }

    /// What a workload in a namespace of others reaches through its link: the network, and all to which
    /// its subnet has routes, but the internet, to which it has a way of its own.
    fn reached_from(&self, subnet: &Subnet) -> Vec<IpNet> {
        let cidrs = &self.input.fabric.networks[&subnet.network].cidrs;
        let ways = ways::of_subnet(self.input.fabric, subnet);
        let ways = ways.into_iter().map(|way| way.to).filter(|to| to.prefix_len() > 0);
        let behind = self.behind_peers(&subnet.network);
        cidrs.iter().copied().chain([self.node_prefix()]).chain(behind).chain(ways).collect()
    }

    /// The same of families that an interface there has an address of.
    fn taken_by(&self, subnet: &'a Subnet) -> impl Iterator<Item = IpNet> + use<'a> {
        let has = |to: &IpNet| {
            subnet.cidrs.iter().any(|cidr| cidr.addr().is_ipv6() == to.addr().is_ipv6())
        };
        self.reached_from(subnet).into_iter().filter(has)
    }

    /// The ways through a further interface: to its own network and where its subnet has routes to, and
    /// everywhere for what is sent from its own address.
    fn further_ways(
        &mut self,
        namespace: &Namespace,
        name: &str,
        workload: &'a Workload,
        addresses: &[IpAddr],
        way_in: &WayIn,
    ) {
        let subnet = &self.input.fabric.subnets[&workload.subnet];
        let before = self.interfaces_before(name, workload);
        let subnets = before.iter().map(|one| &self.input.fabric.subnets[&one.subnet]);
        let taken: Vec<IpNet> = subnets.flat_map(|subnet| self.taken_by(subnet)).collect();
        let mut destinations = self.reached_from(subnet);
        destinations.retain(|to| !taken.iter().any(|other| other.contains(to)));
        let table = INTERFACE_TABLE_FIRST + (fnv1a(name.as_bytes()) % INTERFACE_TABLES) as u32;
        let state = self.in_namespace(namespace);
        for address in addresses {
            let ipv6 = address.is_ipv6();
            let mut cidrs = subnet.cidrs.iter().filter(|cidr| cidr.contains(address));
            let Some(cidr) = cidrs.next() else { continue };
            let gateway = if ipv6 { GATEWAY_V6.into() } else { subnet.reserved.gateway(*cidr) };
            let (link, mac) = (way_in.link.clone(), way_in.gateway_mac);
            state.neighbours.insert(Neighbour { link: link.clone(), address: gateway, mac });
            let by = |to: IpNet, metric| way(to, metric, &link, Some(gateway), Some(*address));
            let family = destinations.iter().filter(|to| to.addr().is_ipv6() == ipv6);
            // What the first interface reaches too, it reaches by that one.
            state.routes.extend(family.map(|to| by(*to, METRIC_FURTHER)));
            let all = if ipv6 { default_v6() } else { default_v4() };
            state.routes.insert(Route { table, ..by(all, METRIC_WAY) });
            let (priority, from) = (INTERFACE_PRIORITY, Some(IpNet::from(*address)));
            state.rules.insert(Rule { priority, ipv6, from, to: None, incoming: None, table });
        }
    }

    fn resolv_conf(&self, workload: &Workload) -> String {
        let subnet = &self.input.fabric.subnets[&workload.subnet];
        let domain = &self.input.fabric.networks[&subnet.network].domain;
        let servers = subnet.cidrs.iter().map(|cidr| subnet.reserved.resolver(*cidr));
        let lines: String = servers.map(|server| format!("nameserver {server}\n")).collect();
        format!("{lines}search {domain}\noptions ndots:4 timeout:1 attempts:2\n")
    }
}
