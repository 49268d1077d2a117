//! Operations: the only way in which Netloom changes a host.

use crate::host::{Address, LinkEnd, Namespace, Neighbour, Route, RouteKind, Rule};
use crate::nft::Change;
use std::fmt;

/// One change to one namespace. Executing one that is already in effect is not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Makes a namespace of our own.
    CreateNamespace {
        /// Its name.
        namespace: Namespace,
    },
    /// Removes a namespace of our own with all that is in it.
    DeleteNamespace {
        /// Its name.
        namespace: Namespace,
    },
    /// Makes a veth pair, both ends down.
    CreateVeth {
        /// One end.
        end: LinkEnd,
        /// The other end.
        peer: LinkEnd,
    },
    /// Makes the device whose other end is the engine, down; the executor keeps its descriptor.
    CreateTunnel {
        /// The device.
        end: LinkEnd,
    },
    /// Removes a link (of a veth pair: both ends).
    DeleteLink {
        /// The link.
        end: LinkEnd,
    },
    /// Sets a link's largest packet and hardware address.
    ConfigureLink {
        /// The link.
        end: LinkEnd,
        /// Largest packet, in bytes.
        mtu_bytes: u32,
        /// Hardware address, where it is fixed.
        mac: Option<[u8; 6]>,
    },
    /// Brings a link up or takes it down.
    SetLinkUp {
        /// The link.
        end: LinkEnd,
        /// Up, or down.
        up: bool,
    },
    /// Adds an address, without duplicate address detection.
    AddAddress {
        /// Where.
        namespace: Namespace,
        /// What.
        address: Address,
    },
    /// Removes an address.
    DeleteAddress {
        /// Where.
        namespace: Namespace,
        /// What.
        address: Address,
    },
    /// Adds a permanent neighbour.
    AddNeighbour {
        /// Where.
        namespace: Namespace,
        /// What.
        neighbour: Neighbour,
    },
    /// Removes a permanent neighbour.
    DeleteNeighbour {
        /// Where.
        namespace: Namespace,
        /// What.
        neighbour: Neighbour,
    },
    /// Adds a route, marked as ours.
    AddRoute {
        /// Where.
        namespace: Namespace,
        /// What.
        route: Route,
    },
    /// Removes a route of ours.
    DeleteRoute {
        /// Where.
        namespace: Namespace,
        /// What.
        route: Route,
    },
    /// Adds a policy rule, marked as ours.
    AddRule {
        /// Where.
        namespace: Namespace,
        /// What.
        rule: Rule,
    },
    /// Removes a policy rule of ours.
    DeleteRule {
        /// Where.
        namespace: Namespace,
        /// What.
        rule: Rule,
    },
    /// Sets a sysctl.
    SetSysctl {
        /// Where.
        namespace: Namespace,
        /// Path below `/proc/sys`.
        key: String,
        /// Value.
        value: String,
    },
    /// Changes an nf_tables table of ours in one transaction.
    ChangeTable {
        /// Where.
        namespace: Namespace,
        /// The table.
        table: String,
        /// What changes, in order.
        changes: Vec<Change>,
    },
}

impl Operation {
    /// The namespace it is done in (of a veth pair: that of the first end).
    pub fn namespace(&self) -> &Namespace {
        match self {
            Self::CreateNamespace { namespace }
            | Self::DeleteNamespace { namespace }
            | Self::AddAddress { namespace, .. }
            | Self::DeleteAddress { namespace, .. }
            | Self::AddNeighbour { namespace, .. }
            | Self::DeleteNeighbour { namespace, .. }
            | Self::AddRoute { namespace, .. }
            | Self::DeleteRoute { namespace, .. }
            | Self::AddRule { namespace, .. }
            | Self::DeleteRule { namespace, .. }
            | Self::SetSysctl { namespace, .. }
            | Self::ChangeTable { namespace, .. } => namespace,
            Self::CreateVeth { end, .. }
            | Self::CreateTunnel { end }
            | Self::DeleteLink { end }
            | Self::ConfigureLink { end, .. }
            | Self::SetLinkUp { end, .. } => &end.namespace,
        }
    }
}

// === impl Display: the lines of `plan` ===

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.link)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            RouteKind::Unreachable => write!(f, "unreachable {}", self.destination)?,
            RouteKind::Blackhole => write!(f, "blackhole {}", self.destination)?,
            RouteKind::Unicast { link, gateway, source } => {
                write!(f, "{}", self.destination)?;
                if let Some(gateway) = gateway {
                    write!(f, " via {gateway}")?;
                }
                write!(f, " dev {link}")?;
                if let Some(source) = source {
                    write!(f, " src {source}")?;
                }
            }
        }
        write!(f, " metric {} table {}", self.metric, self.table)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.priority)?;
        if let Some(from) = self.from {
            write!(f, " from {from}")?;
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        if let Some(incoming) = &self.incoming {
            write!(f, " iif {incoming}")?;
        }
        write!(f, " lookup {}", self.table)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateNamespace { namespace } => write!(f, "+ namespace {namespace}"),
            Self::DeleteNamespace { namespace } => write!(f, "- namespace {namespace}"),
            Self::CreateVeth { end, peer } => write!(f, "+ veth {end} = {peer}"),
            Self::CreateTunnel { end } => write!(f, "+ tunnel {end}"),
            Self::DeleteLink { end } => write!(f, "- link {end}"),
            Self::ConfigureLink { end, mtu_bytes, .. } => write!(f, "~ link {end} mtu {mtu_bytes}"),
            Self::SetLinkUp { end, up } => {
                write!(f, "~ link {end} {}", if *up { "up" } else { "down" })
            }
            Self::AddAddress { namespace, address } => {
                write!(f, "+ address {namespace}/{} {}", address.link, address.address)
            }
            Self::DeleteAddress { namespace, address } => {
                write!(f, "- address {namespace}/{} {}", address.link, address.address)
            }
            Self::AddNeighbour { namespace, neighbour } => {
                write!(f, "+ neighbour {namespace}/{} {}", neighbour.link, neighbour.address)
            }
            Self::DeleteNeighbour { namespace, neighbour } => {
                write!(f, "- neighbour {namespace}/{} {}", neighbour.link, neighbour.address)
            }
            Self::AddRoute { namespace, route } => write!(f, "+ route {namespace}: {route}"),
            Self::DeleteRoute { namespace, route } => write!(f, "- route {namespace}: {route}"),
            Self::AddRule { namespace, rule } => write!(f, "+ rule {namespace}: {rule}"),
            Self::DeleteRule { namespace, rule } => write!(f, "- rule {namespace}: {rule}"),
            Self::SetSysctl { namespace, key, value } => {
                write!(f, "~ sysctl {namespace}: {key} = {value}")
            }
            Self::ChangeTable { namespace, table, changes } => {
                write!(f, "~ table {namespace}/{table}: {} changes", changes.len())
            }
        }
    }
}
