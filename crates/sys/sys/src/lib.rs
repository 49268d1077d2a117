//! Linux: the kernel's network facilities driven directly, and the executor of planned operations.
//!
//! ```text
//! operations ─► executor ─┬─ route (rtnetlink) ─┐
//!                         ├─ nft (nf_tables) ───┼─ netlink ─► kernel, one socket per namespace
//!                         ├─ namespace, tunnel  │
//! host state ◄─ observe ──┴─────────────────────┤
//! who changed what ◄─ monitor ──────────────────┘
//! ```
//! Invariants: nothing is decided here, only executed and observed; what the kernel sends is
//! parsed as hostile bytes; everything made carries the fabric's mark, and only that is removed.
#![expect(unsafe_code, reason = "the one crate that makes system calls")]

mod address;
pub mod clock;
pub mod conntrack;
pub mod descriptor;
pub mod disk;
pub mod executor;
pub mod facility;
pub mod folder_watch;
#[doc(hidden)]
pub mod fuzz;
pub mod icmp;
pub mod listeners;
pub mod monitor;
pub mod namespace;
pub mod netlink;
pub mod nft;
pub mod packet;
pub mod poll;
pub mod process;
pub mod processor;
pub mod route;
pub mod signal;
mod system;
pub mod tunnel;
pub mod udp;
pub mod unix_socket;

pub use executor::{ExecuteError, Executor, ObserveError};
