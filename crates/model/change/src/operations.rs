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
    /// Other nodes and stock peers, by network, that it begins to talk to, or stops talking to, or talks to otherwise.
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
    let node = |(name, concern): (Name, Concern)| {
        let (old, new) = (plan(before, &name, &concern), plan(after, &name, &concern));
        let change = compare(&old, &new);
        (!change.is_empty()).then_some((name, change))
    };
    let nodes = concerned.into_iter().take(nodes_max).filter_map(node).collect();
    Operations { nodes, not_planned }
}

/// How much of a node a change may concern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Concern {
    Whole,
    /// Only what it has for these networks.
    Networks(BTreeSet<Name>),
}

impl Concern {
    /// What a change of something with this topic concerns of a node that follows it.
    fn add(&mut self, topic: &Topic) {
        match (&mut *self, topic) {
            (Self::Networks(networks), Topic::Network(network)) => {
                networks.insert(network.clone());
            }
            // Its own memberships and workloads, groups wherever they are used, and what all get.
            _ => *self = Self::Whole,
        }
    }
}

/// The nodes that follow a topic of something that changed.
fn concerned(before: &Whole<'_>, after: &Whole<'_>) -> BTreeMap<Name, Concern> {
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
        .filter_map(|node| {
            let topics = follows.iter().filter_map(|all| all.get(node)).flatten();
            let mut concern = Concern::Networks(BTreeSet::new());
            topics.filter(|topic| changed.contains(*topic)).for_each(|topic| concern.add(topic));
            let nothing = concern == Concern::Networks(BTreeSet::new());
            (!nothing).then(|| (node.clone(), concern))
        })
        .collect()
}

fn plan(whole: &Whole<'_>, node: &str, concern: &Concern) -> NodePlan {
    let input = PlanInput {
        fabric: whole.fabric,
        fabric_id: whole.fabric_id,
        leases: whole.leases,
        directory: whole.directory,
        memberships: whole.memberships,
        attachments: &BTreeMap::new(),
    };
    let planned = match concern {
        Concern::Whole => netloom_plan::plan(&input, node),
        Concern::Networks(networks) => netloom_plan::plan_networks(&input, node, networks),
    };
    planned.unwrap_or_default()
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
        let plans = || [was, is].into_iter().flatten();
        // Nodes and workloads share no name.
        let peers: BTreeSet<&Name> =
            plans().flat_map(|plan| plan.peers.keys().chain(plan.stock_peers.keys())).collect();
        for peer in peers {
            let of = |plan: Option<&netloom_plan::NetworkPlan>| plan?.peers.get(peer).cloned();
            let stock =
                |plan: Option<&netloom_plan::NetworkPlan>| plan?.stock_peers.get(peer).cloned();
            if of(was) != of(is) || stock(was) != stock(is) {
                change.peers.push((network.clone(), peer.clone()));
            }
        }
        if was.map(|plan| (&plan.names, &plan.views)) != is.map(|plan| (&plan.names, &plan.views)) {
            change.names.push(network.clone());
        }
    }
    change
}
