//! A change as the kernel tells it: what, whether it is gone, and who did it.

use crate::route::LinkIndex;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// One change in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What changed.
    pub object: Object,
    /// Whether it is gone; otherwise it is there, new or otherwise than before.
    pub gone: bool,
    /// The requester's netlink port; 0 where the kernel does not say.
    pub port: u32,
    /// Who did it, where the kernel says.
    pub author: Option<Author>,
}

/// The process that made a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Author {
    /// Its id.
    pub pid: u32,
    /// Its name, if it was still there to be asked.
    pub name: Option<String>,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object {
    /// A link: made, removed, renamed, brought up, taken down, set otherwise.
    Link {
        /// Its name.
        name: String,
        /// Its alias, where marks of ownership are.
        alias: Option<String>,
        /// Whether it is up.
        up: bool,
    },
    /// An address of a link.
    Address {
        /// The link.
        index: LinkIndex,
        /// Address and prefix length.
        address: IpNet,
    },
    /// A neighbour entry, learnt or set.
    Neighbour {
        /// The link.
        index: LinkIndex,
        /// The neighbour's address.
        address: IpAddr,
    },
    /// A route.
    Route {
        /// Whose it is: `rtm_protocol`.
        protocol: u8,
        /// Table number.
        table: u32,
        /// Destination.
        destination: IpNet,
    },
    /// A policy routing rule with our protocol number.
    Rule {
        /// Its place in the order.
        priority: u32,
    },
    /// Forwarding, or a check of sources, of the namespace or of a link: the sysctls of which the
    /// kernel tells.
    Setting,
    /// An nf_tables table, or something in it.
    Table {
        /// Its name.
        name: String,
    },
    /// More than the kernel could keep for us, so that anything may have changed.
    Unknown,
}

impl Change {
    pub(super) fn unknown() -> Self {
        Self { object: Object::Unknown, gone: false, port: 0, author: None }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            Object::Link { name, up, .. } => {
                write!(f, "link {name}{}", if *up || self.gone { "" } else { " (down)" })?;
            }
            Object::Address { address, .. } => write!(f, "address {address}")?,
            Object::Neighbour { address, .. } => write!(f, "neighbour {address}")?,
            Object::Route { table, destination, .. } => {
                write!(f, "route {destination} table {table}")?;
            }
            Object::Rule { priority } => write!(f, "rule {priority}")?,
            Object::Setting => f.write_str("forwarding or rp_filter")?,
            Object::Table { name } => write!(f, "table {name}")?,
            Object::Unknown => f.write_str("something")?,
        }
        f.write_str(if self.gone { " removed" } else { " set" })?;
        match &self.author {
            Some(author) => write!(f, " by {author}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (process {})", self.pid),
            None => write!(f, "process {}", self.pid),
        }
    }
}
