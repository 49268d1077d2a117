//! The parts of one delta until it is whole.

use crate::digest::Digest;
use crate::limits::{DELTA_BYTES_MAX, DELTA_ITEMS_MAX};
use crate::message::DeltaPart;
use crate::resource::{Resource, ResourceKey};
use crate::set::Changes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What has come of a delta.
#[derive(Debug)]
pub(super) struct Collection {
    sequence: u64,
    revision: u64,
    base: Digest,
    target: Digest,
    /// What is said last of a key counts.
    items: BTreeMap<ResourceKey, Option<Arc<Resource>>>,
    bytes: usize,
}

/// Why a part is not taken.
#[derive(Debug)]
pub(super) enum Flaw {
    /// The version of a resource is not that of its payload.
    Payload(ResourceKey),
    /// The part says something else of the delta than those before it.
    Inconsistent,
    /// More than is collected.
    TooMuch,
}

impl Collection {
    /// A collection for the delta that a part belongs to; the part is still to be added.
    pub(super) fn new(part: &DeltaPart) -> Self {
        Self {
            sequence: part.sequence,
            revision: part.revision,
            base: part.base,
            target: part.target,
            items: BTreeMap::new(),
            bytes: 0,
        }
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn base(&self) -> Digest {
        self.base
    }

    pub(super) fn target(&self) -> Digest {
        self.target
    }

    pub(super) fn add(&mut self, part: DeltaPart) -> Result<(), Flaw> {
        let own = (self.sequence, self.revision, self.base, self.target);
        if (part.sequence, part.revision, part.base, part.target) != own {
            return Err(Flaw::Inconsistent);
        }
        for key in part.removals {
            self.bytes += key.name.len();
            self.items.insert(key, None);
        }
        for resource in part.upserts {
            if !resource.is_genuine() {
                return Err(Flaw::Payload(resource.key().clone()));
            }
            self.bytes += resource.encoded().len();
            self.items.insert(resource.key().clone(), Some(resource));
        }
        if self.bytes > DELTA_BYTES_MAX || self.items.len() > DELTA_ITEMS_MAX {
            return Err(Flaw::TooMuch);
        }
        Ok(())
    }

    pub(super) fn into_changes(self) -> Changes {
        let mut changes = Changes::default();
        for (key, item) in self.items {
            match item {
                Some(resource) => changes.upserts.push(resource),
                None => changes.removals.push(key),
            }
        }
        changes
    }
}
