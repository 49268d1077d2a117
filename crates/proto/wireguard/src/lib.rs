//! WireGuard as a sans-IO machine: handshakes, sessions, timers, cookies and replay windows.
//!
//! Source: J. A. Donenfeld, *WireGuard: Next Generation Kernel Network Tunnel* ("the paper", its
//! sections cited as §), with BLAKE2s (RFC 7693), ChaCha20-Poly1305 (RFC 8439), X25519 (RFC 7748)
//! and XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). Wire compatible with other
//! implementations: the four messages are laid out in [`message`].
//!
//! # Who does what
//! A [`Tunnel`] is one peer. It neither reads clocks nor draws randomness: it is built from
//! `(config, seed, now)`, told things by `handle_*`, and then asked by `poll_*` until it has
//! nothing more to say. What several tunnels share belongs to the machine around them: the
//! [`Identity`] (a local key, by whose mac1 an initiation is found to be meant for it), the
//! [`IndexTable`] (which tunnel a receiver index belongs to) and the [`Gate`] (load and cookies).
//! Data packets are sealed and opened by [`SealKey`] and [`OpenKey`], in place, outside of the
//! machine: the tunnel hands out counters before and judges replays afterwards, batch by batch.
//!
//! # States of a tunnel
//! ```text
//!              packet to send, or keepalive due
//!   no session ───────────────────────────────► initiating ──┐ every 5 s + jitter: again
//!       ▲  ▲                                     │   │   ▲   │ cookie reply: again, with mac2
//!       │  │        90 s without an answer       │   │   └───┘
//!       │  └─────────────────────────────────────┘   │ response
//!       │ 540 s after the last handshake             ▼
//!       └──────────────────────────────────────── session: current ◄── first packet ── next
//!                                                    │ replaced                         ▲
//!                                                    ▼                                  │
//!                                             retired (receives only)     initiation received
//! ```
//! Initiating and answering do not exclude each other: where both ends start at once, both
//! handshakes complete, and each end sends with the session that it has started.
//!
//! # Timers
//! | what | when | § |
//! |---|---|---|
//! | initiation again | 5 s and up to 333 ms after the last, for 90 s since a packet wanted it | 6.4 |
//! | rekey by the initiator that sends | session is 120 s old, or past 2^60 packets | 6.2 |
//! | rekey by the initiator that receives | session is 165 s old | 6.2 |
//! | session rejected, both ways | 180 s old, or past 2^64 − 2^13 − 1 packets | 6.2 |
//! | keepalive | 10 s after data came in, if nothing went out | 6.5 |
//! | new handshake | 15 s and up to 333 ms after data went out, if nothing came in | 6.5 |
//! | persistent keepalive | as configured, after the last authenticated packet either way | – |
//! | keys wiped | 540 s after the last handshake | 6.3 |
//! | cookie secret replaced | 120 s | 5.4.7 |
//! | received cookie used | 115 s | 5.4.7 |
//!
//! # Limits
//! | what | limit | beyond it |
//! |---|---|---|
//! | [`limits::WAITING_PACKETS_MAX`], [`limits::WAITING_BYTES_MAX`] | 64 packets, 128 KiB | the oldest is dropped |
//! | [`limits::RETIRED_SESSIONS_MAX`] | 3 | the oldest is wiped |
//! | [`REPLAY_WINDOW`] | 8128 packets behind the newest | dropped |
//! | [`limits::INITIATION_INTERVAL_MIN`] | 20 ms between initiations of a peer | dropped |
//! | [`limits::SOURCE_HANDSHAKES_PER_SECOND`], [`limits::SOURCE_BURST`] | 20, 5 at once, under load | dropped |
//! | [`limits::LIMITED_SOURCES_MAX`] | 8192 sources, under load | new sources are dropped |
//! | receiver indexes | six for each tunnel: sessions and a handshake | – |
//!
//! # Deviations from the paper
//! - Three retired sessions instead of one previous: see `tunnel/sessions.rs`.
//! - A timestamp that would not be newer than the last one sent is moved forward, so that a wall
//!   clock that steps back does not lock this host out until it has caught up (within one run).
//! - Timestamps are rounded down to 2^24 ns, so that they do not disclose the host's clock.
//! - Under load, a handshake rate is held per IPv4 address and per IPv6 /64.
//! - An initiation of type 17 asks for AES-256-GCM in place of ChaCha20-Poly1305 ([`Suite`]), where
//!   the caller knows that the peer speaks it. Sessions in it are replaced after 2^27 packets and end
//!   after 2^28, sooner where packets may be longer than 2^11 bytes.
//! - A packet is padded to 16 bytes but not beyond the MTU, as the Linux implementation does.
//!
//! # Not implemented
//! - Bits of DSCP and ECN in outer headers: who sends takes care of ECN ([`Transmit::ecn`], `netloom_base::ecn`), DSCP is not copied.
//! - Storing [`Tunnel::newest_timestamp`]: that is for the caller to do.
#![forbid(unsafe_code)]

mod aead;
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
mod rng;
mod session;
mod suite;
mod tai64n;
#[cfg(test)]
mod testing;
mod tunnel;

pub use aead::{AT_ONCE_MAX, Library, TAG_BYTES};
pub use drop_reason::DropReason;
pub use gate::{Admission, Gate};
pub use identity::{Identity, OpenedInitiation};
pub use index_table::IndexTable;
pub use key::{KEY_BYTES, KeyParseError, PresharedKey, PrivateKey, PublicKey};
pub use message::Message;
pub use replay::{REPLAY_WINDOW, ReplayWindow};
pub use rng::ErasingRng;
pub use session::{OpenKey, Role, SealKey, padding_bytes};
pub use suite::Suite;
pub use tai64n::{TAI64N_BYTES, Tai64n};
pub use tunnel::{
    NewTunnelError, Reservation, ReserveError, Transmit, Tunnel, TunnelConfig, TunnelEvent,
    TunnelStats,
};
