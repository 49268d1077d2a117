//! Kills and restarts what carries a fabric, while every underlay link is watched for packets in clear.
//!
//! The fabric is a lab that the executable runs as for any user. Beside it, in its namespaces, run
//! a sender (all workloads and nodes to all workloads, without end, with a marked payload) and a
//! watcher (every frame of every link between nodes). Meanwhile agents are killed, tunnel devices
//! removed, and nodes taken out of the fabric and put back.
#![forbid(unsafe_code)]

pub mod chaos;
pub mod frame;
pub mod lab;
pub mod sender;
pub mod watcher;

/// What every payload of the sender holds, and no frame on the ground may.
pub const MARKER: &[u8] = b"netloom-packet-in-clear";
