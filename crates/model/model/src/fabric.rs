//! The checked fabric: every name resolves, every prefix is well formed, every object knows its line.

use crate::span::Span;
use crate::special::Special;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

mod icmp;
mod network_acl;
mod object;
mod quotas;
mod routing;
mod stock;
mod transport;

pub use icmp::{ICMP_NAMES, IcmpName};
pub use network_acl::{ACL_NUMBER_MAX, AclRule, NetworkAcl};
pub use object::ObjectKind;
pub use quotas::Quotas;
pub use routing::{
    Advertised, Gateway, GatewayKind, NextHop, Peering, PeeringStatus, PrefixList, Route,
    RouteTable,
};
pub use stock::{Reserved, StockPeer};
pub use transport::{NoTransport, Transport};

/// The name of an object: a DNS label (RFC 1123 §2.1), lower case.
pub type Name = String;

/// One fabric, as declared in one or several files.
#[derive(Clone, Debug, Default)]
pub struct Fabric {
    /// Its name.
    pub name: Name,
    /// Regions by name.
    pub regions: BTreeMap<Name, Region>,
    /// Networks by name.
    pub networks: BTreeMap<Name, Network>,
    /// Subnets by name.
    pub subnets: BTreeMap<Name, Subnet>,
    /// Nodes by name.
    pub nodes: BTreeMap<Name, Node>,
    /// Workloads by name.
    pub workloads: BTreeMap<Name, Workload>,
    /// Security groups by name.
    pub security_groups: BTreeMap<Name, SecurityGroup>,
    /// Services by name.
    pub services: BTreeMap<Name, Service>,
    /// Route tables by name.
    pub route_tables: BTreeMap<Name, RouteTable>,
    /// Gateways to the internet by name.
    pub gateways: BTreeMap<Name, Gateway>,
    /// Peerings by name.
    pub peerings: BTreeMap<Name, Peering>,
    /// Prefix lists by name. Rules and routes that name one have its prefixes already.
    pub prefix_lists: BTreeMap<Name, PrefixList>,
    /// Network ACLs by name.
    pub network_acls: BTreeMap<Name, NetworkAcl>,
    /// The service port table. Rules that name an entry have its protocol and port already.
    pub ports: BTreeMap<Name, ServicePort>,
    /// Policy tests in the order of the file.
    pub tests: Vec<PolicyTest>,
    /// How the lab emulates the regions' links; regions not named here have perfect ones.
    pub lab_links: BTreeMap<Name, LabLink>,
}

/// A place where nodes stand.
#[derive(Clone, Debug)]
pub struct Region {
    /// Where it is declared.
    pub span: Span,
    /// Availability zones.
    pub zones: BTreeSet<Name>,
    /// Prefixes of its local networks.
    pub networks: Vec<IpNet>,
    /// Whether its nodes are behind an address translator, and so cannot be called from outside.
    pub nat: bool,
}

/// A private network (VPC).
#[derive(Clone, Debug)]
pub struct Network {
    /// Where it is declared.
    pub span: Span,
    /// Its prefixes, disjoint, IPv4 and IPv6.
    pub cidrs: Vec<IpNet>,
    /// Region it belongs to, if it is bound to one.
    pub region: Option<Name>,
    /// Zones that its subnets may be in; any of its region if empty.
    pub zones: BTreeSet<Name>,
    /// DNS domain of its names, without a dot at the end.
    pub domain: String,
    /// Resolvers that names outside the domain are forwarded to; those of the node if empty.
    pub resolvers: Vec<IpAddr>,
    /// Largest packet of its workloads. More than [`NETWORK_MTU_BYTES`] serves nodes between which jumbo
    /// frames pass; where they do not, nodes find out and senders are told.
    pub mtu_bytes: u32,
    /// How often its nodes agree upon new preshared keys.
    pub key_rotation: Duration,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
}

/// How often nodes agree upon new preshared keys, unless declared.
pub const KEY_ROTATION: Duration = Duration::from_secs(3600);
/// What may be declared: a handshake follows each, of which there is one in five seconds at most.
pub const KEY_ROTATION_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(30 * 86_400);

/// Largest packet of a network unless declared: an outer IPv6 header (40), UDP (8) and WireGuard (32) fit into
/// 1,500 bytes.
pub const NETWORK_MTU_BYTES: u32 = 1420;
/// What may be declared: from IPv6's smallest (RFC 8200 §5) to jumbo frames.
pub const NETWORK_MTU_RANGE: RangeInclusive<u32> = 1280..=9216;

/// A part of a network in one zone.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// Where it is declared.
    pub span: Span,
    /// The network it is a part of.
    pub network: Name,
    /// Its prefixes: inside the network's, disjoint from other subnets'. Its workloads have an address
    /// of the first one of each family that has room.
    pub cidrs: Vec<IpNet>,
    /// Zone it is in.
    pub zone: Option<Name>,
    /// Whether its workloads reach the internet by the network's internet gateway, where its table
    /// says nothing else.
    pub public: bool,
    /// Its route table, of its own or of the network.
    pub route_table: Option<Name>,
    /// The NAT gateway by which it reaches the internet, where its table says nothing else.
    pub nat_gateway: Option<Name>,
    /// Its network ACL, of its own or of the network; without one everything passes.
    pub network_acl: Option<Name>,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// Where its own addresses are: gateway, resolver, and one that is kept.
    pub reserved: Reserved,
}

/// A machine that takes part.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it is declared.
    pub span: Span,
    /// Region it stands in.
    pub region: Name,
    /// Zone it stands in.
    pub zone: Option<Name>,
    /// Roles: control, relay, gateway.
    pub roles: BTreeSet<Role>,
    /// Where other nodes reach it (address or name, and port), if it can be reached.
    pub endpoint: Option<String>,
    /// Prefixes behind it that the fabric may reach.
    pub advertise: Vec<Advertised>,
    /// Free marks.
    pub tags: BTreeSet<String>,
    /// Groups that govern its own traffic in the networks it joins.
    pub security_groups: BTreeSet<Name>,
    /// Files on the node with its private keys, by network; it makes its own key where none is named.
    pub private_key_files: BTreeMap<Name, String>,
}

/// What a node does for the fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Keeps and serves the declared state.
    Control,
    /// Relays for nodes without a direct path.
    Relay,
    /// Connects public subnets with the internet.
    Gateway,
}

/// Something that serves or is served: it has a name, addresses and a policy.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Where it is declared.
    pub span: Span,
    /// The name that it had before, if it was renamed.
    pub was: Option<Name>,
    /// Node it runs on.
    pub node: Name,
    /// Subnet that its addresses come from.
    pub subnet: Name,
    /// Addresses that it asks for; others are allocated.
    pub addresses: Vec<IpAddr>,
    /// Labels that services select by.
    pub labels: BTreeMap<String, String>,
    /// Prefixes behind it: its network reaches them through it. Only stock peers have any.
    pub advertise: Vec<IpNet>,
    /// Groups that govern its traffic; without any, nothing may pass.
    pub security_groups: BTreeSet<Name>,
    /// What can be called from outside, at the nodes of the network's internet gateway.
    pub publish: Vec<Published>,
    /// What it is.
    pub attach: Attach,
}

impl Workload {
    /// Whether another one is declared just so, wherever that is written.
    pub fn is_like(&self, other: &Self) -> bool {
        let Self {
            span: _,
            was: _,
            node,
            subnet,
            addresses,
            labels,
            advertise,
            security_groups,
            publish,
            attach,
        } = self;
        (node, subnet, addresses) == (&other.node, &other.subnet, &other.addresses)
            && (labels, advertise, publish) == (&other.labels, &other.advertise, &other.publish)
            && (security_groups, attach) == (&other.security_groups, &other.attach)
    }
}

/// A port that can be called from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// Protocol: TCP or UDP.
    pub protocol: Protocol,
    /// Port at the gateway's nodes.
    pub port: u16,
    /// Port at the workload.
    pub to: u16,
}

/// An entry of the service port table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Where it is declared.
    pub span: Span,
    /// Port.
    pub port: u16,
    /// Protocol: TCP or UDP.
    pub protocol: Protocol,
    /// Whether it is meant to be called from outside.
    pub is_public: bool,
}

/// What a workload is: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attach {
    /// A container, by the name that its engine knows.
    Container {
        /// Name or id.
        name: String,
    },
    /// A process that the agent starts and keeps running.
    Process {
        /// Program and arguments.
        run: Vec<String>,
        /// Environment.
        environment: BTreeMap<String, String>,
    },
    /// Services of the node itself, on the node's own stack.
    Host,
    /// A network namespace that somebody else made.
    Netns {
        /// Path of its file, such as `/run/netns/blue`.
        path: String,
    },
    /// Built-in servers, for trying things, by kind and port.
    Serve(Vec<Serve>),
    /// A stock WireGuard peer elsewhere, which holds a session with the workload's node alone.
    Wireguard(StockPeer),
    /// A further interface of another workload, in its namespace.
    Interface {
        /// The workload whose interface it is.
        of: Name,
    },
}

/// A built-in server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serve {
    /// What it speaks.
    pub kind: ServeKind,
    /// Port it listens on.
    pub port: u16,
}

/// What a built-in server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServeKind {
    /// HTTP/1.1: answers every request with who answered whom.
    Http,
    /// TCP: sends back what it receives.
    Tcp,
    /// UDP: sends back what it receives.
    Udp,
}

/// A stateful set of allowances; several on one workload add up.
#[derive(Clone, Debug)]
pub struct SecurityGroup {
    /// Where it is declared.
    pub span: Span,
    /// What may come in.
    pub ingress: Vec<GroupRule>,
    /// What may go out.
    pub egress: Vec<GroupRule>,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
}

/// One allowance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// Where it is declared.
    pub span: Span,
    /// Protocol.
    pub protocol: Protocol,
    /// Destination ports; every port if empty. Only TCP and UDP have any.
    pub ports: Vec<PortRange>,
    /// Types of ICMP; every type if empty. Only ICMP has any.
    pub icmp_types: Vec<IcmpTypes>,
    /// The other side: from whom (ingress) or to whom (egress).
    pub peer: Peer,
}

/// A transport protocol in a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Every protocol.
    All,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP on IPv4 and ICMPv6 on IPv6.
    Icmp,
}

/// Ports from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// Lowest port.
    pub first: u16,
    /// Highest port.
    pub last: u16,
}

/// Types of ICMP or ICMPv6 with their codes: `type << 8 | code`, from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IcmpTypes {
    /// Whether they are ICMPv6's.
    pub ipv6: bool,
    /// Lowest.
    pub first: u16,
    /// Highest.
    pub last: u16,
}

/// The other side of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// Every address of both families.
    All,
    /// A prefix.
    Cidr(IpNet),
    /// The members of a group in the same network, and in those peered with it.
    SecurityGroup(Name),
}

/// A name for a set of workloads.
#[derive(Clone, Debug)]
pub struct Service {
    /// Where it is declared.
    pub span: Span,
    /// Middle part of its name: `SERVICE.NAMESPACE.DOMAIN`.
    pub namespace: Name,
    /// Port it is served on.
    pub port: u16,
    /// Protocol it is served by: TCP or UDP.
    pub protocol: Protocol,
    /// Labels that its workloads carry, all of them.
    pub select: BTreeMap<String, String>,
    /// How its members are checked, where they are.
    pub health: Option<HealthCheck>,
}

/// A health check of a service's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Path of an HTTP request; a TCP connection if none.
    pub http: Option<String>,
    /// Time from check to check.
    pub interval: Duration,
    /// Time after which an answer is late.
    pub timeout: Duration,
}

/// A promise about reachability, checked before every apply and tried on real packets in the lab.
#[derive(Clone, Debug)]
pub struct PolicyTest {
    /// Where it is declared.
    pub span: Span,
    /// Who calls.
    pub from: Party,
    /// Who is called.
    pub to: Party,
    /// Protocol: never `All`.
    pub protocol: Protocol,
    /// Destination port, for TCP and UDP.
    pub port: Option<u16>,
    /// What is promised.
    pub expect: Expectation,
}

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// A workload.
    Workload(Name),
    /// A node itself.
    Node(Name),
    /// Any host outside the fabric.
    Internet,
    /// An address.
    Address(IpAddr),
}

/// What a test promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Packets arrive.
    Allow,
    /// Packets do not arrive.
    Deny,
}

/// A link of the lab between a region and the backbone, the same both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LabLink {
    /// One-way delay.
    pub delay: Duration,
    /// Largest deviation from it.
    pub jitter: Duration,
    /// Share of packets lost, in millionths.
    pub loss_ppm: u32,
    /// Share of packets that overtake others, in millionths.
    pub reorder_ppm: u32,
    /// Bits per second; without limit if `None`.
    pub rate_bps: Option<u64>,
}

impl Workload {
    /// Whether it is on the node's own stack rather than in a namespace.
    pub fn is_host(&self) -> bool {
        self.attach == Attach::Host
    }

    /// What it publishes that a port means: one of its own, or else one as it is called outside.
    pub fn published(&self, protocol: Protocol, port: u16) -> Option<&Published> {
        let mut own = self.publish.iter().filter(|one| one.protocol == protocol);
        let outer = own.clone().find(|one| one.port == port);
        own.find(|one| one.to == port).or(outer)
    }

    /// The stock peer that it is, if it is one.
    pub fn stock_peer(&self) -> Option<&StockPeer> {
        match &self.attach {
            Attach::Wireguard(peer) => Some(peer),
            _ => None,
        }
    }
}

impl Fabric {
    /// The further interfaces of a workload, each a workload of its own: found by their names, which
    /// begin with that of the workload.
    pub fn interfaces_of<'a>(
        &'a self,
        workload: &'a str,
    ) -> impl Iterator<Item = (&'a Name, &'a Workload)> + Clone {
        let first = format!("{workload}-");
        let near = self.workloads.range(first..).take_while(move |(name, _)| {
            name.strip_prefix(workload).is_some_and(|rest| rest.starts_with('-'))
        });
        near.filter(
            move |(_, one)| matches!(&one.attach, Attach::Interface { of } if of == workload),
        )
    }

    /// The gateways of a network, by name.
    pub fn gateways_of<'a>(
        &'a self,
        network: &'a str,
    ) -> impl Iterator<Item = (&'a Name, &'a Gateway)> {
        self.gateways.iter().filter(move |(_, gateway)| gateway.network == network)
    }

    /// The peerings of a network that are in force, with the network on the other side.
    pub fn peers_of<'a>(
        &'a self,
        network: &'a str,
    ) -> impl Iterator<Item = (&'a Name, &'a Peering, &'a Name)> {
        let active = self.peerings.iter().filter(|(_, peering)| peering.is_active());
        active
            .filter_map(move |(name, peering)| Some((name, peering, peering.other_than(network)?)))
    }

    /// The network of a workload.
    ///
    /// # Panics
    /// Never on a checked fabric: its workloads' subnets exist.
    pub fn network_of(&self, workload: &Workload) -> &Name {
        &self.subnets[&workload.subnet].network
    }

    /// The end of a flow that `name` means: a workload, a node, `internet`, or an address that is none of
    /// those that Linux leads to nobody ([`Special`]).
    pub fn party(&self, name: &str) -> Option<Party> {
        if self.workloads.contains_key(name) {
            return Some(Party::Workload(name.to_owned()));
        }
        if self.nodes.contains_key(name) {
            return Some(Party::Node(name.to_owned()));
        }
        if name == "internet" {
            return Some(Party::Internet);
        }
        let address = name.parse().ok().filter(|address| Special::of(*address).is_none());
        address.map(Party::Address)
    }

    /// The workloads that a service names, with their names.
    pub fn members<'a>(
        &'a self,
        service: &'a Service,
    ) -> impl Iterator<Item = (&'a Name, &'a Workload)> {
        self.workloads.iter().filter(|(_, workload)| {
            service.select.iter().all(|(key, value)| workload.labels.get(key) == Some(value))
        })
    }
}
