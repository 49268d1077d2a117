//! Probes against the built-in servers, on loopback.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod connect;
mod lookup;
mod ping;
mod serve;
