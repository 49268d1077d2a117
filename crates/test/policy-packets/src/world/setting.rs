//! What a world is set up with: keys, the directory, and sysctls that make policy stand alone.

use netloom_base::Seed;
use netloom_lab::underlay::{self, Underlay};
use netloom_model::Fabric;
use netloom_model::fabric::{Name, NextHop};
use netloom_node::Exit;
use netloom_plan::input::{Directory, NodeEntry};
use netloom_plan::{NetworkPlan, NodePlan};
use netloom_state::HostState;
use netloom_state::host::{Address, Namespace};
use netloom_wireguard::{PrivateKey, PublicKey};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

/// Bridged packets must not be what policy relies on, so their detour through it is switched off.
pub(super) fn without_bridge_filter(host: &mut HostState) {
    const KEY: &str = "net/bridge/bridge-nf-call-iptables";
    if !Path::new("/proc/sys").join(KEY).exists() {
        return;
    }
    for (namespace, state) in &mut host.namespaces {
        if matches!(namespace, Namespace::Own(_)) {
            state.sysctls.insert(KEY.to_owned(), "0".to_owned());
        }
    }
}

pub(super) fn keys(fabric: &Fabric) -> BTreeMap<(Name, Name), PrivateKey> {
    let places = fabric.nodes.keys().flat_map(|node| {
        fabric.networks.keys().map(move |network| (node.clone(), network.clone()))
    });
    (1000..)
        .zip(places)
        .map(|(number, place)| (place, PrivateKey::from_seed(Seed::from_number(number))))
        .collect()
}

pub(super) fn directory(ground: &Underlay, keys: &BTreeMap<(Name, Name), PrivateKey>) -> Directory {
    let entry = |name: &Name| {
        let own = keys.iter().filter(|((node, _), _)| node == name);
        let public_keys =
            own.map(|((_, network), key)| (network.clone(), *key.public().as_bytes())).collect();
        let place = &ground.nodes[name];
        NodeEntry { public_keys, endpoint: place.endpoint, ..NodeEntry::default() }
    };
    Directory { nodes: ground.nodes.keys().map(|name| (name.clone(), entry(name))).collect() }
}

/// Puts a host behind each workload of a node that a route leads to: it answers by the workload's own link.
pub(super) fn put_behind_workloads(fabric: &Fabric, plan: &mut NodePlan) {
    for (name, address) in behind_workloads(fabric) {
        let Some(workload) = plan.workloads.get(name) else { continue };
        if let Some(state) = plan.host.namespaces.get_mut(&workload.namespace) {
            state.addresses.insert(Address { link: "lo".to_owned(), address: address.into() });
        }
    }
}

/// The first host of each prefix of IPv4 that a route leads to a workload.
pub fn behind_workloads(fabric: &Fabric) -> impl Iterator<Item = (&Name, IpAddr)> {
    let routes = fabric.route_tables.values().flat_map(|table| &table.routes);
    routes.filter(|route| route.to.addr().is_ipv4()).filter_map(|route| match &route.via {
        NextHop::Workload(name) => Some((name, route.to.hosts().next()?)),
        _ => None,
    })
}

/// Where a network's packets leave it, as the engine takes it.
pub(super) fn exits(planned: &NetworkPlan) -> Vec<Exit> {
    let key =
        |node: &Name| planned.peers.get(node).map(|peer| PublicKey::from_bytes(peer.public_key));
    let exits = planned.exits.iter().map(|exit| Exit {
        from: exit.from,
        to: exit.to,
        peers: exit.nodes.iter().filter_map(key).collect(),
    });
    exits.collect()
}

/// The namespace of the ground that has an address: a region's router, for those of its local network,
/// or the internet.
pub(super) fn outside(fabric: &Fabric, address: IpAddr) -> Namespace {
    let local = fabric
        .nodes
        .values()
        .find(|node| node.advertise.iter().any(|one| one.reached_as().contains(&address)));
    local.map_or_else(underlay::internet, |node| underlay::router(&node.region))
}
