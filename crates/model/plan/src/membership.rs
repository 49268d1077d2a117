//! Which nodes take part in which networks: those that run a workload there.

use netloom_model::fabric::{Fabric, Name};
use std::collections::{BTreeMap, BTreeSet};

/// The networks of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Networks of its workloads.
    pub networks: BTreeSet<Name>,
    /// Those of them that its own stack takes part in: in order, each whose prefixes overlap with
    /// none before. One stack cannot have the same prefix twice.
    pub stack: BTreeSet<Name>,
}

/// The networks of nodes, and the nodes of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships {
    nodes: BTreeMap<Name, Membership>,
    networks: BTreeMap<Name, BTreeSet<Name>>,
    stacks: BTreeMap<Name, BTreeSet<Name>>,
}

impl Memberships {
    /// Those that follow from a whole fabric.
    pub fn of(fabric: &Fabric) -> Self {
        let mut networks: BTreeMap<&Name, BTreeSet<&Name>> = BTreeMap::new();
        for workload in fabric.workloads.values() {
            networks.entry(&workload.node).or_default().insert(fabric.network_of(workload));
        }
        let membership = |joined: BTreeSet<&Name>| Membership {
            stack: stack(fabric, &joined),
            networks: joined.into_iter().cloned().collect(),
        };
        networks.into_iter().map(|(node, joined)| (node.clone(), membership(joined))).collect()
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
}

impl FromIterator<(Name, Membership)> for Memberships {
    fn from_iter<I: IntoIterator<Item = (Name, Membership)>>(nodes: I) -> Self {
        let mut memberships = Self::default();
        for (node, membership) in nodes {
            for network in &membership.networks {
                memberships.networks.entry(network.clone()).or_default().insert(node.clone());
            }
            for network in &membership.stack {
                memberships.stacks.entry(network.clone()).or_default().insert(node.clone());
            }
            memberships.nodes.insert(node, membership);
        }
        memberships
    }
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
