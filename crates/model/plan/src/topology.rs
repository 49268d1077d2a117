//! The host state of one node: its namespaces, the links between them, and the ways through them.

use crate::firewall::{self, CompiledPolicy, Local, Policies};
use crate::input::PlanInput;
use crate::naming::{HOST_LINK, TUNNEL, WORKLOAD_LINK, identity_hint, link_name, mac};
use crate::{NetworkPlan, NodePlan, TUNNEL_MTU_BYTES, WorkloadPlan, names, peers};
use ipnet::{IpNet, Ipv6Net};
use netloom_model::fabric::{Attach, Name, Subnet, Workload};
use netloom_model::lease;
use netloom_policy::allowance::{self, Allowance, Direction};
use netloom_policy::table::Members;
use netloom_policy::{IntervalSet, Selector};
use netloom_state::host::{Address, Link, LinkEnd, LinkKind, Neighbour, Route, RouteKind};
use netloom_state::{HostState, Namespace, NamespaceState};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The main routing table.
const MAIN: u32 = 254;
/// Metric of ways that are used.
const METRIC_WAY: u32 = 100;
/// The next hop of every routed veth, on the network's side. Entries for it are fixed.
const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// The same for IPv4 on the node's own stack, which has no subnet.
const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 1);

/// Plans one node.
pub(crate) struct Topology<'a> {
    input: &'a PlanInput<'a>,
    node: &'a str,
    host: HostState,
}

impl<'a> Topology<'a> {
    pub(crate) fn new(input: &'a PlanInput<'a>, node: &'a str) -> Self {
        Self { input, node, host: HostState::default() }
    }

    pub(crate) fn plan(mut self) -> NodePlan {
        let mut plan = NodePlan::default();
        let mut on_host: Vec<IpNet> = Vec::new();
        for network in self.input.networks_of(self.node) {
            let hosts_it = self.joins_host(network, &mut on_host);
            plan.networks.insert(network.clone(), self.network(network, hosts_it));
        }
        let (fabric, node) = (self.input.fabric, self.node);
        for (name, workload) in fabric.workloads.iter().filter(|(_, w)| w.node == node) {
            plan.workloads.insert(name.clone(), self.workload(name, workload));
        }
        self.stop_on_host();
        plan.host = self.host;
        plan
    }

    /// No prefix of the fabric is ever looked for on the ground: on the node's own stack all of
    /// them end here, also those of networks that the node takes no part in.
    fn stop_on_host(&mut self) {
        let networks = self.input.fabric.networks.values();
        let mut prefixes: Vec<IpNet> = networks.flat_map(|network| network.cidrs.clone()).collect();
        prefixes.push(self.node_prefix());
        let worst = netloom_state::stop_metric(&self.input.fabric.name);
        let state = self.in_namespace(&Namespace::Host);
        state.routes.extend(prefixes.into_iter().map(|prefix| stop(prefix, worst)));
    }

    fn in_namespace(&mut self, namespace: &Namespace) -> &mut NamespaceState {
        self.host.namespaces.entry(namespace.clone()).or_default()
    }

    /// Whether the node's own stack takes part in a network: always, but not where its prefixes
    /// overlap with those of a network that the stack is in already.
    fn joins_host(&self, network: &str, on_host: &mut Vec<IpNet>) -> bool {
        let cidrs = &self.input.fabric.networks[network].cidrs;
        let clash = cidrs
            .iter()
            .any(|cidr| on_host.iter().any(|other| cidr.contains(other) || other.contains(cidr)));
        if !clash {
            on_host.extend(cidrs);
        }
        !clash
    }

    fn local_workloads(&self, network: &'a str) -> Vec<(&'a Name, &'a Workload)> {
        let fabric = self.input.fabric;
        let here = fabric.workloads.iter().filter(|(_, workload)| workload.node == self.node);
        here.filter(|(_, workload)| fabric.network_of(workload) == network).collect()
    }

    fn local_subnets(&self, network: &'a str) -> Vec<&'a Subnet> {
        let names: BTreeSet<&Name> =
            self.local_workloads(network).iter().map(|(_, workload)| &workload.subnet).collect();
        names.into_iter().map(|name| &self.input.fabric.subnets[name]).collect()
    }

    // === network ===

    fn network(&mut self, network: &'a Name, joins_host: bool) -> NetworkPlan {
        let namespace = network_namespace(network);
        let cidrs = self.input.fabric.networks[network].cidrs.clone();
        let worst = netloom_state::stop_metric(&self.input.fabric.name);
        let service_addresses: Vec<(IpAddr, IpAddr)> = self
            .local_subnets(network)
            .iter()
            .flat_map(|subnet| &subnet.cidrs)
            .map(|cidr| (lease::gateway(*cidr), lease::resolver(*cidr)))
            .collect();
        let state = self.in_namespace(&namespace);
        state.links.insert("lo".to_owned(), loopback());
        for address in service_addresses.iter().flat_map(|(gateway, dns)| [gateway, dns]) {
            state.addresses.insert(Address { link: "lo".into(), address: IpNet::from(*address) });
        }
        add_tunnel(state);
        for cidr in cidrs.into_iter().chain([self.node_prefix()]) {
            let state = self.in_namespace(&namespace);
            state.routes.insert(way(cidr, METRIC_WAY, TUNNEL, None, None));
            state.routes.insert(stop(cidr, worst));
        }
        let state = self.in_namespace(&namespace);
        state.routes.insert(stop(default_v4(), worst));
        state.routes.insert(stop(default_v6(), worst));
        for (key, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/forwarding", "1"),
            ("ipv4/conf/all/rp_filter", "0"),
        ] {
            state.sysctls.insert(format!("net/{key}"), value.to_owned());
        }
        if joins_host {
            self.join_host(network, &namespace);
        }
        let (locals, policy) = self.policy(network, joins_host);
        let table = firewall::table(TUNNEL, &locals, &policy);
        self.in_namespace(&namespace).tables.insert(firewall::TABLE.to_owned(), table);
        NetworkPlan {
            tunnel: end(&namespace, TUNNEL),
            namespace,
            peers: peers::peers(self.input, self.node, network),
            resolver_addresses: service_addresses.iter().map(|(_, dns)| *dns).collect(),
            names: names::names(self.input, network),
            policy,
        }
    }

    /// The prefix of all nodes' addresses.
    fn node_prefix(&self) -> IpNet {
        let any = self.input.node_address(self.node);
        // A length of 64 is valid for every IPv6 address.
        Ipv6Net::new_assert(any, 64).trunc().into()
    }

    /// Links the node's own stack to a network.
    fn join_host(&mut self, network: &Name, namespace: &Namespace) {
        let link = host_link_name(self.input.fabric_id, network);
        self.veth(&end(namespace, HOST_LINK), &end(&Namespace::Host, &link));
        let own = IpAddr::from(self.input.node_address(self.node));
        let mut addresses = vec![own];
        for (name, workload) in self.local_workloads(network) {
            if workload.is_host() {
                addresses.extend_from_slice(self.input.addresses(name));
            }
        }
        self.attach(namespace, HOST_LINK, &Namespace::Host, &link, &addresses);
        let v4_source = addresses.iter().copied().find(IpAddr::is_ipv4);
        let cidrs = self.input.fabric.networks[network].cidrs.clone();
        let other_nodes = self.nodes_first_met_in(network);
        let state = self.in_namespace(&Namespace::Host);
        for cidr in cidrs {
            let via = match cidr {
                IpNet::V4(_) => v4_source.map(|source| (IpAddr::from(GATEWAY_V4), source)),
                IpNet::V6(_) => Some((IpAddr::from(GATEWAY_V6), own)),
            };
            if let Some((gateway, source)) = via {
                state.routes.insert(way(cidr, METRIC_WAY, &link, Some(gateway), Some(source)));
            }
        }
        for node in other_nodes {
            let to = IpNet::from(IpAddr::from(node));
            state.routes.insert(way(to, METRIC_WAY, &link, Some(GATEWAY_V6.into()), Some(own)));
        }
        add_neighbours(state, &link, v4_source.is_some(), host_side_mac(HOST_LINK, namespace));
    }

    /// Other nodes whose first network in common with this one is `network`.
    fn nodes_first_met_in(&self, network: &Name) -> Vec<Ipv6Addr> {
        let own = self.input.networks_of(self.node);
        let others = self.input.nodes_in(network).into_iter().filter(|other| *other != self.node);
        others
            .filter(|other| {
                let theirs = self.input.networks_of(other);
                own.intersection(&theirs).next().is_some_and(|first| *first == network)
            })
            .map(|other| self.input.node_address(other))
            .collect()
    }

    /// A veth pair between a network's namespace and another one.
    fn veth(&mut self, inner: &LinkEnd, outer: &LinkEnd) {
        for (this, other) in [(inner, outer), (outer, inner)] {
            let link = Link {
                kind: LinkKind::Veth { peer: other.clone() },
                mtu_bytes: TUNNEL_MTU_BYTES,
                mac: Some(host_side_mac(&this.link, &this.namespace)),
                up: true,
            };
            let state = self.in_namespace(&this.namespace);
            state.links.insert(this.link.clone(), link);
            state.sysctls.insert(no_automatic_address(&this.link), "1".to_owned());
        }
        let gateway = Address { link: inner.link.clone(), address: prefix(GATEWAY_V6.into(), 64) };
        self.in_namespace(&inner.namespace).addresses.insert(gateway);
    }

    /// Gives `addresses` to the outer end of a veth pair, and the network's side the way there.
    fn attach(
        &mut self,
        network: &Namespace,
        inner: &str,
        outside: &Namespace,
        outer: &str,
        addresses: &[IpAddr],
    ) {
        let mac = host_side_mac(outer, outside);
        for address in addresses {
            let state = self.in_namespace(outside);
            state.addresses.insert(Address { link: outer.into(), address: (*address).into() });
            let state = self.in_namespace(network);
            state.routes.insert(way((*address).into(), METRIC_WAY, inner, None, None));
            state.neighbours.insert(Neighbour { link: inner.into(), address: *address, mac });
        }
    }

    // === workloads ===

    fn workload(&mut self, name: &'a Name, workload: &'a Workload) -> WorkloadPlan {
        let network = self.input.fabric.network_of(workload);
        let inside = network_namespace(network);
        let namespace = self.namespace_of(name, workload);
        let addresses = self.input.addresses(name).to_vec();
        if !workload.is_host() {
            let inner = link_name("w-", name);
            self.veth(&end(&inside, &inner), &end(&namespace, WORKLOAD_LINK));
            self.attach(&inside, &inner, &namespace, WORKLOAD_LINK, &addresses);
            self.ways_out(&namespace, workload, &addresses, host_side_mac(&inner, &inside));
        }
        WorkloadPlan {
            network: network.clone(),
            namespace,
            addresses,
            attach: workload.attach.clone(),
            resolv_conf: self.resolv_conf(workload),
        }
    }

    fn namespace_of(&self, name: &str, workload: &Workload) -> Namespace {
        if let Some(known) = self.input.attachments.get(name) {
            return known.clone();
        }
        match &workload.attach {
            Attach::Host => Namespace::Host,
            Attach::Netns { path } => Namespace::Path(path.clone()),
            Attach::Container { .. } | Attach::Process { .. } | Attach::Serve(_) => {
                Namespace::Own(format!("workload-{name}"))
            }
        }
    }

    /// A workload's defaults: everything goes to the network's side of its link.
    fn ways_out(
        &mut self,
        namespace: &Namespace,
        workload: &Workload,
        addresses: &[IpAddr],
        gateway_mac: [u8; 6],
    ) {
        let subnet = &self.input.fabric.subnets[&workload.subnet];
        let gateways: Vec<IpAddr> = subnet
            .cidrs
            .iter()
            .filter(|cidr| addresses.iter().any(|address| cidr.contains(address)))
            .map(
                |cidr| {
                    if cidr.addr().is_ipv6() { GATEWAY_V6.into() } else { lease::gateway(*cidr) }
                },
            )
            .collect();
        let state = self.in_namespace(namespace);
        for gateway in gateways {
            let to = if gateway.is_ipv6() { default_v6() } else { default_v4() };
            state.routes.insert(way(to, METRIC_WAY, WORKLOAD_LINK, Some(gateway), None));
            let link = WORKLOAD_LINK.to_owned();
            state.neighbours.insert(Neighbour { link, address: gateway, mac: gateway_mac });
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

    fn resolv_conf(&self, workload: &Workload) -> String {
        let subnet = &self.input.fabric.subnets[&workload.subnet];
        let domain = &self.input.fabric.networks[&subnet.network].domain;
        let servers = subnet.cidrs.iter().map(|cidr| lease::resolver(*cidr));
        let lines: String = servers.map(|server| format!("nameserver {server}\n")).collect();
        format!("{lines}search {domain}\noptions ndots:4 timeout:1 attempts:2\n")
    }

    // === policy ===

    fn policy(&self, network: &'a str, joins_host: bool) -> (Vec<Local>, CompiledPolicy) {
        let mut desk = IdentityDesk { input: self.input, numbers: BTreeMap::new() };
        desk.number_all(network);
        let (mut locals, mut policies) = (Vec::new(), Policies::default());
        for (name, workload) in self.local_workloads(network) {
            let link = if workload.is_host() { HOST_LINK.into() } else { link_name("w-", name) };
            let identity = desk.add(&workload.security_groups, false, &mut policies);
            let addresses = self.input.addresses(name).to_vec();
            locals.push(Local { link, addresses, identity });
        }
        if joins_host {
            let groups = &self.input.fabric.nodes[self.node].security_groups;
            let identity = desk.add(groups, groups.is_empty(), &mut policies);
            let addresses = vec![self.input.node_address(self.node).into()];
            locals.push(Local { link: HOST_LINK.into(), addresses, identity });
        }
        let policy = CompiledPolicy::compile(&locals, &policies, &members(self.input, network));
        (locals, policy)
    }
}

/// The groups of every address in a network.
pub(crate) fn members(input: &PlanInput<'_>, network: &str) -> Members {
    let fabric = input.fabric;
    let workloads = fabric.workloads.iter().filter(|(_, w)| fabric.network_of(w) == network);
    let mut members: Members = workloads
        .flat_map(|(name, workload)| {
            let addresses = input.addresses(name).iter();
            addresses.map(|address| (*address, workload.security_groups.clone()))
        })
        .collect();
    for node in input.nodes_in(network) {
        let groups = fabric.nodes[node].security_groups.clone();
        members.insert(input.node_address(node).into(), groups);
    }
    members
}

/// The policy of a node without groups: it may call, and answers echo.
pub(crate) fn node_default(direction: Direction, span: &netloom_model::Span) -> Vec<Allowance> {
    let transport = match direction {
        Direction::Egress => IntervalSet::full(),
        Direction::Ingress => allowance::transports(netloom_model::fabric::Protocol::Icmp, &[]),
    };
    vec![Allowance {
        selector: Selector::All,
        transport,
        group: "node-default".to_owned(),
        span: span.clone(),
    }]
}

/// Hands out identities: one number per distinct set of groups, the same on every node.
struct IdentityDesk<'a> {
    input: &'a PlanInput<'a>,
    numbers: BTreeMap<(bool, BTreeSet<Name>), u32>,
}

impl IdentityDesk<'_> {
    /// Numbers every set of groups in a network: by its hash, or the next number that is free.
    fn number_all(&mut self, network: &str) {
        let fabric = self.input.fabric;
        let workloads = fabric.workloads.values().filter(|w| fabric.network_of(w) == network);
        let mut sets: BTreeSet<(bool, BTreeSet<Name>)> =
            workloads.map(|workload| (false, workload.security_groups.clone())).collect();
        sets.extend(self.input.nodes_in(network).iter().map(|node| {
            let groups = &fabric.nodes[*node].security_groups;
            (groups.is_empty(), groups.clone())
        }));
        let mut used = BTreeSet::new();
        for (is_node_default, groups) in sets {
            let marker = if is_node_default { "\u{1}" } else { "" };
            let names = groups.iter().map(String::as_str);
            let mut number = identity_hint([marker].into_iter().chain(names));
            while !used.insert(number) {
                number = number.wrapping_add(1).max(1);
            }
            self.numbers.insert((is_node_default, groups), number);
        }
    }

    fn add(&self, groups: &BTreeSet<Name>, node_default_: bool, policies: &mut Policies) -> u32 {
        let identity = self.numbers[&(node_default_, groups.clone())];
        let fabric = self.input.fabric;
        let of = |direction| {
            if !node_default_ {
                return allowance::allowances(fabric, groups, direction);
            }
            let span = netloom_model::Span { file: "".into(), line: 0, column: 0 };
            node_default(direction, &span)
        };
        policies.ingress.entry(identity).or_insert_with(|| of(Direction::Ingress));
        policies.egress.entry(identity).or_insert_with(|| of(Direction::Egress));
        identity
    }
}

// === parts ===

/// The namespace of a network on every node.
pub(crate) fn network_namespace(network: &str) -> Namespace {
    Namespace::Own(format!("network-{network}"))
}

/// The link of a node's own stack to a network: unique among the fabrics of one host.
pub(crate) fn host_link_name(fabric_id: u128, network: &str) -> String {
    link_name(&format!("n{:04x}-", fabric_id >> 112), network)
}

fn end(namespace: &Namespace, link: &str) -> LinkEnd {
    LinkEnd { namespace: namespace.clone(), link: link.to_owned() }
}

fn host_side_mac(link: &str, namespace: &Namespace) -> [u8; 6] {
    mac(&format!("{namespace}/{link}"))
}

fn loopback() -> Link {
    Link { kind: LinkKind::Loopback, mtu_bytes: 65536, mac: None, up: true }
}

fn add_tunnel(state: &mut NamespaceState) {
    let link = Link { kind: LinkKind::Tunnel, mtu_bytes: TUNNEL_MTU_BYTES, mac: None, up: true };
    state.links.insert(TUNNEL.to_owned(), link);
    state.sysctls.insert(no_automatic_address(TUNNEL), "1".to_owned());
}

/// No link-local address is made up: every address is planned, and links are silent until used.
fn no_automatic_address(link: &str) -> String {
    format!("net/ipv6/conf/{link}/addr_gen_mode")
}

fn add_neighbours(state: &mut NamespaceState, link: &str, v4: bool, mac: [u8; 6]) {
    let mut add = |address: IpAddr| {
        state.neighbours.insert(Neighbour { link: link.to_owned(), address, mac });
    };
    add(GATEWAY_V6.into());
    if v4 {
        add(GATEWAY_V4.into());
    }
}

fn way(
    destination: IpNet,
    metric: u32,
    link: &str,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
) -> Route {
    let kind = RouteKind::Unicast { link: link.to_owned(), gateway, source };
    Route { table: MAIN, destination, metric, kind }
}

/// Stops packets for which there is no other way.
fn stop(destination: IpNet, metric: u32) -> Route {
    Route { table: MAIN, destination, metric, kind: RouteKind::Unreachable }
}

fn prefix(address: IpAddr, length: u8) -> IpNet {
    IpNet::new_assert(address, length)
}

fn default_v4() -> IpNet {
    prefix(Ipv4Addr::UNSPECIFIED.into(), 0)
}

fn default_v6() -> IpNet {
    prefix(Ipv6Addr::UNSPECIFIED.into(), 0)
}
