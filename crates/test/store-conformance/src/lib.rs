//! What every backend of the store must do, and how the store fares when processes, disks and members of etcd fail.
#![forbid(unsafe_code)]

pub mod cluster;
pub mod faulty;
pub mod place;
pub mod suite;
pub mod watched;
