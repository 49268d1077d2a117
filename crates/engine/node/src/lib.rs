//! The engine of a node: many networks and their peers on one UDP port.
#![forbid(unsafe_code)]

mod config;
mod counters;
#[doc(hidden)]
pub mod fuzz;
mod inbound;
mod inner;
pub mod limits;
mod node;
mod outbound;
mod outer;
mod update;

pub use config::{
    NetworkConfig, NetworkId, NodeConfig, PeerConfig, PeerId, SetNetworkError, SetPeerError,
};
pub use counters::{Counters, DropReason};
pub use inbound::{Arrival, Inbound};
pub use netloom_wireguard as wireguard;
pub use node::{Event, Node, PeerStatus};
pub use outbound::{Destination, Outbound};
