//! Who gets what: the topics that a node follows.

use crate::take_apart::Whole;
use netloom_model::fabric::Name;
use std::collections::BTreeSet;

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
    let mut topics = BTreeSet::from([Topic::All, Topic::Node(node.to_owned())]);
    if let Some(membership) = whole.memberships.of_node(node) {
        topics.extend(membership.networks.iter().cloned().map(Topic::Network));
    }
    let own = whole.fabric.nodes.get(node).into_iter().flat_map(|node| &node.security_groups);
    let here = whole.fabric.workloads.values().filter(|workload| workload.node == node);
    let groups = here.flat_map(|workload| &workload.security_groups).chain(own);
    topics.extend(groups.cloned().map(Topic::Group));
    topics
}
