//! The engine as a whole: nodes in memory, other implementations, and replayed bytes.
//!
//! Which clause of the paper is tested by what: `docs/wireguard.md`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checksums;
mod corpus;
mod differential;
mod ecn;
mod exits;
mod hostile;
mod keys;
mod networks;
mod pair;
mod path;
mod suites;
mod waiting;
mod world;
