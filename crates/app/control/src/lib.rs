//! Control: keeps the declared state, admits nodes, and brings them to it.
//!
//! ```text
//! file, API ─ propose ─► proposal ─ changes ─► store (one commit) ─ World ─► resources ─► feeds ─► agents
//!              (pure)                                                          ▲
//!                                                       keys and endpoints ────┘ (from agents)
//! ```
//! Everything that is declared goes through the [`office::Office`]: proposed without touching
//! anything, committed as a whole or not at all, published to those whom it concerns. What nodes
//! report of themselves is kept in memory only.
#![forbid(unsafe_code)]

mod access;
mod admission;
pub mod api_part;
mod certificate;
mod connectivity;
pub mod declared;
mod exchange;
pub mod feeds;
mod http;
pub mod keys;
mod metrics;
pub mod observed;
pub mod office;
pub mod proposal;
mod questions;
pub mod reached;
mod read;
pub mod record;
pub mod server;
pub mod session;
pub mod store_place;
mod uid;
pub mod world;

pub use http::Role;
pub use uid::Uid;
