//! Networks, changed one by one while they run.

mod way;

pub use way::{Gateway, Peering, Route, RouteTable, Rule, RuleSet, Subnet};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `GET /v1/networks`, `GET /v1/networks/NAME`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Who it is, whatever is changed of it.
    #[serde(default)]
    pub uid: String,
    /// Its prefixes.
    pub cidrs: Vec<String>,
    /// Its DNS domain.
    pub domain: String,
    /// Who declares it: `file` or `api`.
    pub owner: String,
    /// Its region, if it is bound to one.
    #[serde(default)]
    pub region: Option<String>,
    /// Zones of its subnets; any of its region if empty.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Resolvers of all other names; those of the node if empty.
    #[serde(default)]
    pub resolvers: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its subnets and their prefixes.
    pub subnets: BTreeMap<String, Vec<String>>,
    /// The same subnets, and what else is declared of them.
    #[serde(default)]
    pub subnet_details: BTreeMap<String, Subnet>,
    /// Its route tables.
    #[serde(default)]
    pub route_tables: BTreeMap<String, RouteTable>,
    /// Its gateways to the internet.
    #[serde(default)]
    pub gateways: BTreeMap<String, Gateway>,
    /// Its peerings, which stand in the other network too.
    #[serde(default)]
    pub peerings: BTreeMap<String, Peering>,
    /// Its network ACLs.
    #[serde(default)]
    pub network_acls: BTreeMap<String, RuleSet>,
    /// The security groups of its workloads.
    #[serde(default)]
    pub security_groups: BTreeMap<String, RuleSet>,
    /// Nodes that take part.
    pub nodes: Vec<String>,
    /// Its workloads.
    pub workloads: BTreeMap<String, Member>,
}

/// A workload of a network.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Member {
    /// Who it is, whatever is changed of it.
    #[serde(default)]
    pub uid: String,
    /// Its node.
    pub node: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Groups that govern its traffic.
    pub security_groups: Vec<String>,
    /// Who declares it: `file` or `api`.
    pub owner: String,
}

/// `POST /v1/networks`: makes a network with one subnet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeNetwork {
    /// Its name.
    pub name: String,
    /// Its prefixes; a free one of 10.0.0.0/8 if none is given.
    #[serde(default)]
    pub cidrs: Vec<String>,
    /// Its DNS domain; `NAME.internal` if none is given.
    #[serde(default)]
    pub domain: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub author: String,
    /// Keep the revision even if nodes refuse it; else control goes back to the one before.
    #[serde(default)]
    pub keep_refused: bool,
}

/// `POST /v1/networks/NAME/connect`: brings a container or a foreign namespace into a network.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// A workload that is a container or a foreign namespace, or the name of a container.
    pub workload: String,
    /// Node that the container runs on; that of the workload if it is declared.
    #[serde(default)]
    pub node: Option<String>,
    /// Subnet; the network's first one if none is given.
    #[serde(default)]
    pub subnet: Option<String>,
    /// Groups that govern its traffic there; those of the workload if none are given.
    #[serde(default)]
    pub security_groups: Vec<String>,
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

/// `POST /v1/networks/NAME/disconnect`, `POST /v1/networks/NAME/remove`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disconnect {
    /// What was connected; empty where the network itself is removed.
    #[serde(default)]
    pub workload: String,
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
