//! Whom a node talks to in a network: keys, endpoints, and the addresses that each peer owns.

use crate::input::PlanInput;
use crate::ways::{self, Way, Ways};
use ipnet::IpNet;
use netloom_model::fabric::{Advertised, Gateway, Name, NextHop, Workload};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// Keeps a translator's mapping alive; the shortest UDP timeouts in the field are 30 s.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Another node of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerPlan {
    /// Its key in this network.
    pub public_key: [u8; 32],
    /// Where to call it, if it can be called.
    pub endpoint: Option<SocketAddr>,
    /// Addresses that it owns: packets to them go to it, and only it may send from them.
    pub allowed: Vec<IpNet>,
    /// Addresses outside of the network from which it may send: of its workloads in peered networks, and
    /// of what it leads to.
    pub sends_from: Vec<IpNet>,
    /// How often to send something when there is nothing to send.
    pub keepalive: Option<Duration>,
    /// What sessions with it are sealed with.
    pub cipher: Cipher,
}

/// Where a subnet's packets leave the network, at other nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exit {
    /// The subnet's prefix.
    pub from: IpNet,
    /// Destinations; the longest prefix wins.
    pub to: IpNet,
    /// The nodes that they leave at: the first one that answers.
    pub nodes: Vec<Name>,
}

/// A stock peer that a node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockPeerPlan {
    /// Its key, if it is known.
    pub public_key: Option<[u8; 32]>,
    /// Where to call it: an address or a name, and a port.
    pub endpoint: Option<String>,
    /// Its addresses, and the prefixes behind it.
    pub allowed: Vec<IpNet>,
    /// How often to send something when there is nothing to send.
    pub keepalive: Option<Duration>,
    /// File with the preshared key.
    pub preshared_key_file: Option<String>,
}

/// What a session is sealed with, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// AES-256-GCM: both processors have instructions for it.
    AesGcm,
    /// ChaCha20-Poly1305: this node's processor has none, or has not said so yet.
    ChaChaHere,
    /// ChaCha20-Poly1305: the peer's processor has none, or it has not said so.
    ChaChaThere,
}

/// The peers of `node` in `network`. Nodes whose key is not known yet are left out.
pub fn peers(input: &PlanInput<'_>, node: &str, network: &str) -> BTreeMap<Name, PeerPlan> {
    let others = input.nodes_in(network).iter().filter(|other| other.as_str() != node);
    others.filter_map(|other| Some((other.clone(), peer(input, node, other, network)?))).collect()
}

/// `other` as a peer of `node` in `network`; none where it is not in it, or its key is not known yet.
pub(crate) fn peer(
    input: &PlanInput<'_>,
    node: &str,
    other: &str,
    network: &str,
) -> Option<PeerPlan> {
    if !input.networks_of(other).contains(network) {
        return None;
    }
    let entry = input.directory.nodes.get(other)?;
    Some(PeerPlan {
        public_key: *entry.public_keys.get(network)?,
        endpoint: endpoint(input, node, other),
        allowed: owned(input, other, network),
        sends_from: sends_from(input, other, network, input.networks_of(node)),
        keepalive: needs_keepalive(input, node, other).then_some(KEEPALIVE),
        cipher: cipher(input, node, other),
    })
}

/// The faster cipher, if both ends have instructions for it.
fn cipher(input: &PlanInput<'_>, node: &str, other: &str) -> Cipher {
    let has = |node| input.directory.nodes.get(node).is_some_and(|entry| entry.has_aes_gcm);
    match (has(node), has(other)) {
        (true, true) => Cipher::AesGcm,
        (false, _) => Cipher::ChaChaHere,
        (true, false) => Cipher::ChaChaThere,
    }
}

/// Where `node` calls `other`: on the local network of a common region, else where anyone can, which
/// the directory says, or the file where the directory does not. What control sees of a node behind
/// a translator is where its packets leave, which lets nobody in who was not called.
pub fn endpoint(input: &PlanInput<'_>, node: &str, other: &str) -> Option<SocketAddr> {
    let entry = input.directory.nodes.get(other)?;
    let fabric = input.fabric;
    let local = fabric.nodes[node].region == fabric.nodes[other].region;
    let visible = !fabric.regions[&fabric.nodes[other].region].nat;
    let declared = || {
        // Names of hosts need a resolver, which is the agent's to ask and the directory's to hold.
        fabric.nodes[other].endpoint.as_ref()?.parse().ok()
    };
    let public = entry.endpoint.or_else(declared).filter(|_| visible);
    if local { entry.local_endpoint.or(public) } else { public }
}

/// A node behind a translator keeps its way out open, so that others can answer and call. The
/// other side does its part: after a restart it calls at once where it last heard from the node,
/// which by itself would notice much later that its session is gone.
fn needs_keepalive(input: &PlanInput<'_>, node: &str, other: &str) -> bool {
    let fabric = input.fabric;
    let (own, theirs) = (&fabric.nodes[node].region, &fabric.nodes[other].region);
    own != theirs && (fabric.regions[own].nat || fabric.regions[theirs].nat)
}

/// The stock peers that `node` has in `network`.
pub fn stock_peers(
    input: &PlanInput<'_>,
    node: &str,
    network: &str,
) -> BTreeMap<Name, StockPeerPlan> {
    let workloads = input.workloads_of(network, node);
    let peer = |(name, workload): (&Name, &Workload)| {
        let peer = workload.stock_peer()?;
        let addresses = input.addresses(name).iter().copied().map(IpNet::from);
        let plan = StockPeerPlan {
            public_key: peer.public_key,
            endpoint: peer.endpoint.clone(),
            allowed: addresses.chain(workload.advertise.iter().copied()).collect(),
            keepalive: peer.keepalive,
            preshared_key_file: peer.preshared_key_file.clone(),
        };
        Some((name.clone(), plan))
    };
    workloads.filter_map(peer).collect()
}

/// Where packets of a network's subnets go that are for none of its own addresses, as far as that is
/// another node.
pub fn exits(input: &PlanInput<'_>, node: &str, network: &str) -> Vec<Exit> {
    let local: BTreeSet<&Name> =
        input.workloads_of(network, node).map(|(_, workload)| &workload.subnet).collect();
    let mut exits = Vec::new();
    let ways = Ways::of(input.fabric, network);
    for subnet in local.into_iter().filter_map(|name| input.fabric.subnets.get(name)) {
        for way in ways.of_subnet(subnet) {
            let nodes = exit_nodes(input, &way);
            if nodes.is_empty() || nodes.iter().any(|other| other == node) {
                continue;
            }
            let is_v6 = way.to.addr().is_ipv6();
            let from = subnet.cidrs.iter().filter(|cidr| cidr.addr().is_ipv6() == is_v6);
            exits.extend(from.map(|from| Exit { from: *from, to: way.to, nodes: nodes.clone() }));
        }
    }
    exits.sort_unstable();
    exits
}

/// The nodes at which a way leaves its network; none where it leads to another one, or nowhere.
fn exit_nodes(input: &PlanInput<'_>, way: &Way) -> Vec<Name> {
    let fabric = input.fabric;
    match &way.via {
        NextHop::Gateway(name) => {
            let gateway = fabric.gateways.get(name);
            let gateway = gateway.filter(|one| ways::serves(one, way.to.addr().is_ipv6()));
            gateway.map(|gateway| gateway.nodes.clone()).unwrap_or_default()
        }
        NextHop::Node(node) => vec![node.clone()],
        NextHop::Workload(name) => {
            fabric.workloads.get(name).map(|one| one.node.clone()).into_iter().collect()
        }
        NextHop::Peering(_) | NextHop::Blackhole => Vec::new(),
    }
}

/// The addresses outside of a network from which a node may send into it: those of its workloads in peered
/// networks, as far as these are among the networks `joined` by who asks, and the prefixes that it leads to.
fn sends_from(
    input: &PlanInput<'_>,
    node: &str,
    network: &str,
    joined: &BTreeSet<Name>,
) -> Vec<IpNet> {
    let fabric = input.fabric;
    let mut prefixes: BTreeSet<IpNet> = BTreeSet::new();
    for (.., other) in fabric.peers_of(network).filter(|(.., other)| joined.contains(*other)) {
        let workloads = input.workloads_of(other, node);
        let addresses = workloads.flat_map(|(name, _)| input.addresses(name).iter().copied());
        prefixes.extend(addresses.map(IpNet::from));
    }
    prefixes.extend(led_to(input, node, network));
    prefixes.into_iter().collect()
}

/// The prefixes that a node leads to for a network, whichever of its subnets have a route there.
fn led_to<'a>(
    input: &PlanInput<'a>,
    node: &'a str,
    network: &'a str,
) -> impl Iterator<Item = IpNet> + use<'a> {
    let fabric = input.fabric;
    let own = fabric.gateways_of(network);
    let own = own.filter(move |(_, gateway)| gateway.nodes.iter().any(|one| one == node));
    let families = |gateway: &'a Gateway| {
        [false, true].into_iter().filter(move |ipv6| ways::serves(gateway, *ipv6))
    };
    let everything = own.flat_map(move |(_, gateway)| families(gateway).map(ways::default_route));
    let declared = fabric.nodes.get(node).into_iter().flat_map(|node| &node.advertise);
    let behind =
        declared.filter(move |one| one.networks.is_empty() || one.networks.contains(network));
    let tables = fabric.route_tables.values().filter(move |table| table.network == network);
    let hops = tables.flat_map(|table| &table.routes).filter(move |route| match &route.via {
        NextHop::Workload(name) => {
            fabric.workloads.get(name).is_some_and(|workload| workload.node == node)
        }
        _ => false,
    });
    everything.chain(behind.map(Advertised::reached_as)).chain(hops.map(|route| route.to))
}

/// Whether packets of a network leave it at a node for the node's own stack.
pub fn is_door(input: &PlanInput<'_>, node: &str, network: &str) -> bool {
    let fabric = input.fabric;
    let is_gateway =
        fabric.gateways_of(network).any(|(_, gateway)| gateway.nodes.iter().any(|one| one == node));
    is_gateway || leads(input, node, network).next().is_some()
}

/// What a node leads to for a network that it takes part in by that, or by a workload.
pub(crate) fn leads<'a>(
    input: &'a PlanInput<'_>,
    node: &'a str,
    network: &'a str,
) -> impl Iterator<Item = &'a Advertised> {
    let declared = input.fabric.nodes.get(node).into_iter().flat_map(|node| &node.advertise);
    let runs = move || input.workloads_of(network, node).next().is_some();
    declared.filter(move |one| one.networks.contains(network) || one.networks.is_empty() && runs())
}

/// The addresses of a node and its workloads in a network, as single-address prefixes, and what is
/// behind its stock peers.
pub fn owned(input: &PlanInput<'_>, node: &str, network: &str) -> Vec<IpNet> {
    let workloads = || input.workloads_of(network, node);
    let addresses = workloads().flat_map(|(name, _)| input.addresses(name).iter().copied());
    let behind = workloads().flat_map(|(_, workload)| workload.advertise.iter().copied());
    let stack = input.stack_networks_of(node).contains(network);
    let own = stack.then(|| input.node_address(node).into());
    let mut owned: Vec<IpNet> = addresses.chain(own).map(IpNet::from).chain(behind).collect();
    owned.sort_unstable();
    owned
}
