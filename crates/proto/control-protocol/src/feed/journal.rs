//! The newest changes of a feed, found by the digest that they begin with.

use crate::digest::Digest;
use crate::limits::{JOURNAL_BYTES_MAX, JOURNAL_CHANGES_MAX, JOURNAL_ITEMS_MAX};
use crate::resource::{Resource, ResourceKey};
use crate::set::Changes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Journal {
    /// Changes and the digest after each.
    steps: VecDeque<(Changes, Digest)>,
    /// The digest before the first step.
    start: Digest,
    /// The number of the first step; they are numbered for good.
    first: u64,
    /// For each digest, the number of the first step after the last time that it was reached.
    after: BTreeMap<Digest, u64>,
    items: usize,
    bytes: usize,
}

impl Journal {
    pub(super) fn new(start: Digest) -> Self {
        Self {
            steps: VecDeque::new(),
            start,
            first: 0,
            after: BTreeMap::from([(start, 0)]),
            items: 0,
            bytes: 0,
        }
    }

    /// The digest after the last step.
    pub(super) fn digest(&self) -> Digest {
        self.steps.back().map_or(self.start, |(_, digest)| *digest)
    }

    pub(super) fn push(&mut self, digest: Digest, changes: Changes) {
        self.items += changes.len();
        self.bytes += bytes(&changes);
        self.steps.push_back((changes, digest));
        self.after.insert(digest, self.first + self.steps.len() as u64);
        while self.steps.len() > JOURNAL_CHANGES_MAX
            || self.items > JOURNAL_ITEMS_MAX
            || self.bytes > JOURNAL_BYTES_MAX
        {
            self.forget();
        }
    }

    /// All that has changed since a digest, each key once.
    pub(super) fn since(&self, digest: &Digest) -> Option<Changes> {
        let number = self.after.get(digest)?;
        let skip = usize::try_from(number - self.first).expect("no more than there are steps");
        let mut merged: BTreeMap<&ResourceKey, Option<&Arc<Resource>>> = BTreeMap::new();
        for (changes, _) in self.steps.range(skip..) {
            merged.extend(changes.removals.iter().map(|key| (key, None)));
            let upserts = changes.upserts.iter();
            merged.extend(upserts.map(|resource| (resource.key(), Some(resource))));
        }
        let mut changes = Changes::default();
        for (key, resource) in merged {
            match resource {
                Some(resource) => changes.upserts.push(Arc::clone(resource)),
                None => changes.removals.push(key.clone()),
            }
        }
        Some(changes)
    }

    /// Forgets the first step, and the digest before it unless it was reached again later.
    fn forget(&mut self) {
        let Some((changes, digest)) = self.steps.pop_front() else { return };
        if self.after.get(&self.start) == Some(&self.first) {
            self.after.remove(&self.start);
        }
        self.start = digest;
        self.first += 1;
        self.items -= changes.len();
        self.bytes -= bytes(&changes);
    }
}

fn bytes(changes: &Changes) -> usize {
    changes.upserts.iter().map(|resource| resource.encoded().len()).sum()
}
