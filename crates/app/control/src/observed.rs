//! What a node says of itself: kept in memory only, and lost without harm.

use netloom_control_protocol::{Digest, Refusal};
use serde_json::Value;

/// The last that was heard of a node.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Whether it has a session.
    pub connected: bool,
    /// Number of its newest session among those of this member; the end of an earlier one says nothing.
    pub session: u64,
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
    /// The first commit with which it has said so, for each of these: what came later is not to blame.
    pub refused_since: Vec<u64>,
    /// Its own report.
    pub status: Option<Value>,
    /// Number of the last change of any of this, among the changes of all nodes.
    pub sequence: u64,
}

impl Observed {
    /// It says what it refuses of a commit.
    pub fn refuse(&mut self, commit: u64, refused: Vec<Refusal>) {
        self.refused_since = self.since(commit, &refused);
        self.refused = refused;
    }

    /// Since which commit it refuses what it refuses with this one.
    fn since(&self, commit: u64, refused: &[Refusal]) -> Vec<u64> {
        let known: Vec<(&Refusal, &u64)> = self.refused.iter().zip(&self.refused_since).collect();
        let since = |one: &Refusal| {
            known.iter().find(|(known, _)| *known == one).map_or(commit, |(_, since)| **since)
        };
        refused.iter().map(since).collect()
    }

    /// The same node, as another member has heard of it before.
    pub fn follow(&mut self, former: &Self) {
        let known = former.since(self.applied, &self.refused);
        for (since, known) in self.refused_since.iter_mut().zip(known) {
            *since = known.min(*since);
        }
    }

    /// Whether this says more of the node as it is now than what another member of control has heard.
    /// A node is connected to one of them; for a while after it has changed over, two believe that.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        (self.connected, self.last_seen_ms) > (other.connected, other.last_seen_ms)
    }
}
