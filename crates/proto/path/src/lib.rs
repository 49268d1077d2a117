//! The path between two nodes, found out by messages inside their tunnel: MTU, round trip, offloads.
//!
//! Machines without I/O, of one peer each, built from `now` and asked by `poll_*`:
//! - [`PathMtu`]: the largest packet that comes through, by probes (RFC 8899), and the round trip;
//! - [`Canary`]: whether datagrams that are sent in one piece (UDP_SEGMENT) arrive as single ones do;
//! - [`KeyExchange`]: preshared keys that are safe from who breaks X25519 one day (ML-KEM-768), renewed on an interval;
//! - [`Reassembly`]: packets of up to 1,280 bytes that do not fit a path, which go in parts (RFC 2473 §7.1
//!   has the tunnel do this, since IPv6 promises its users that much).
//!
//! # Wire
//! A [`Message`] is an IPv6 packet from `100::` to `100::1` (RFC 6666: nobody routes that prefix) with
//! next header 253 (RFC 3692) as content of a data message, so it is sealed, counted and protected from
//! replay like all others. Its layout is in [`message`].
#![forbid(unsafe_code)]

pub mod canary;
#[doc(hidden)]
pub mod fuzz;
pub mod key_exchange;
pub mod liveness;
pub mod message;
pub mod mss;
pub mod oversize;
pub mod path_mtu;
pub mod reassembly;

pub use canary::{Canary, Round, Segmentation};
pub use key_exchange::KeyExchange;
pub use liveness::Liveness;
pub use message::Message;
pub use oversize::Oversize;
pub use path_mtu::{PATH_BYTES_MIN, PathMtu, Probe};
pub use reassembly::{Part, Reassembly, Whole, fragments};
