//! Undoes behind an agent's back what a node holds, and measures until it is back.
//!
//! ```text
//! outside: a lab, run by the executable ─► this program again, inside the lab:
//!          a blow (netlink, nft, a file of /proc/sys) ─► the kernel as before? ─► the agent's event
//! ```
#![forbid(unsafe_code)]

pub mod blow;
pub mod node;
pub mod outside;
pub mod space;
pub mod storm;
