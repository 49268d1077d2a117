//! Ways out of a network: route tables, gateways, peerings, and prefixes behind nodes.

use super::Name;
use crate::span::Span;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// The routes of subnets. The network's own prefixes are local in every table and are not listed.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// Where it is declared.
    pub span: Span,
    /// The network whose subnets may use it.
    pub network: Name,
    /// Static routes; each prefix once.
    pub routes: Vec<Route>,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it is declared.
    pub span: Span,
    /// Destinations; the longest prefix wins.
    pub to: IpNet,
    /// Where packets for them go.
    pub via: NextHop,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextHop {
    /// A gateway to the internet: NAT, internet, or egress only.
    Gateway(Name),
    /// Another network.
    Peering(Name),
    /// What is behind a node.
    Node(Name),
    /// A workload that forwards, or a stock peer.
    Workload(Name),
    /// Nowhere: packets are dropped.
    Blackhole,
}

/// A gateway to the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Where it is declared.
    pub span: Span,
    /// The network that it serves.
    pub network: Name,
    /// What it does.
    pub kind: GatewayKind,
    /// Nodes that it is on; the first one that is alive is used.
    pub nodes: Vec<Name>,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
}

/// What a gateway does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GatewayKind {
    /// Lets workloads call the internet over IPv4 by the node's address; nothing can call them.
    Nat,
    /// The same, and what workloads publish can be called; IPv6 passes as it is.
    Internet,
    /// Lets workloads call the internet over IPv6 as they are; nothing can call them.
    EgressOnly,
}

/// Two networks that reach each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peering {
    /// Where it is declared.
    pub span: Span,
    /// The two.
    pub networks: [Name; 2],
    /// Whether packets pass.
    pub status: PeeringStatus,
    /// Whether both sides' subnets have routes to the other's prefixes by themselves.
    pub has_own_routes: bool,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
}

/// The state of a peering. Packets pass while it is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeeringStatus {
    /// Asked for, not yet accepted.
    Pending,
    /// In force.
    #[default]
    Active,
    /// Refused by the other side.
    Rejected,
    /// Given up.
    Deleted,
}

/// Prefixes under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixList {
    /// Where it is declared.
    pub span: Span,
    /// The prefixes.
    pub entries: Vec<IpNet>,
    /// What it counts as in a rule's quota, however many it has.
    pub entries_max: usize,
}

/// A prefix behind a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advertised {
    /// The prefix as it is there.
    pub prefix: IpNet,
    /// As the fabric sees it, address by address, if not as it is.
    pub seen_as: Option<IpNet>,
    /// The networks that reach it; those that the node is in, if none is named.
    pub networks: BTreeSet<Name>,
}

impl Advertised {
    /// The prefix under which the fabric reaches it.
    pub fn reached_as(&self) -> IpNet {
        self.seen_as.unwrap_or(self.prefix)
    }
}

impl Peering {
    /// The other side, if `network` is one of the two.
    pub fn other_than(&self, network: &str) -> Option<&Name> {
        match &self.networks {
            [one, other] if one == network => Some(other),
            [one, other] if other == network => Some(one),
            _ => None,
        }
    }

    /// Whether packets pass.
    pub fn is_active(&self) -> bool {
        self.status == PeeringStatus::Active
    }
}

impl PeeringStatus {
    /// Each status and its word.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("active", Self::Active),
        ("pending", Self::Pending),
        ("rejected", Self::Rejected),
        ("deleted", Self::Deleted),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::Deleted => "deleted",
        }
    }
}
