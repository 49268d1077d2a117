//! What a change does to each node that it concerns.

use netloom_model::fabric::Name;
use netloom_plan::NodePlan;
use netloom_plan::input::PlanInput;
use netloom_resource::{Topic, Whole, all_topics, resources};
use netloom_state::diff;
use std::collections::{BTreeMap, BTreeSet};

/// What a change does to one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeChange {
    /// What the kernel is told, in order, in words.
    pub operations: Vec<String>,
    /// Workloads that start.
    pub started: Vec<Name>,
    /// Workloads that stop.
    pub stopped: Vec<Name>,
    /// Other nodes, by network, that it begins to talk to, or stops talking to, or talks to otherwise.
    pub peers: Vec<(Name, Name)>,
    /// Networks whose names change.
    pub names: Vec<Name>,
}

impl NodeChange {
    /// Whether nothing changes after all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Most nodes that are planned one by one; what is beyond is counted.
pub const NODES_MAX: usize = 100;

/// What a change does to the nodes that it concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// What changes on each node; nodes on which nothing does are left out.
    pub nodes: BTreeMap<Name, NodeChange>,
    /// Nodes beyond those, which were too many to plan.
    pub not_planned: usize,
}

/// What changes on each node, for the first `nodes_max` nodes that the change concerns.
pub fn operations(before: &Whole<'_>, after: &Whole<'_>, nodes_max: usize) -> Operations {
    let concerned = concerned(before, after);
    let not_planned = concerned.len().saturating_sub(nodes_max);
    let node = |name: Name| {
        let (old, new) = (plan(before, &name), plan(after, &name));
        let change = compare(&old, &new);
        (!change.is_empty()).then_some((name, change))
    };
    let nodes = concerned.into_iter().take(nodes_max).filter_map(node).collect();
    Operations { nodes, not_planned }
}

/// The nodes that follow a topic of something that changed.
fn concerned(before: &Whole<'_>, after: &Whole<'_>) -> BTreeSet<Name> {
    let (old, new) = (resources(before), resources(after));
    let mut changed: BTreeSet<Topic> = BTreeSet::new();
    for (key, entry) in &new {
        if old.get(key) != Some(entry) {
            changed.extend(entry.topics.iter().cloned());
        }
    }
    for (key, entry) in &old {
        if new.get(key) != Some(entry) {
            changed.extend(entry.topics.iter().cloned());
        }
    }
    let nodes = before.fabric.nodes.keys().chain(after.fabric.nodes.keys());
    let follows = [before, after].map(|whole| all_topics(whole.fabric, whole.memberships));
    nodes
        .filter(|node| {
            let topics = follows.iter().filter_map(|all| all.get(*node)).flatten();
            topics.into_iter().any(|topic| changed.contains(topic))
        })
        .cloned()
        .collect()
}

fn plan(whole: &Whole<'_>, node: &str) -> NodePlan {
    let input = PlanInput {
        fabric: whole.fabric,
        fabric_id: whole.fabric_id,
        leases: whole.leases,
        directory: whole.directory,
        memberships: whole.memberships,
        attachments: &BTreeMap::new(),
    };
    netloom_plan::plan(&input, node).unwrap_or_default()
}

fn compare(old: &NodePlan, new: &NodePlan) -> NodeChange {
    let differs = |name: &Name| old.workloads.get(name) != new.workloads.get(name);
    let mut change = NodeChange {
        operations: diff(&new.host, &old.host).iter().map(ToString::to_string).collect(),
        started: new.workloads.keys().filter(|name| differs(name)).cloned().collect(),
        stopped: old.workloads.keys().filter(|name| differs(name)).cloned().collect(),
        ..NodeChange::default()
    };
    let networks: BTreeSet<&Name> = old.networks.keys().chain(new.networks.keys()).collect();
    for network in networks {
        let (was, is) = (old.networks.get(network), new.networks.get(network));
        let peers: BTreeSet<&Name> =
            [was, is].into_iter().flatten().flat_map(|plan| plan.peers.keys()).collect();
        for peer in peers {
            let of = |plan: Option<&netloom_plan::NetworkPlan>| plan?.peers.get(peer).cloned();
            if of(was) != of(is) {
                change.peers.push((network.clone(), peer.clone()));
            }
        }
        if was.map(|plan| &plan.names) != is.map(|plan| &plan.names) {
            change.names.push(network.clone());
        }
    }
    change
}
