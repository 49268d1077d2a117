//! The planner: from a fabric to what one node must hold; and what of it may reach what.
//!
//! ```text
//! Fabric + Leases + Directory ─ plan(node) ─► NodePlan { host state, peers, names, workloads }
//!                             └ reach(flow) ─► steps with verdicts and the lines that decide
//! ```
//! Invariants: pure functions of their input; everything sorted, so equal inputs give equal plans;
//! a node's plan names only what its own workloads need.
#![forbid(unsafe_code)]

pub mod address_plan;
pub mod assumed;
pub mod findings;
pub mod firewall;
pub mod input;
pub mod membership;
pub mod names;
pub mod naming;
pub mod outer_v6;
pub mod peers;
pub mod port_audit;
pub mod promises;
pub mod reach;
mod refresh;
mod topology;
pub mod ways;

pub use refresh::{Stale, refresh};
pub use topology::node_default;

use input::PlanInput;
use names::Names;
use netloom_model::fabric::{Attach, Name};
use netloom_state::{HostState, LinkEnd, Namespace};
use peers::{PeerPlan, StockPeerPlan};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

pub use netloom_model::fabric::NETWORK_MTU_BYTES as TUNNEL_MTU_BYTES;

/// All that one node must hold and run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePlan {
    /// Links, addresses, routes, rules, sysctls and tables, by namespace.
    pub host: HostState,
    /// Networks that the node takes part in.
    pub networks: BTreeMap<Name, NetworkPlan>,
    /// Its workloads.
    pub workloads: BTreeMap<Name, WorkloadPlan>,
}

/// What the node's engine and resolver need to know of one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPlan {
    /// The network's namespace on this node.
    pub namespace: Namespace,
    /// The device whose other end is the engine.
    pub tunnel: LinkEnd,
    /// Largest packet of its workloads.
    pub mtu_bytes: u32,
    /// How often its nodes agree upon new preshared keys.
    pub key_rotation: Duration,
    /// The other nodes of the network.
    pub peers: BTreeMap<Name, PeerPlan>,
    /// Stock peers that this node has, by the name of their workload.
    pub stock_peers: BTreeMap<Name, StockPeerPlan>,
    /// Where the resolver listens, in the network's namespace.
    pub resolver_addresses: Vec<IpAddr>,
    /// Where packets go that are for none of its own addresses.
    pub exits: Vec<peers::Exit>,
    /// What the resolver knows.
    pub names: Names,
    /// What it knows of peered networks; each of [`Self::resolver_addresses`] is in one of them.
    pub views: Vec<names::View>,
    /// Its policy here, to judge flows that are under way when it changes.
    pub policy: firewall::CompiledPolicy,
    /// Where its packets leave the fabric, if they do here: what may come in, to judge such flows too.
    pub uplink: Option<firewall::Uplink>,
}

/// What the agent needs to run a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadPlan {
    /// Its network.
    pub network: Name,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// What it is.
    pub attach: Attach,
    /// Contents of its `/etc/resolv.conf`.
    pub resolv_conf: String,
}

/// Plans `node`. `None` if the fabric has no such node.
pub fn plan(input: &PlanInput<'_>, node: &str) -> Option<NodePlan> {
    input.fabric.nodes.get(node)?;
    Some(topology::Topology::new(input, node).plan())
}

/// Plans what `node` needs for some of its networks, for who knows that nothing else of it differs
/// from another plan: the same parts of both plans are compared at a fraction of the cost.
pub fn plan_networks(
    input: &PlanInput<'_>,
    node: &str,
    networks: &BTreeSet<Name>,
) -> Option<NodePlan> {
    input.fabric.nodes.get(node)?;
    Some(topology::Topology::new(input, node).plan_networks(networks))
}
