//! How far nodes are: commits and revisions that each of them has all of.

use crate::world::World;
use netloom_control_protocol::Digest;
use std::collections::{BTreeMap, VecDeque};

/// Former states of a feed that are known again. A node that is further behind has said a commit itself.
const FORMER_MAX: usize = 8;
/// Revisions whose commits are known. A node that is further behind is only known to be that.
const REVISIONS_MAX: usize = 1024;

/// What a node should have had before, and until when.
#[derive(Debug, Default)]
pub struct Former(VecDeque<(Digest, u64)>);

impl Former {
    /// A node should have what has this digest until `next`, the commit that changed it.
    pub fn leave(&mut self, digest: Digest, next: u64) {
        self.0.push_front((digest, next));
        self.0.truncate(FORMER_MAX);
    }

    /// The newest commit all of which a node has that holds what has this digest.
    pub fn newest(&self, held: &Digest) -> Option<u64> {
        let mut former = self.0.iter();
        former.find(|(digest, _)| digest == held).map(|(_, next)| next.saturating_sub(1))
    }
}

/// The first commit at which each revision was seen in force. It begins with what was in force when control
/// started: that suffices, since nodes say what they hold when they come back, and mostly hold all of it.
#[derive(Debug)]
pub struct Revisions(BTreeMap<u64, u64>);

impl Revisions {
    /// The one in force.
    pub fn new(world: &World) -> Self {
        Self(BTreeMap::from([(world.version, world.revision)]))
    }

    /// A newer commit is in force.
    pub fn advance(&mut self, world: &World) {
        if self.0.values().next_back() == Some(&world.revision) {
            return;
        }
        self.0.insert(world.version, world.revision);
        if self.0.len() > REVISIONS_MAX {
            self.0.pop_first();
        }
    }

    /// The revision in force at a commit, if that is known.
    pub fn at(&self, version: u64) -> Option<u64> {
        self.0.range(..=version).next_back().map(|(_, revision)| *revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_holds_lasts_until_the_commit_that_changed_it() {
        let mut former = Former::default();
        let digest = |number: u8| Digest([number; 32]);
        former.leave(digest(1), 5);
        former.leave(digest(2), 9);
        assert_eq!(former.newest(&digest(1)), Some(4));
        assert_eq!(former.newest(&digest(2)), Some(8));
        assert_eq!(former.newest(&digest(3)), None);
        // It was so again later.
        former.leave(digest(1), 12);
        assert_eq!(former.newest(&digest(1)), Some(11));
        (20..40).for_each(|number| former.leave(digest(number), u64::from(number)));
        assert_eq!((former.0.len(), former.newest(&digest(2))), (FORMER_MAX, None));
    }

    #[test]
    fn a_commit_is_of_the_revision_that_was_made_last() {
        let revisions = Revisions(BTreeMap::from([(10, 3), (12, 4), (20, 5)]));
        let at = [9, 10, 11, 12, 19, 20, 99].map(|version| revisions.at(version));
        let expected = [None, Some(3), Some(3), Some(4), Some(4), Some(5), Some(5)];
        assert_eq!(at, expected);
    }
}
