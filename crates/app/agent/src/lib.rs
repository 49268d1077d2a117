//! The agent of one node: it plans, applies, runs tunnels, resolvers and workloads, and answers for itself.
//!
//! ```text
//! control ─► resources, kept on disk ─ plan ─► desired ┐
//!                                        kernel ─ observe ─► diff ─► execute
//! then: tunnels, resolvers and workloads are set to the plan; requests come over a local socket
//! ```
//! Invariants: the kernel's state is changed only by operations; an apply that fails leaves what
//! was in force in force, and says which operation failed and why; everything the agent starts
//! ends with it, except what the kernel holds.
#![forbid(unsafe_code)]

mod agent;
mod attachments;
mod connections;
mod desired;
mod drift;
mod endpoints;
mod enforce;
mod examine;
mod follow;
pub mod joined;
mod kept;
mod key_files;
mod link;
mod log;
mod memory;
mod mend;
mod promise;
pub mod protocol;
pub mod reach;
mod requests;
mod resolvers;
mod status;
mod translation;
mod trial;
mod tunnels;
mod underlay;
mod workloads;

pub use agent::{Options, remove, remove_fabric, run};
