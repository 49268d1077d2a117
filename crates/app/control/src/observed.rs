//! What a node says of itself: kept in memory only, and lost without harm.

use netloom_control_protocol::{Digest, Refusal};
use netloom_resource::Kind;
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

    /// It tells how it is. What it could not put in force as a whole it tries again by itself, and says of
    /// that only here that it has succeeded.
    pub fn tell(&mut self, status: Option<Value>) {
        let is_well = status.as_ref().is_some_and(|status| {
            status["error"].is_null() && status["commit"].as_u64() == Some(self.applied)
        });
        if is_well {
            let refused = std::mem::take(&mut self.refused).into_iter();
            let known = refused.zip(std::mem::take(&mut self.refused_since));
            let still = known.filter(|(one, _)| Kind::of(one.kind) != Some(Kind::Fabric));
            (self.refused, self.refused_since) = still.unzip();
        }
        self.status = status;
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(kind: Kind) -> Refusal {
        let version = [0; 32];
        Refusal { kind: kind as u16, name: "n".to_owned(), version, reason: "why".to_owned() }
    }

    #[test]
    fn what_was_refused_as_a_whole_goes_once_the_node_is_well() {
        let mut node = Observed { applied: 7, ..Observed::default() };
        node.refuse(7, vec![refusal(Kind::Fabric), refusal(Kind::Workload)]);
        let whole = |node: &Observed| {
            node.refused.iter().filter(|one| one.kind == Kind::Fabric as u16).count()
        };
        for (status, why) in [
            (json!({ "commit": 7, "error": "no room" }), "it is not well"),
            (json!({ "commit": 6, "error": null }), "it was well before"),
            (json!({ "error": null }), "of what it says nothing"),
        ] {
            node.tell(Some(status));
            assert_eq!(whole(&node), 1, "{why}");
        }
        node.tell(Some(json!({ "commit": 7, "error": null })));
        assert_eq!(node.refused, [refusal(Kind::Workload)], "one resource stays unusable");
        assert_eq!(node.refused_since, [7]);
    }
}
