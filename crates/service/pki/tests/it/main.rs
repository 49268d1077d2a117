//! Handshakes between nodes and control with everything that can be wrong; keys that must not be shown.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod endorsements;
mod fabric;
mod handshakes;
mod secrecy;
mod times;
