//! The engine of a node: many networks and their peers on one UDP port.
//!
//! A [`Node`] is sans-IO: built from `(config, seed, now)`, told things by `handle_*`, and then
//! asked by `poll_*` until it has nothing more to say. The same calls give the same results.
//!
//! # Ways through the node
//! ```text
//! interface of a network                                                     UDP port
//!   batch ─► handle_inner = plan_inner ─► Outbound::seal ─► Outbound::destinations ─►
//!            longest prefix → peer,         in place         per peer: address, packets
//!            counters, or wait
//!         ◄─ Inbound::arrivals ◄─ finish_outer ◄─ Inbound::open ◄─ plan_outer ◄─ batch
//!            network, packets      replays,         in place        receiver index → session,
//!                                  inner sources                    mac1 → network → peer
//!   poll_transmit: handshakes, keepalives, and packets that waited for a session
//!   poll_message: probes and canaries to other nodes, and packets in parts
//!   poll_packet: errors for senders of packets that a path does not take, and packets that came in parts
//! ```
//! `seal` and `open`, where nearly all the time goes, need only the batch and what was planned
//! for it. So one thread for each direction shares a node behind a lock that it holds for lookups
//! only. Nothing is allocated per packet once the buffers have grown to the size of the batches.
//!
//! # Rules
//! - A datagram with a receiver index belongs to the session of that index, whatever it came from;
//!   an initiation belongs to the network whose key verifies its mac1, and to the peer of that
//!   network whose key it carries. No network is named on the wire.
//! - The longest allowed prefix that holds a destination decides the peer; two peers of one
//!   network cannot have the same prefix. An inner packet whose source a peer does not own by the
//!   same rule is dropped.
//! - Setting what is set already changes nothing. A changed endpoint, allowed list, keepalive,
//!   preshared key or MTU leaves the session.
//! - An initiation of a key that is not known yet is kept, and answered when its peer is set within
//!   five seconds ([`Node::answer_early_call`]): verified then like any other.
//! - A handshake of another node waits until [`Node::handle_handshakes`], where a driver answers a few
//!   between two batches of data, so that a thousand nodes which call at once hold up nobody's packets.
//! - Handshakes are started in [`Node::handle_timeout`] only, for they need the wall time: after
//!   each call that may want one, [`Node::poll_timeout`] is due at once.
//! - Datagrams whose first byte is 16 or more, but 17 and 18, are no WireGuard and are left alone
//!   ([`Inbound::foreign`]).
//!
//! - To a peer that is a node ([`PeerConfig::is_node`]) messages go inside the tunnel (inner IPv6 to 100::/64,
//!   [`netloom_path`]): they find the path's MTU and whether pieces arrive whole, and are never delivered.
//!   Over them nodes also agree upon preshared keys (ML-KEM-768), again each [`NetworkConfig::key_rotation`].
//!   Longer packets than the path takes are answered by an ICMP error, cut, or sent in parts; SYNs of TCP
//!   announce no more than fits. From others such packets are dropped.
//!
//! # Timers
//! Those of each tunnel (see [`wireguard`]); the node keeps them in order of time, so that the cost
//! of waking does not grow with the number of peers.
//!
//! # Limits
//! | what | limit | beyond it |
//! |---|---|---|
//! | [`limits::NETWORKS_MAX`] | 64 | refused |
//! | [`limits::PEERS_MAX`] | 65536 | refused |
//! | [`limits::ALLOWED_PREFIXES_MAX`] | 65,536 for each peer | refused |
//! | [`limits::OUTPUT_QUEUE_MAX`] | 16384 datagrams, messages and events each that are not fetched | dropped, counted |
//! | [`limits::HANDSHAKES_WAITING_MAX`] | 2048 handshakes not answered yet | dropped, counted |
//! | [`limits::WAITING_BYTES_MAX`], [`limits::WAITING_BYTES_MIN`] | 16 MiB wait for sessions of all peers, 2 KiB for each | the oldest of the peer is dropped, counted |
//! | [`limits::STRANGERS_MAX`] | 64 calls of keys not known yet | the oldest is forgotten |
//! | [`NodeConfig::handshakes_per_second`] | 4000, or 512 that wait | cookies are asked for |
//!
//! # Not implemented
//! - Path selection, relaying and bonding: one endpoint for each peer, moved by
//!   [`Node::set_peer_endpoint`] or by the peer itself.
#![forbid(unsafe_code)]

mod config;
mod counters;
mod exits;
#[doc(hidden)]
pub mod fuzz;
mod handshakes;
mod inbound;
mod inner;
mod keys;
pub mod limits;
mod node;
mod outbound;
mod outer;
mod oversize;
mod path;
mod restart;
mod source;
mod status;
mod strangers;
mod update;

pub use config::{
    Exit, NetworkConfig, NetworkId, NodeConfig, PeerConfig, PeerId, SetNetworkError, SetPeerError,
};
pub use counters::{Counters, DropReason};
pub use inbound::{Arrival, Inbound};
pub use netloom_path::Segmentation;
pub use netloom_wireguard as wireguard;
pub use node::{Event, Node};
pub use outbound::{Destination, Outbound};
pub use path::MessageTransmit;
pub use status::PeerStatus;
