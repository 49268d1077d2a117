//! Objects of the fabric, declared one by one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `GET /v1/objects`: all that is declared and has a name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Objects {
    /// The revision in force.
    pub revision: u64,
    /// Objects by section and name. Gateways are in one section, whatever their kind.
    pub objects: BTreeMap<String, BTreeMap<String, Object>>,
}

/// Who an object is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// A UUID that it keeps while it is changed or renamed. One that is removed and declared again is another.
    pub uid: String,
    /// The revision that made it; 0 where that was before objects had uids.
    pub since: u64,
}

/// `POST /v1/objects/SECTION/NAME`: declares a network, a subnet, a security group, a node, a workload, a service,
/// a route table, a gateway, a peering, a prefix list, a network ACL or a service port.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declare {
    /// The object, as it would stand in the fabric's file below its name. A network may name `zones`,
    /// which must be those of its region; a subnet may leave `network` out where its prefixes are in
    /// one network only, and a route table where it leads to gateways of one only.
    pub declaration: Value,
    /// Whether one that was declared through the API before is replaced.
    #[serde(default)]
    pub replace: bool,
    /// Whether the addresses that a workload is given are declared with it, so that they stay its own
    /// whatever others ask for.
    #[serde(default)]
    pub pin_addresses: bool,
    /// Who asks.
    #[serde(default)]
    pub author: String,
    /// How long to wait for the nodes, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
    /// Keep the revision even if nodes refuse it; else control goes back to the one before.
    #[serde(default)]
    pub keep_refused: bool,
}

/// `POST /v1/objects`: declares several objects at once, all of them or none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclareAll {
    /// The objects by section and name, each as [`Declare::declaration`].
    pub objects: BTreeMap<String, BTreeMap<String, Value>>,
    /// Whether those that were declared through the API before are replaced.
    #[serde(default)]
    pub replace: bool,
    /// The network that all of them are of, as that of a file of wg-quick. Its workloads are then labelled
    /// `netloom-setup`; with `replace`, those of an earlier time that are no longer among the objects are
    /// withdrawn, and what is of another network, or no WireGuard peer, is not replaced.
    #[serde(default)]
    pub network: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub author: String,
    /// How long to wait for the nodes, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
    /// Keep the revision even if nodes refuse it; else control goes back to the one before.
    #[serde(default)]
    pub keep_refused: bool,
}

/// `POST /v1/objects/SECTION/NAME/remove`: takes such an object back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Who asks.
    #[serde(default)]
    pub author: String,
    /// How long to wait for the nodes, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
    /// Keep the revision even if nodes refuse it; else control goes back to the one before.
    #[serde(default)]
    pub keep_refused: bool,
}
