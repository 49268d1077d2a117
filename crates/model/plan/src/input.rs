//! What a plan is made from, beside the fabric: leases, keys and endpoints.

use netloom_model::fabric::{Fabric, Name};
use netloom_model::lease::{self, Leases};
use netloom_state::Namespace;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// All facts that planning uses.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    /// The checked fabric.
    pub fabric: &'a Fabric,
    /// The fabric's random id.
    pub fabric_id: u128,
    /// Addresses of workloads.
    pub leases: &'a Leases,
    /// Keys and endpoints of nodes.
    pub directory: &'a Directory,
    /// Where workloads of this node are that others make, such as containers. One that is not
    /// named here is where its declaration says.
    pub attachments: &'a BTreeMap<Name, Attachment>,
}

/// Where a workload is that others make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// In this namespace.
    At(Namespace),
    /// Nowhere now: its container does not run, or its namespace does not exist. Its addresses
    /// are unreachable until it comes back.
    Absent,
}

/// What is known of the nodes' tunnels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// By node.
    pub nodes: BTreeMap<Name, NodeEntry>,
}

/// What is known of one node's tunnels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeEntry {
    /// Its X25519 public keys, by network (one each, so that networks cannot be linked on the wire).
    pub public_keys: BTreeMap<Name, [u8; 32]>,
    /// Where it can be called by anyone.
    pub endpoint: Option<SocketAddr>,
    /// Where it can be called from its own region.
    pub local_endpoint: Option<SocketAddr>,
}

impl<'a> PlanInput<'a> {
    /// The address of a node in the networks it joins.
    pub fn node_address(&self, node: &str) -> Ipv6Addr {
        lease::node_address(self.fabric_id, node)
    }

    /// The leased addresses of a workload.
    pub fn addresses(&self, workload: &str) -> &'a [IpAddr] {
        self.leases.workloads.get(workload).map_or(&[], Vec::as_slice)
    }

    /// The networks that a node takes part in: those of its workloads.
    pub fn networks_of(&self, node: &str) -> BTreeSet<&'a Name> {
        let own = self.fabric.workloads.values().filter(|workload| workload.node == node);
        own.map(|workload| self.fabric.network_of(workload)).collect()
    }

    /// The networks that a node's own stack takes part in: in order, those of its workloads whose
    /// prefixes overlap with none before. One stack cannot have the same prefix twice.
    pub fn stack_networks_of(&self, node: &str) -> BTreeSet<&'a Name> {
        let mut joined: BTreeSet<&'a Name> = BTreeSet::new();
        for network in self.networks_of(node) {
            let cidrs = |name: &str| &self.fabric.networks[name].cidrs;
            let clash = joined.iter().flat_map(|other| cidrs(other)).any(|other| {
                cidrs(network).iter().any(|cidr| cidr.contains(other) || other.contains(cidr))
            });
            if !clash {
                joined.insert(network);
            }
        }
        joined
    }

    /// The nodes whose own stack takes part in a network.
    pub fn stacks_in(&self, network: &str) -> BTreeSet<&'a Name> {
        let nodes = self.nodes_in(network).into_iter();
        let joined = |node: &str| self.stack_networks_of(node).into_iter().any(|n| n == network);
        nodes.filter(|node| joined(node)).collect()
    }

    /// The nodes that take part in a network.
    pub fn nodes_in(&self, network: &str) -> BTreeSet<&'a Name> {
        let inside = self
            .fabric
            .workloads
            .values()
            .filter(|workload| self.fabric.network_of(workload) == network);
        inside.map(|workload| &workload.node).collect()
    }
}
