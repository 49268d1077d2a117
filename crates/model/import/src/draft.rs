//! The fabric that is made, as objects by name; what they mean is that of the file's format.

use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Tags of an object.
pub(crate) type Tags = BTreeMap<String, String>;

/// A fabric under way.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) name: Option<String>,
    pub(crate) regions: BTreeMap<String, Region>,
    pub(crate) networks: BTreeMap<String, Network>,
    pub(crate) subnets: BTreeMap<String, Subnet>,
    pub(crate) route_tables: BTreeMap<String, RouteTable>,
    pub(crate) nat_gateways: BTreeMap<String, Gateway>,
    pub(crate) internet_gateways: BTreeMap<String, Gateway>,
    pub(crate) peerings: BTreeMap<String, Peering>,
    pub(crate) prefix_lists: BTreeMap<String, PrefixList>,
    pub(crate) network_acls: BTreeMap<String, NetworkAcl>,
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) security_groups: BTreeMap<String, Group>,
    pub(crate) workloads: BTreeMap<String, Workload>,
    pub(crate) tests: Vec<Test>,
}

#[derive(Debug, Default)]
pub(crate) struct Region {
    pub(crate) zones: BTreeSet<String>,
    pub(crate) networks: Vec<IpNet>,
    pub(crate) nat: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) cidrs: Vec<IpNet>,
    pub(crate) region: Option<String>,
    pub(crate) route_table: Option<String>,
    pub(crate) network_acl: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) resolvers: Vec<IpAddr>,
    pub(crate) tags: Tags,
}

#[derive(Debug, Default)]
pub(crate) struct Subnet {
    pub(crate) network: String,
    pub(crate) cidrs: Vec<IpNet>,
    pub(crate) zone: Option<String>,
    pub(crate) public: bool,
    pub(crate) route_table: Option<String>,
    pub(crate) nat_gateway: Option<String>,
    pub(crate) network_acl: Option<String>,
    pub(crate) tags: Tags,
}

#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    pub(crate) network: String,
    pub(crate) routes: Vec<Route>,
    pub(crate) tags: Tags,
}

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) to: Side,
    pub(crate) via: Via,
}

/// Where a route leads.
#[derive(Debug)]
pub(crate) enum Via {
    NatGateway(String),
    InternetGateway(String),
    Peering(String),
    Blackhole,
}

#[derive(Debug, Default)]
pub(crate) struct Gateway {
    pub(crate) network: String,
    pub(crate) egress_only: bool,
    pub(crate) tags: Tags,
}

#[derive(Debug)]
pub(crate) struct Peering {
    pub(crate) networks: [String; 2],
    pub(crate) status: &'static str,
    pub(crate) routes: &'static str,
    pub(crate) tags: Tags,
}

#[derive(Debug, Default)]
pub(crate) struct PrefixList {
    pub(crate) entries: Vec<(IpNet, Option<String>)>,
    pub(crate) max_entries: Option<u32>,
}

#[derive(Debug, Default)]
pub(crate) struct NetworkAcl {
    pub(crate) network: String,
    pub(crate) ingress: Vec<AclRule>,
    pub(crate) egress: Vec<AclRule>,
    pub(crate) tags: Tags,
}

#[derive(Debug)]
pub(crate) struct AclRule {
    pub(crate) number: u32,
    pub(crate) allow: bool,
    pub(crate) matched: Match,
    pub(crate) side: Side,
}

#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) region: String,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) advertise: Vec<IpNet>,
    pub(crate) tags: Vec<String>,
    pub(crate) note: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) description: Option<String>,
    pub(crate) ingress: Vec<Rule>,
    pub(crate) egress: Vec<Rule>,
    pub(crate) tags: Tags,
    /// The network that the source has it in; not written, for groups are not bound to one.
    pub(crate) home: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) matched: Match,
    pub(crate) side: Side,
    pub(crate) note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Icmp,
    /// On IPv6 alone.
    Icmpv6,
    All,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::All => "all",
        }
    }

    pub(crate) fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }
}

/// Ports from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl std::fmt::Display for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// Which packets a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) protocol: Protocol,
    /// All ports, if none is named.
    pub(crate) ports: Option<Ports>,
    /// All types of ICMP, if none is named.
    pub(crate) icmp_type: Option<IcmpType>,
}

/// A type of ICMP; all its codes, if none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IcmpType {
    pub(crate) number: u8,
    pub(crate) code: Option<u8>,
}

impl std::fmt::Display for IcmpType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            None => write!(f, "{}", self.number),
            Some(code) => write!(f, "{}/{code}", self.number),
        }
    }
}

impl Match {
    pub(crate) const ALL: Self = Self { protocol: Protocol::All, ports: None, icmp_type: None };

    /// Whether all packets of the protocol's port are among them.
    pub(crate) fn holds(&self, protocol: Protocol, ports: Ports) -> bool {
        let same = self.protocol == Protocol::All || self.protocol == protocol;
        let within =
            self.ports.is_none_or(|own| own.first <= ports.first && ports.last <= own.last);
        same && within && self.icmp_type.is_none()
    }

    /// Whether some packets of the protocol's ports are among them.
    pub(crate) fn touches(&self, protocol: Protocol, ports: Ports) -> bool {
        let same = self.protocol == Protocol::All || self.protocol == protocol;
        same && self.ports.is_none_or(|own| own.first <= ports.last && ports.first <= own.last)
    }
}

/// The other side of a rule, or where a route goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    All,
    Cidr(IpNet),
    Group(String),
    PrefixList(String),
}

#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) node: String,
    pub(crate) subnet: String,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) labels: Tags,
    pub(crate) security_groups: Vec<String>,
    pub(crate) interfaces: Vec<Interface>,
    /// Port outside, protocol, port of the workload.
    pub(crate) publish: Vec<(u16, Protocol, u16)>,
    pub(crate) attach: Attach,
}

/// A further interface of a workload.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) subnet: String,
    pub(crate) security_group: String,
    pub(crate) addresses: Vec<IpAddr>,
}

#[derive(Debug)]
pub(crate) enum Attach {
    Container(String),
    Serve { tcp: Vec<u16>, udp: Vec<u16> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) port: String,
    pub(crate) allow: bool,
}
