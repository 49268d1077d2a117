//! What a network is made of beside its workloads: subnets, ways out, borders and groups.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A subnet of a network.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Subnet {
    /// Who it is, whatever is changed of it.
    #[serde(default)]
    pub uid: String,
    /// Its prefixes.
    pub cidrs: Vec<String>,
    /// Its zone.
    pub zone: Option<String>,
    /// Whether it reaches the internet by its network's internet gateway, where its table says nothing else.
    pub public: bool,
    /// Its route table, of its own or of the network.
    pub route_table: Option<String>,
    /// Its NAT gateway, where its table says nothing else.
    pub nat_gateway: Option<String>,
    /// Its network ACL, of its own or of the network.
    pub network_acl: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Who declares it: `file` or `api`.
    pub owner: String,
}

/// A route table. The network's own prefixes are local in every one, and not listed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RouteTable {
    /// Who it is, whatever is changed of it.
    #[serde(default)]
    pub uid: String,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Who declares it: `file` or `api`.
    pub owner: String,
}

/// A route.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Route {
    /// Destinations, as a prefix.
    pub to: String,
    /// What it leads to: `gateway`, `peering`, `node`, `workload` or `blackhole`.
    pub kind: String,
    /// The name of that; empty for `blackhole`.
    pub via: String,
}

/// A gateway to the internet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gateway {
    /// Who it is, whatever is changed of it.
    #[serde(default)]
    pub uid: String,
    /// `nat`, `internet` or `egress only`.
    pub kind: String,
    /// Its nodes, of which the first one that is alive is used.
    pub nodes: Vec<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Who declares it: `file` or `api`.
    pub owner: String,
}

/// A peering.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Peering {
    /// Who it is, whatever is changed of it.
    #[serde(default)]
    pub uid: String,
    /// The two networks, the one that asked first.
    pub networks: [String; 2],
    /// `active` (packets pass), `pending`, `rejected` or `deleted`.
    pub status: String,
    /// `auto`, where both sides have routes by themselves, or `manual`.
    pub routes: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Who declares it: `file` or `api`.
    pub owner: String,
}

/// The rules of a network ACL or a security group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RuleSet {
    /// Who it is, whatever is changed of it.
    #[serde(default)]
    pub uid: String,
    /// For what comes in.
    pub ingress: Vec<Rule>,
    /// For what goes out.
    pub egress: Vec<Rule>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Who declares it: `file` or `api`.
    pub owner: String,
}

/// A rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rule {
    /// Its place in the order, in a network ACL.
    pub number: Option<u16>,
    /// `allow` or `deny`.
    pub action: String,
    /// `all`, `tcp`, `udp` or `icmp`.
    pub protocol: String,
    /// Ports, as `443` or `1024-65535`; all if empty.
    pub ports: Vec<String>,
    /// Types of ICMP, as `icmp 8` or `icmpv6 1/4`; all if empty.
    pub types: Vec<String>,
    /// The other side: any of `all`, prefixes, and `security group NAME`.
    pub peers: Vec<String>,
}
