//! What control wants of one node, and the way there from what the node may still hold.

mod journal;

use crate::digest::Digest;
use crate::message::FabricId;
use crate::seal::{Seal, statement};
use crate::set::{Changes, ResourceSet};
use journal::Journal;
use std::sync::Arc;

/// The wanted state of one node, kept as long as the node is declared, over all its sessions.
/// Resources are shared with the feeds of other nodes.
#[derive(Clone, Debug)]
pub struct Feed {
    fabric: FabricId,
    node: String,
    set: ResourceSet,
    revision: u64,
    seal: Seal,
    journal: Journal,
}

/// What has changed since a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// Nothing; the state is that of now.
    UpToDate,
    /// This, which may be nothing where only the revision is another.
    Changes(Changes),
    /// The state is not remembered.
    Unknown,
}

/// A revision that is not greater than that before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("revision {given} does not follow {current}: number changes in their order")]
pub struct RevisionError {
    /// The feed's.
    pub current: u64,
    /// The one that was given.
    pub given: u64,
}

impl Feed {
    /// A feed that begins with a state; `sign` signs [`statement`] at `time_ms` (milliseconds since
    /// 1970).
    pub fn new(
        fabric: FabricId,
        node: impl Into<String>,
        set: ResourceSet,
        revision: u64,
        time_ms: u64,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Self {
        let node = node.into();
        let digest = set.digest();
        let signature = sign(&statement(&fabric, &node, revision, &digest, time_ms));
        let seal = Seal { time_ms, signature };
        Self { fabric, node, set, revision, seal, journal: Journal::new(digest) }
    }

    /// What is wanted.
    pub fn set(&self) -> &ResourceSet {
        &self.set
    }

    /// What that is told by.
    pub fn digest(&self) -> Digest {
        self.journal.digest()
    }

    /// The revision of what is wanted.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Control's word for it.
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Wants something else from now on. What is wanted already counts as no change. The cost is
    /// that of the changes; a feed that a revision does not concern need not be told of it.
    pub fn apply(
        &mut self,
        revision: u64,
        changes: Changes,
        time_ms: u64,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<(), RevisionError> {
        if revision <= self.revision {
            return Err(RevisionError { current: self.revision, given: revision });
        }
        let mut effective = Changes::default();
        for key in changes.removals {
            if self.set.remove(&key).is_some() {
                effective.removals.push(key);
            }
        }
        for resource in changes.upserts {
            let former = self.set.insert(Arc::clone(&resource));
            if former.is_none_or(|former| former.version() != resource.version()) {
                effective.upserts.push(resource);
            }
        }
        let digest = self.set.digest();
        let signature = sign(&statement(&self.fabric, &self.node, revision, &digest, time_ms));
        self.seal = Seal { time_ms, signature };
        self.revision = revision;
        self.journal.push(digest, effective);
        Ok(())
    }

    /// What has changed since a node held `digest` at `revision`. The cost is that of the changes.
    pub fn since(&self, digest: &Digest, revision: u64) -> Since {
        match self.journal.since(digest) {
            Some(changes) if changes.is_empty() && revision == self.revision => Since::UpToDate,
            Some(changes) => Since::Changes(changes),
            None => Since::Unknown,
        }
    }

    /// What leads here from nothing.
    pub fn everything(&self) -> Changes {
        Changes { upserts: self.set.iter().cloned().collect(), removals: Vec::new() }
    }
}
