//! The host state of one node: its namespaces, the links between them, and the ways through them.

mod entries;
mod network;
mod parts;
mod policy;
mod routing;
mod ways;
mod workload;

pub(crate) use parts::network_namespace;
pub use policy::node_default;
pub(crate) use policy::{border_of, policy_of};

use crate::input::PlanInput;
use crate::{NodePlan, firewall};
use ipnet::IpNet;
use netloom_model::fabric::{Name, Subnet, Workload};
use netloom_state::host::Route;
use netloom_state::{HostState, Namespace, NamespaceState};
use parts::stop;
use std::collections::BTreeSet;

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
        for network in self.input.networks_of(self.node) {
            self.plan_network(network, &mut plan);
        }
        self.stop_on_host();
        let joined = self.input.networks_of(self.node);
        self.guard_host(self.input.stack_networks_of(self.node), joined);
        plan.host = self.host;
        plan
    }

    pub(crate) fn plan_networks(mut self, networks: &BTreeSet<Name>) -> NodePlan {
        let mut plan = NodePlan::default();
        let own = self.input.networks_of(self.node).iter();
        for network in own.filter(|network| networks.contains(*network)) {
            self.plan_network(network, &mut plan);
        }
        let among = |own: &BTreeSet<Name>| own.intersection(networks).cloned().collect();
        let (stacks, joined): (BTreeSet<Name>, BTreeSet<Name>) = (
            among(self.input.stack_networks_of(self.node)),
            among(self.input.networks_of(self.node)),
        );
        self.guard_host(&stacks, &joined);
        plan.host = self.host;
        plan
    }

    /// A network, and the workloads that this node has in it.
    fn plan_network(&mut self, network: &'a Name, plan: &mut NodePlan) {
        let hosts_it = self.input.stack_networks_of(self.node).contains(network);
        plan.networks.insert(network.clone(), self.network(network, hosts_it));
        let workloads = self.input.workloads_of(network, self.node);
        for (name, workload) in workloads.filter(|(_, workload)| workload.stock_peer().is_none()) {
            match self.namespace_of(name, workload) {
                Some(namespace) => {
                    let planned = self.workload(name, workload, &namespace);
                    plan.workloads.insert(name.clone(), planned);
                }
                None => self.stop_absent(name, workload),
            }
        }
    }

    /// The table of the node's own stack, if that is in any network, or any leaves the fabric there.
    fn guard_host(&mut self, stacks: &BTreeSet<Name>, joined: &BTreeSet<Name>) {
        let id = self.input.fabric_id;
        let links: Vec<String> =
            stacks.iter().map(|network| parts::host_link_name(id, network)).collect();
        let doors = joined.iter().filter_map(|network| self.door(network)).collect();
        let state = self.in_namespace(&Namespace::Host);
        let own = state.addresses.iter().filter(|address| links.contains(&address.link));
        let own: Vec<_> = own.map(|address| address.address.addr()).collect();
        let stack = firewall::OwnStack { links, own, doors };
        if stack.is_empty() {
            return;
        }
        let table = firewall::host_table(&stack);
        let name = firewall::host_table_name(&self.input.fabric.name);
        self.in_namespace(&Namespace::Host).tables.insert(name, table);
    }

    fn stop_on_host(&mut self) {
        let stops = host_stops(self.input, self.node);
        self.in_namespace(&Namespace::Host).routes.extend(stops);
    }

    pub(super) fn in_namespace(&mut self, namespace: &Namespace) -> &mut NamespaceState {
        self.host.namespaces.entry(namespace.clone()).or_default()
    }

    pub(super) fn local_workloads(&self, network: &'a str) -> Vec<(&'a Name, &'a Workload)> {
        self.input.workloads_of(network, self.node).collect()
    }

    pub(super) fn local_subnets(&self, network: &'a str) -> Vec<&'a Subnet> {
        let names: BTreeSet<&Name> =
            self.local_workloads(network).iter().map(|(_, workload)| &workload.subnet).collect();
        names.into_iter().map(|name| &self.input.fabric.subnets[name]).collect()
    }
}

/// No prefix of the fabric is ever looked for on the ground: on the node's own stack all of them
/// end here, also those of networks that the node takes no part in.
pub(crate) fn host_stops(input: &PlanInput<'_>, node: &str) -> Vec<Route> {
    let networks = &input.fabric.networks;
    let joined: Vec<IpNet> = input
        .stack_networks_of(node)
        .iter()
        .filter_map(|name| networks.get(name))
        .flat_map(|network| network.cidrs.iter().copied())
        .collect();
    // What the stack has in a network is its own there, though another network has the same addresses.
    let is_inside = |prefix: &IpNet| joined.iter().any(|of| of.contains(prefix) && of != prefix);
    let all = networks.values().flat_map(|network| network.cidrs.iter().copied());
    let mut prefixes: Vec<IpNet> = all.filter(|prefix| !is_inside(prefix)).collect();
    prefixes.push(network::node_prefix(input, node));
    // What is behind stock peers is the fabric's where the stack has a way there.
    let reached = input.stack_networks_of(node).iter().filter(|network| {
        input.workloads_of(network, node).any(|(_, workload)| workload.is_host())
    });
    for network in reached {
        let inside = input.workloads_in(network);
        prefixes.extend(inside.flat_map(|(_, workload)| workload.advertise.iter().copied()));
    }
    let worst = netloom_state::stop_metric(&input.fabric.name);
    prefixes.into_iter().map(|prefix| stop(prefix, worst)).collect()
}
