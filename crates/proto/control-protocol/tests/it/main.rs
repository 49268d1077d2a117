//! Both ends of a session on virtual time: random changes, cut streams, tampering, other versions, limits.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod corpus;
mod digests;
mod feeds;
mod hostile;
mod liveness;
mod sessions;
mod simulation;
mod versions;
mod world;
