//! Rootless fabrics in namespaces: the ground under the nodes is emulated, the nodes are real.
#![forbid(unsafe_code)]

pub mod underlay;
