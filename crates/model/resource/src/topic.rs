//! Who gets what: the topics that a node follows.

use crate::take_apart::Whole;
use netloom_model::Fabric;
use netloom_model::fabric::{Name, Node};
use netloom_plan::membership::Memberships;
use std::collections::{BTreeMap, BTreeSet};

/// What a resource is about, and a node may follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// What every node needs: few things that change seldom.
    All,
    /// What only this node needs.
    Node(Name),
    /// Who and what is in this network.
    Network(Name),
    /// The rules of this security group.
    Group(Name),
}

/// The topics that a node follows: its own, its networks', and its workloads' groups'.
pub fn topics(whole: &Whole<'_>, node: &str) -> BTreeSet<Topic> {
    all_topics(whole.fabric, whole.memberships).remove(node).unwrap_or_default()
}

/// The topics that each node follows.
pub fn all_topics(fabric: &Fabric, memberships: &Memberships) -> BTreeMap<Name, BTreeSet<Topic>> {
    let of_node = |(name, node): (&Name, &Node)| {
        let mut topics = BTreeSet::from([Topic::All, Topic::Node(name.clone())]);
        let membership = memberships.of_node(name);
        let networks = membership.into_iter().flat_map(|membership| &membership.networks);
        topics.extend(networks.cloned().map(Topic::Network));
        topics.extend(node.security_groups.iter().cloned().map(Topic::Group));
        (name.clone(), topics)
    };
    let mut all: BTreeMap<Name, BTreeSet<Topic>> = fabric.nodes.iter().map(of_node).collect();
    for workload in fabric.workloads.values() {
        if let Some(topics) = all.get_mut(&workload.node) {
            topics.extend(workload.security_groups.iter().cloned().map(Topic::Group));
        }
    }
    all
}
