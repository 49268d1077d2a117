//! What a plan is made from, beside the fabric: leases, keys and endpoints.

use crate::membership::Memberships;
use netloom_model::fabric::{Fabric, Name, Workload};
use netloom_model::lease::{self, Leases};
use netloom_state::Namespace;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

static NONE: BTreeSet<Name> = BTreeSet::new();

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
    /// Which nodes take part in which networks.
    pub memberships: &'a Memberships,
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
    /// Whether its processor has instructions for AES-GCM, as it has said itself.
    pub has_aes_gcm: bool,
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
    pub fn networks_of(&self, node: &str) -> &'a BTreeSet<Name> {
        self.memberships.of_node(node).map_or(&NONE, |membership| &membership.networks)
    }

    /// The networks that a node's own stack takes part in.
    pub fn stack_networks_of(&self, node: &str) -> &'a BTreeSet<Name> {
        self.memberships.of_node(node).map_or(&NONE, |membership| &membership.stack)
    }

    /// The nodes whose own stack takes part in a network.
    pub fn stacks_in(&self, network: &str) -> &'a BTreeSet<Name> {
        self.memberships.stacks_in(network).unwrap_or(&NONE)
    }

    /// The nodes that take part in a network.
    pub fn nodes_in(&self, network: &str) -> &'a BTreeSet<Name> {
        self.memberships.of_network(network).unwrap_or(&NONE)
    }

    /// The workloads of a network.
    pub fn workloads_in(&self, network: &str) -> impl Iterator<Item = (&'a Name, &'a Workload)> {
        self.named(self.memberships.workloads_in(network))
    }

    /// The workloads of a network on a node, in order.
    pub fn workloads_of(
        &self,
        network: &str,
        node: &str,
    ) -> impl Iterator<Item = (&'a Name, &'a Workload)> {
        self.named(self.memberships.workloads_of(network, node))
    }

    fn named<'n>(
        &self,
        names: impl Iterator<Item = &'n Name>,
    ) -> impl Iterator<Item = (&'a Name, &'a Workload)> {
        let workloads = &self.fabric.workloads;
        names.filter_map(|name| workloads.get_key_value(name))
    }
}
