//! The engine as a whole: nodes in memory, other implementations, and replayed bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod differential;
mod pair;
mod world;
