//! WireGuard interfaces of their own, as `wg` and `wg-quick` know them: what is set, and what is told of them.
//!
//! ```text
//! wg ══ socket ══► uapi::Change ─► Interface ─► private key, port, peers   (what the tunnels are set to)
//!    ◄═══════════ uapi::shown ◄── Interface + how its peers are
//! ```
//! Nothing here opens a socket: text in, text out.
#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod fuzz;
mod interface;
pub mod uapi;

pub use interface::{Before, Interface, PeerState};
