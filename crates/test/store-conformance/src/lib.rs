//! What every backend of the store must do, and how the store fares when processes, disks and members of etcd fail.
#![forbid(unsafe_code)]

pub mod cluster;
pub mod disk;
pub mod faulty;
pub mod history;
pub mod hurt;
pub mod kill;
pub mod load;
pub mod place;
pub mod suite;
pub mod torn;
pub mod watched;
