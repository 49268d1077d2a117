//! Policy as sets of packets: an exact algebra, and its compilation to what the kernel looks up.
//!
//! ```text
//! groups' rules ─ allowances ─► packet sets (what may pass, exactly)      ─► reachability, explain
//!                      └──────► direction tables (classes, one verdict map) ─► nf_tables
//! ```
//! Invariants: both come from the same allowances; a table says yes to a packet if and only if the
//! packet set holds it (property-tested); the size of a table follows the number of distinct
//! policies, not the number of workloads.
#![forbid(unsafe_code)]

pub mod acl;
pub mod allowance;
pub mod cover;
pub mod interval;
pub mod packet_set;
pub mod table;
pub mod words;

pub use allowance::{Allowance, Direction, Selector};
pub use interval::IntervalSet;
pub use packet_set::{Dimension, PacketSet, Point};
pub use table::DirectionTable;
