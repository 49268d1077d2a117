//! The kinds of files that are read, told apart by what is in them.

use crate::document::At;
use netloom_model::tree::{Tree, Value};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Regions with VPCs, subnets by tier, and edge sites.
    RegionsNetwork,
    /// One VPC and its subnets.
    VpcNetwork,
    /// Security groups at the top of a file.
    Firewall,
    /// Security groups and network ACLs under `security`.
    Security,
    /// A program that makes peerings.
    Peering,
    /// Bolt's own network configuration.
    Bolt,
    /// What `aws ec2 describe-…` prints.
    Aws,
    /// A file of Docker Compose.
    Compose,
}

/// Keys of what `aws ec2 describe-…` and `get-…` print.
const AWS_KEYS: [&str; 22] = [
    "Vpcs",
    "Subnets",
    "RouteTables",
    "SecurityGroups",
    "NetworkAcls",
    "NatGateways",
    "InternetGateways",
    "EgressOnlyInternetGateways",
    "VpcPeeringConnections",
    "PrefixLists",
    "Entries",
    "DhcpOptions",
    "Reservations",
    "NetworkInterfaces",
    "TransitGateways",
    "TransitGatewayAttachments",
    "VpcEndpoints",
    "VpnConnections",
    "VpnGateways",
    "CustomerGateways",
    "Addresses",
    "SecurityGroupRules",
];
/// Tables of a file of Bolt, of which two must be there.
const BOLT_KEYS: [&str; 8] =
    ["networking", "vpn", "ghostwire", "firewall", "mesh", "routing", "monitoring", "features"];

impl Kind {
    /// All of them, with the names by which they are asked for.
    pub const ALL: [(&'static str, Self); 8] = [
        ("regions", Self::RegionsNetwork),
        ("vpc", Self::VpcNetwork),
        ("firewall", Self::Firewall),
        ("security", Self::Security),
        ("peering", Self::Peering),
        ("bolt", Self::Bolt),
        ("aws", Self::Aws),
        ("compose", Self::Compose),
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// What such a file is, in words.
    pub fn what(self) -> &'static str {
        match self {
            Self::RegionsNetwork => "a file of regions",
            Self::VpcNetwork => "a file of a VPC",
            Self::Firewall => "a file of security groups",
            Self::Security => "a file of groups and network ACLs",
            Self::Peering => "a program that makes peerings",
            Self::Bolt => "a file of Bolt",
            Self::Aws => "what the AWS command line prints",
            Self::Compose => "a file of Docker Compose",
        }
    }

    /// What a tree is, if its keys tell.
    pub(crate) fn of(tree: &Tree) -> Option<Self> {
        let Value::Map(entries) = &tree.value else { return None };
        let has = |wanted: &str| entries.iter().any(|(key, _)| key.name == wanted);
        let inner = |outer: &str, wanted: &[&str]| {
            let outer = entries.iter().find(|(key, _)| key.name == outer);
            let Some((_, Tree { value: Value::Map(inner), .. })) = outer else { return false };
            inner.iter().any(|(key, _)| wanted.contains(&key.name.as_str()))
        };
        if AWS_KEYS.iter().any(|key| has(key)) {
            Some(Self::Aws)
        } else if inner("network", &["vpc", "subnets"]) {
            Some(Self::VpcNetwork)
        } else if inner("security", &["security_groups", "network_acls"]) {
            Some(Self::Security)
        } else if has("services") {
            Some(Self::Compose)
        } else if has("security_groups") {
            Some(Self::Firewall)
        } else if has("regions") {
            Some(Self::RegionsNetwork)
        } else if BOLT_KEYS.iter().filter(|key| has(key)).count() >= 2 {
            Some(Self::Bolt)
        } else if has("networks") {
            Some(Self::Compose)
        } else {
            None
        }
    }

    /// Whether a tree is a fabric's file.
    pub(crate) fn is_ours(tree: &Tree) -> bool {
        let Value::Map(entries) = &tree.value else { return false };
        let has = |wanted: &str| entries.iter().any(|(key, _)| key.name == wanted);
        has("version") && has("fabric")
    }

    /// Whether a tree of a program has to do with peerings.
    pub(crate) fn is_peering(root: At<'_>) -> bool {
        let told = |key: &str| key.to_ascii_lowercase().contains("peering");
        root.document.all().any(|at| at.key().is_some_and(told))
    }
}
