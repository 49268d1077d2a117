//! A plan brought up to date with what other nodes do, at the cost of what that concerns.

use crate::input::PlanInput;
use crate::naming::TUNNEL;
use crate::topology::{border_of, network_namespace, policy_of};
use crate::{NodePlan, firewall, names, peers, topology};
use netloom_model::fabric::Name;
use netloom_state::Namespace;
use netloom_state::host::{Route, RouteKind};
use std::collections::BTreeSet;

/// What of a node's plan is out of date after changes of groups, other nodes, and their workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// Nodes with other keys, endpoints or addresses.
    pub peers: BTreeSet<Name>,
    /// Networks with other rules, or other workloads on other nodes: their policy and their names.
    pub networks: BTreeSet<Name>,
    /// Whether networks that the node takes no part in came, went, or have other prefixes.
    pub prefixes: bool,
}

/// Makes the plan of `node` what [`plan`](crate::plan) would make of `input`, where the two inputs
/// differ in nothing but what is stale. Gives the namespaces whose state is another one now.
pub fn refresh(
    plan: &mut NodePlan,
    input: &PlanInput<'_>,
    node: &str,
    stale: &Stale,
) -> BTreeSet<Namespace> {
    for (network, planned) in &mut plan.networks {
        for other in stale.peers.iter().filter(|other| other.as_str() != node) {
            match peers::peer(input, node, other, network) {
                Some(peer) => planned.peers.insert(other.clone(), peer),
                None => planned.peers.remove(other),
            };
        }
    }
    let mut changed = BTreeSet::new();
    if stale.prefixes && input.fabric.nodes.contains_key(node) {
        let stops: BTreeSet<Route> = topology::host_stops(input, node).into_iter().collect();
        let routes = &mut plan.host.namespaces.entry(Namespace::Host).or_default().routes;
        let is_stop = |route: &&Route| route.kind == RouteKind::Unreachable;
        if !routes.iter().filter(is_stop).eq(&stops) {
            routes.retain(|route| !is_stop(&route));
            routes.extend(stops);
            changed.insert(Namespace::Host);
        }
    }
    for (network, planned) in &mut plan.networks {
        if !stale.networks.contains(network) {
            continue;
        }
        planned.names = names::names(input, network);
        planned.views = names::views(input, node, network);
        planned.exits = peers::exits(input, node, network);
        let (locals, policy) = policy_of(input, node, network);
        let border = border_of(input, node, network);
        let table = firewall::table(TUNNEL, &locals, &border, &policy);
        planned.policy = policy;
        let namespace = network_namespace(network);
        let tables = &mut plan.host.namespaces.entry(namespace.clone()).or_default().tables;
        if tables.get(firewall::TABLE) != Some(&table) {
            tables.insert(firewall::TABLE.to_owned(), table);
            changed.insert(namespace);
        }
    }
    changed
}
