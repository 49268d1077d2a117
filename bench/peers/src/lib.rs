//! One interface with thousands of peers that are our own machines: the ground, the program under test, and the swarm.
#![forbid(unsafe_code)]

pub mod crowd;
pub mod interface;
pub mod program;
pub mod shaken;
pub mod swarm;
