//! A host's network state as plain data, and the pure difference between two such states.
//!
//! ```text
//! desired ─┐
//!          ├─ diff ─► operations ─ sys executes ─► kernel ─ sys observes ─► observed
//! observed ┘
//! ```
//! Invariants: every collection is ordered, so equal inputs give equal operations in equal order;
//! `diff(desired, apply(observed, diff(desired, observed)))` is empty; nothing here does I/O.
#![forbid(unsafe_code)]

pub mod apply;
pub mod diff;
pub mod host;
pub mod nft;
pub mod operation;

pub use diff::diff;
pub use host::{
    Address, HostState, Link, LinkEnd, LinkKind, Namespace, NamespaceState, Neighbour, Route,
    RouteKind, Rule,
};
pub use operation::Operation;

/// The route and rule protocol number (`rtm_protocol`, `FRA_PROTOCOL`) that marks what is ours.
///
/// Numbers above 4 (static) are free for daemons; this one is in no distribution's `rt_protos`.
pub const ROUTE_PROTOCOL: u8 = 0x6e;

/// Interface aliases that begin so mark a link as ours; the fabric's name follows.
pub const ALIAS_PREFIX: &str = "netloom:";

/// The metric of a fabric's `unreachable` routes: among the worst there are, and by its lower half
/// the fabric's own, since nothing else about such a route says whose it is.
pub fn stop_metric(fabric: &str) -> u32 {
    let hash = fabric
        .bytes()
        .fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    0xffff_0000 | (hash >> 16 ^ hash & 0xffff)
}
