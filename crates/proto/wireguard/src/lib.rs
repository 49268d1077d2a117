//! WireGuard as a sans-IO machine: handshakes, sessions, timers, cookies and replay windows.
#![forbid(unsafe_code)]

mod cookie;
mod crypto;
mod drop_reason;
#[doc(hidden)]
pub mod fuzz;
mod gate;
mod identity;
mod index_table;
mod key;
pub mod limits;
pub mod message;
mod noise;
mod replay;
mod session;
mod tai64n;
#[cfg(test)]
mod testing;
mod tunnel;

pub use crypto::TAG_BYTES;
pub use drop_reason::DropReason;
pub use gate::{Admission, Gate};
pub use identity::{Identity, OpenedInitiation};
pub use index_table::IndexTable;
pub use key::{KEY_BYTES, KeyParseError, PresharedKey, PrivateKey, PublicKey};
pub use message::Message;
pub use replay::{REPLAY_WINDOW, ReplayWindow};
pub use session::{OpenKey, Role, SealKey, padding_bytes};
pub use tai64n::{TAI64N_BYTES, Tai64n};
pub use tunnel::{
    NewTunnelError, Reservation, ReserveError, Transmit, Tunnel, TunnelConfig, TunnelEvent,
    TunnelStats,
};
