//! What a node says of itself: kept in memory only, and lost without harm.

use netloom_control_protocol::{Digest, Refusal};
use serde_json::Value;

/// The last that was heard of a node.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Whether it has a session.
    pub connected: bool,
    /// When it last said something: milliseconds since 1970.
    pub last_seen_ms: u64,
    /// Where its session comes from.
    pub address: Option<String>,
    /// Its software.
    pub software: String,
    /// Digest of what it holds.
    pub held: Option<Digest>,
    /// The commit that it has applied.
    pub applied: u64,
    /// What it could not put in force.
    pub refused: Vec<Refusal>,
    /// Its own report.
    pub status: Option<Value>,
}
