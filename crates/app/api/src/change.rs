//! Changes: planned, applied, remembered, gone back to.

use crate::Finding;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A fabric's files, as they were when the user gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// The files that were named.
    pub roots: Vec<String>,
    /// Texts of these, and of what they include.
    pub texts: BTreeMap<String, String>,
}

/// `POST /v1/plan`: what would change.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What would be declared.
    #[serde(default)]
    pub sources: Sources,
    /// The revision that would be gone back to, instead of those.
    #[serde(default)]
    pub rollback_to: Option<u64>,
}

/// `POST /v1/apply`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// What is to be declared.
    pub sources: Sources,
    /// Why.
    #[serde(default)]
    pub message: String,
    /// Who.
    #[serde(default)]
    pub author: String,
    /// Only if this revision is in force.
    #[serde(default)]
    pub expected_revision: Option<u64>,
    /// How long to wait for the nodes, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
    /// Keep the revision even if nodes refuse it; else control goes back to the one before.
    #[serde(default)]
    pub keep_refused: bool,
}

/// `POST /v1/rollback`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// The revision to go back to.
    pub revision: u64,
    /// Only if this revision is in force.
    #[serde(default)]
    pub expected_revision: Option<u64>,
    /// Why.
    #[serde(default)]
    pub message: String,
    /// Who.
    #[serde(default)]
    pub author: String,
    /// How long to wait for the nodes, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
    /// Keep the revision even if nodes refuse it; else control goes back to the one before.
    #[serde(default)]
    pub keep_refused: bool,
}

/// What a change does, or would do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Proposed {
    /// The revision that it is compared with.
    pub base_revision: u64,
    /// What changes on each node; nodes on which nothing does are left out.
    pub nodes: BTreeMap<String, NodeChange>,
    /// Nodes beyond those, which were too many to plan.
    #[serde(default)]
    pub nodes_not_planned: usize,
    /// Workloads that are called otherwise.
    #[serde(default)]
    pub renamed: Vec<Rename>,
    /// Flows that open or close.
    pub flows: Vec<Flow>,
    /// Pairs of ends that were too many to compare.
    #[serde(default)]
    pub flows_not_compared: usize,
    /// How many tests the file has.
    pub tests: usize,
    /// Those of them that would not hold, which a plan tells of, and for which an apply is refused.
    #[serde(default)]
    pub broken_tests: Vec<Finding>,
    /// Warnings.
    pub warnings: Vec<Finding>,
}

/// A workload that is called otherwise, and stays who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    /// Its name until now.
    pub from: String,
    /// Its name from then on.
    pub to: String,
    /// Its addresses from then on: those that it had, unless it moves to another network or asks for others.
    pub addresses: Vec<String>,
}

/// What changes on one node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NodeChange {
    /// What its kernel is told, in order.
    pub operations: Vec<String>,
    /// Workloads that start.
    pub started: Vec<String>,
    /// Workloads that stop.
    pub stopped: Vec<String>,
    /// Peers that change, each `network/node`.
    pub peers: Vec<String>,
    /// Networks whose names change.
    pub names: Vec<String>,
}

/// Flows that open or close alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Who calls.
    pub from: Vec<String>,
    /// Who is called.
    pub to: String,
    /// What may pass from now on, such as `tcp 5432`.
    pub opened: Vec<String>,
    /// What may pass no more.
    pub closed: Vec<String>,
}

/// The answer to an apply, a rollback, or an edit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Applied {
    /// The revision that was made, or the one in force if nothing has changed.
    pub revision: u64,
    /// Whether there was anything to change.
    pub changed: bool,
    /// What changed.
    pub proposed: Proposed,
    /// Nodes that hold it.
    pub applied: Vec<String>,
    /// Connected nodes that do not hold it yet.
    pub behind: Vec<String>,
    /// Declared nodes that are not connected; they fetch it when they are.
    pub away: Vec<String>,
    /// What nodes could not put in force.
    pub refused: Vec<NodeRefusal>,
    /// The revision that was gone back to since nodes refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_to: Option<u64>,
    /// The revision in force, where nodes refused this one and others had changed something since: nothing
    /// was gone back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overtaken_by: Option<u64>,
}

/// Something that a node could not put in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRefusal {
    /// The node.
    pub node: String,
    /// What it is about, such as `workload db-1`.
    pub what: String,
    /// Why, and what to do.
    pub reason: String,
}

/// `GET /v1/revisions`, `GET /v1/revisions/N`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Revision {
    /// Its number.
    pub number: u64,
    /// When: milliseconds since 1970.
    pub time_ms: u64,
    /// Who.
    pub author: String,
    /// Why.
    pub message: String,
    /// The revision that it goes back to, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_of: Option<u64>,
    /// How many workloads it declares.
    pub workloads: u64,
    /// Its files; only where one revision is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources: Option<Sources>,
    /// What was declared through the API, as a file of its own that is in force beside the others; only
    /// where one revision is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
}
