//! Which nodes take part in which networks, and with which workloads: those that run one there, or in a
//! network that is peered with it, and those by which it is left.

use netloom_model::fabric::{Fabric, Name};
use std::collections::{BTreeMap, BTreeSet};

/// The networks of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Networks of its workloads, those peered with them, and those that it is a gateway or an edge of.
    pub networks: BTreeSet<Name>,
    /// Networks of its workloads that its own stack takes part in: in order, each whose prefixes
    /// overlap with none before. One stack cannot have the same prefix twice.
    pub stack: BTreeSet<Name>,
}

/// The networks of nodes, the nodes of networks, and the workloads of both, each found without
/// looking at the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships {
    nodes: BTreeMap<Name, Membership>,
    networks: BTreeMap<Name, BTreeSet<Name>>,
    stacks: BTreeMap<Name, BTreeSet<Name>>,
    /// Workloads by network and node.
    workloads: BTreeMap<Name, BTreeMap<Name, BTreeSet<Name>>>,
}

impl Memberships {
    /// Those that follow from a whole fabric.
    pub fn of(fabric: &Fabric) -> Self {
        let mut memberships = Self::default();
        for (name, workload) in &fabric.workloads {
            memberships.insert_workload(fabric.network_of(workload), &workload.node, name);
        }
        memberships.find_nodes(fabric);
        memberships
    }

    /// Finds anew which nodes take part in which networks, after peerings, gateways, edges or prefixes have changed. The
    /// workloads are as they are noted, so that it takes as long as there are nodes, however many workloads they have.
    pub fn find_nodes(&mut self, fabric: &Fabric) {
        let mut networks: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
        for (network, nodes) in &self.workloads {
            for node in nodes.keys() {
                networks.entry(node).or_default().insert(network);
            }
        }
        let doors = doors(fabric);
        let membership = |node: &Name| {
            let joined = networks.get(node).cloned().unwrap_or_default();
            let peered = joined.iter().flat_map(|network| fabric.peers_of(network));
            let mut all: BTreeSet<&Name> = peered.map(|(_, _, other)| other).collect();
            all.extend(doors.get(node).into_iter().flatten());
            all.extend(&joined);
            let networks = all.into_iter().cloned().collect();
            Membership { stack: stack(fabric, &joined), networks }
        };
        let nodes: BTreeSet<&Name> = networks.keys().chain(doors.keys()).copied().collect();
        let found: Vec<_> =
            nodes.into_iter().map(|node| (node.clone(), membership(node))).collect();
        self.set_nodes(found);
    }

    fn set_nodes(&mut self, nodes: impl IntoIterator<Item = (Name, Membership)>) {
        self.nodes.clear();
        self.networks.clear();
        self.stacks.clear();
        for (node, membership) in nodes {
            for network in &membership.networks {
                self.networks.entry(network.clone()).or_default().insert(node.clone());
            }
            for network in &membership.stack {
                self.stacks.entry(network.clone()).or_default().insert(node.clone());
            }
            self.nodes.insert(node, membership);
        }
    }

    /// Those of a part of a fabric, where it is known which networks its nodes take part in.
    pub fn of_part(fabric: &Fabric, nodes: impl IntoIterator<Item = (Name, Membership)>) -> Self {
        let mut memberships = Self::default();
        memberships.set_nodes(nodes);
        for (name, workload) in &fabric.workloads {
            memberships.insert_workload(fabric.network_of(workload), &workload.node, name);
        }
        memberships
    }

    /// Notes a workload of a node that takes part in the network.
    pub fn insert_workload(&mut self, network: &str, node: &str, workload: &str) {
        if !self.workloads.contains_key(network) {
            self.workloads.insert(network.to_owned(), BTreeMap::new());
        }
        if let Some(nodes) = self.workloads.get_mut(network) {
            nodes.entry(node.to_owned()).or_default().insert(workload.to_owned());
        }
    }

    /// Forgets a workload; its node still takes part in the network.
    pub fn remove_workload(&mut self, network: &str, node: &str, workload: &str) {
        let Some(nodes) = self.workloads.get_mut(network) else { return };
        if let Some(workloads) = nodes.get_mut(node) {
            workloads.remove(workload);
            if workloads.is_empty() {
                nodes.remove(node);
            }
        }
        if nodes.is_empty() {
            self.workloads.remove(network);
        }
    }

    /// The networks of a node.
    pub fn of_node(&self, node: &str) -> Option<&Membership> {
        self.nodes.get(node)
    }

    /// The nodes of a network.
    pub fn of_network(&self, network: &str) -> Option<&BTreeSet<Name>> {
        self.networks.get(network)
    }

    /// The nodes whose own stack takes part in a network.
    pub fn stacks_in(&self, network: &str) -> Option<&BTreeSet<Name>> {
        self.stacks.get(network)
    }

    /// The workloads of a network.
    pub fn workloads_in(&self, network: &str) -> impl Iterator<Item = &Name> {
        self.workloads.get(network).into_iter().flat_map(BTreeMap::values).flatten()
    }

    /// The workloads of a network on a node, in order.
    pub fn workloads_of(&self, network: &str, node: &str) -> impl Iterator<Item = &Name> {
        self.workloads.get(network).and_then(|nodes| nodes.get(node)).into_iter().flatten()
    }
}

/// The networks whose packets leave by each node, as [`ways::doors`](crate::ways::doors) says it of each network.
fn doors(fabric: &Fabric) -> BTreeMap<&Name, BTreeSet<&Name>> {
    let mut doors: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
    for gateway in fabric.gateways.values() {
        for node in &gateway.nodes {
            doors.entry(node).or_default().insert(&gateway.network);
        }
    }
    for (name, node) in fabric.nodes.iter().filter(|(_, node)| !node.advertise.is_empty()) {
        let networks = node.advertise.iter().flat_map(|one| &one.networks);
        doors.entry(name).or_default().extend(networks);
    }
    for networks in doors.values_mut() {
        networks.retain(|network| fabric.networks.contains_key(*network));
    }
    doors.retain(|_, networks| !networks.is_empty());
    doors
}

fn stack(fabric: &Fabric, networks: &BTreeSet<&Name>) -> BTreeSet<Name> {
    let mut joined: BTreeSet<Name> = BTreeSet::new();
    for network in networks {
        let cidrs = |name: &Name| &fabric.networks[name].cidrs;
        let clash = joined.iter().flat_map(cidrs).any(|other| {
            cidrs(network).iter().any(|cidr| cidr.contains(other) || other.contains(cidr))
        });
        if !clash {
            joined.insert((*network).clone());
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ways;
    use netloom_testkit::random_networks::yaml;

    #[test]
    fn doors_of_all_nodes_are_those_of_each_network() {
        let mut found = 0;
        for seed in 0..60 {
            let fabric = netloom_testkit::fabric(&yaml(seed));
            let mut expected: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
            for network in fabric.networks.keys() {
                for node in ways::doors(&fabric, network) {
                    expected.entry(node).or_default().insert(network);
                }
            }
            assert_eq!(doors(&fabric), expected, "{seed}");
            found += expected.len();
        }
        assert!(found > 20, "{found} nodes have a door");
    }

    #[test]
    fn nodes_found_anew_are_those_of_the_whole_fabric() {
        let mut moved = 0;
        for seed in 0..60 {
            let mut fabric = netloom_testkit::fabric(&yaml(seed));
            let mut memberships = Memberships::of(&fabric);
            let before = memberships.clone();
            fabric.peerings.pop_first();
            fabric.gateways.pop_last();
            memberships.find_nodes(&fabric);
            assert_eq!(memberships, Memberships::of(&fabric), "{seed}");
            moved += usize::from(memberships != before);
        }
        assert!(moved > 5, "{moved} of 60 fabrics have other members");
    }
}
