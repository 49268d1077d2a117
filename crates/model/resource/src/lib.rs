//! What a node needs of a fabric, as named resources: taken apart at control, put together at the node.
//!
//! ```text
//! Fabric + Leases + Directory ─ resources ─► (kind, name) → payload, topics      at control
//!                                               │ those whose topics a node follows
//! Slice { fabric, leases, directory, … } ◄─ assemble                             at the node
//! ```
//! A resource is encoded once, whoever gets it. Which node gets it is told by [`Topic`]s: a node
//! follows few, and a resource has few, so that the nodes which a change concerns are found
//! without looking at the others. A node learns nothing of networks that it is not in beyond their
//! prefixes, of groups that its own workloads do not use, and of how others' workloads are run.
//!
//! Planning a node from its slice gives what planning it from the whole fabric gives.
#![forbid(unsafe_code)]

mod assemble;
pub mod call;
mod form;
#[doc(hidden)]
pub mod fuzz;
mod revise;
mod take_apart;
mod topic;
pub mod trial;

pub use assemble::{Refused, Slice, assemble};
pub use take_apart::{
    Difference, Entry, Whole, difference, resource_of_fabric, resources, resources_of,
};
pub use topic::{Topic, all_topics, topics};

/// What a resource is about. The numbers are part of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Kind {
    /// The fabric itself: its name and id.
    Fabric = 1,
    /// A region.
    Region = 2,
    /// A network.
    Network = 3,
    /// A subnet.
    Subnet = 4,
    /// A security group.
    Group = 5,
    /// A service.
    Service = 6,
    /// A node, with its keys and endpoints.
    Node = 7,
    /// A workload, with its addresses.
    Workload = 8,
    /// How a workload is run: for its own node only.
    Attach = 9,
    /// A route table.
    RouteTable = 10,
    /// A gateway to the internet.
    Gateway = 11,
    /// Two networks that reach each other.
    Peering = 12,
    /// A network ACL.
    NetworkAcl = 13,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Fabric,
        Self::Region,
        Self::Network,
        Self::Subnet,
        Self::Group,
        Self::Service,
        Self::Node,
        Self::Workload,
        Self::Attach,
        Self::RouteTable,
        Self::Gateway,
        Self::Peering,
        Self::NetworkAcl,
    ];

    /// The kind with this number.
    pub fn of(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == number)
    }

    /// Its word in a fabric's file, in the singular.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fabric => "fabric",
            Self::Region => "region",
            Self::Network => "network",
            Self::Subnet => "subnet",
            Self::Group => "security group",
            Self::Service => "service",
            Self::Node => "node",
            Self::Workload => "workload",
            Self::Attach => "attachment",
            Self::RouteTable => "route table",
            Self::Gateway => "gateway",
            Self::Peering => "peering",
            Self::NetworkAcl => "network ACL",
        }
    }
}

/// What names a resource.
pub type Key = (Kind, String);
