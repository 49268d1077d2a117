//! Namespaces, links, addresses, neighbours, routes, rules and sysctls as a host should hold them.

use crate::nft::Table;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// A network namespace as the plan names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// The namespace the agent runs in.
    Host,
    /// One that Netloom makes, kept under the agent's run directory as `netns/NAME`.
    Own(String),
    /// One that somebody else made, by the path of its file.
    Path(String),
}

/// All that Netloom keeps on one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostState {
    /// Every namespace that holds anything of ours.
    pub namespaces: BTreeMap<Namespace, NamespaceState>,
}

/// What one namespace holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceState {
    /// Links by name. In a foreign namespace only ours appear.
    pub links: BTreeMap<String, Link>,
    /// Addresses of these links.
    pub addresses: BTreeSet<Address>,
    /// Permanent neighbour entries.
    pub neighbours: BTreeSet<Neighbour>,
    /// Routes with our protocol number.
    pub routes: BTreeSet<Route>,
    /// Policy rules with our protocol number.
    pub rules: BTreeSet<Rule>,
    /// Sysctls by path below `/proc/sys`, such as `net/ipv4/ip_forward`.
    pub sysctls: BTreeMap<String, String>,
    /// nf_tables tables of ours by name.
    pub tables: BTreeMap<String, Table>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is.
    pub kind: LinkKind,
    /// Largest packet, in bytes.
    pub mtu_bytes: u32,
    /// Hardware address, where the plan fixes it.
    pub mac: Option<[u8; 6]>,
    /// Whether it carries packets. A link comes up only after its namespace's tables are in force.
    pub up: bool,
}

/// The kinds of link that Netloom uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `lo`, which every namespace has.
    Loopback,
    /// One end of a veth pair; the other end names this one as its peer.
    Veth {
        /// The other end.
        peer: LinkEnd,
    },
    /// The device whose other end is the engine: TUN, or a stand-in where TUN cannot be had.
    Tunnel,
}

/// A link named together with its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkEnd {
    /// Where it is.
    pub namespace: Namespace,
    /// Its name there.
    pub link: String,
}

/// An address with its prefix length on a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The link's name.
    pub link: String,
    /// Address and prefix length.
    pub address: IpNet,
}

/// A permanent neighbour entry: no resolution, no spoofing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbour {
    /// The link's name.
    pub link: String,
    /// The neighbour's address.
    pub address: IpAddr,
    /// The neighbour's hardware address.
    pub mac: [u8; 6],
}

/// A route in a table of the kernel's FIB.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Table number; 254 is `main`.
    pub table: u32,
    /// Destination; `0.0.0.0/0` and `::/0` are the defaults.
    pub destination: IpNet,
    /// Priority: the lowest metric wins. IPv6 never uses 0.
    pub metric: u32,
    /// What happens to matching packets.
    pub kind: RouteKind,
}

/// What a route does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteKind {
    /// Sends on a link, to a gateway or directly.
    Unicast {
        /// Outgoing link.
        link: String,
        /// Next hop, taken as reachable on the link without a covering address (`onlink`).
        gateway: Option<IpAddr>,
        /// Preferred source address of packets that start here.
        source: Option<IpAddr>,
    },
    /// Refuses with ICMP unreachable.
    Unreachable,
    /// Drops silently.
    Blackhole,
}

/// A policy routing rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Order: the lowest is asked first.
    pub priority: u32,
    /// Whether the rule is for IPv6.
    pub ipv6: bool,
    /// Source prefix it applies to.
    pub from: Option<IpNet>,
    /// Destination prefix it applies to.
    pub to: Option<IpNet>,
    /// Incoming link it applies to.
    pub incoming: Option<String>,
    /// Table it sends to.
    pub table: u32,
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Own(name) | Self::Path(name) => f.write_str(name),
        }
    }
}
