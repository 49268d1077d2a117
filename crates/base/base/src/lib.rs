//! The ground floor: time, seeds, packet batches and views, checksums and prefix tries, without I/O.
#![forbid(unsafe_code)]

pub mod batch;
pub mod checksum;
pub mod coalesce;
pub mod ecn;
#[doc(hidden)]
pub mod fuzz;
pub mod hash;
pub mod offload;
pub mod packet;
pub mod seed;
pub mod time;
pub mod trie;

pub use batch::PacketBatch;
pub use seed::Seed;
pub use time::{Time, WallTime};
pub use trie::PrefixTrie;
