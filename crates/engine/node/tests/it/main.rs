//! The engine as a whole: nodes in memory, other implementations, and replayed bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod corpus;
mod differential;
mod networks;
mod pair;
mod world;
