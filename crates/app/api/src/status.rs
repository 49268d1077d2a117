//! How the fabric is.

use crate::NodeRefusal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `GET /v1/status`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// The fabric's name.
    pub fabric: String,
    /// Its id, 32 hexadecimal digits.
    pub fabric_id: String,
    /// The revision in force.
    pub revision: u64,
    /// Control's software.
    pub software: String,
    /// Nodes that are declared, or have joined, by name.
    pub nodes: BTreeMap<String, Node>,
    /// Workloads by name.
    pub workloads: BTreeMap<String, Workload>,
    /// Networks and their prefixes.
    pub networks: BTreeMap<String, Vec<String>>,
    /// Members of control by node, where there can be several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub control: BTreeMap<String, ControlMember>,
}

/// How a member of control is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ControlMember {
    /// Where it answers, each `host:port`.
    pub endpoints: Vec<String>,
    /// Whether the member that was asked hears it, or is it.
    pub heard: bool,
}

/// How a node is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Node {
    /// Who it is, whatever is changed of it; empty where it is not declared.
    #[serde(default)]
    pub uid: String,
    /// `connected`, `away`, `waiting` (for approval), `revoked`, `not joined`, `undeclared`.
    pub state: String,
    /// Its region.
    #[serde(default)]
    pub region: String,
    /// Its address in the fabric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Where others call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Whether it holds what it shall hold.
    pub current: bool,
    /// The newest revision of which it holds all that concerns it, as far as control knows. What it could not
    /// put in force of that stands in `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Its software.
    #[serde(default)]
    pub software: String,
    /// When it was last heard of: milliseconds since 1970.
    #[serde(default)]
    pub last_seen_ms: u64,
    /// What it could not put in force.
    #[serde(default)]
    pub refused: Vec<NodeRefusal>,
    /// What it says is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its own report: networks, peers, workloads, counters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Value>,
}

/// How a workload is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Workload {
    /// Who it is, whatever is changed of it.
    #[serde(default)]
    pub uid: String,
    /// Its node.
    pub node: String,
    /// Its network.
    pub network: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its whole name.
    pub name: String,
    /// Its state as its node says; `unknown` if that is away.
    pub state: String,
    /// What happened last, where something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
