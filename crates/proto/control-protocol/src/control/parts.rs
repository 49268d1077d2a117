//! A delta on its way: parts are made when they are asked for, from resources encoded once.

use crate::digest::Digest;
use crate::feed::Feed;
use crate::limits::{PART_BYTES_AIM, PART_ITEMS_MAX};
use crate::message::DeltaPart;
use crate::resource::{Resource, ResourceKey};
use crate::seal::Seal;
use crate::set::Changes;
use std::iter::Peekable;
use std::sync::Arc;
use std::vec;

#[derive(Debug)]
pub(super) struct Parts {
    sequence: u64,
    resyncs: u64,
    revision: u64,
    base: Digest,
    target: Digest,
    upserts: Peekable<vec::IntoIter<Arc<Resource>>>,
    removals: Peekable<vec::IntoIter<ResourceKey>>,
    /// Goes with the last part.
    seal: Option<Seal>,
}

impl Parts {
    /// The way from `base` to what the feed wants now, with the delta's number and that of the
    /// resyncs before it.
    pub(super) fn new(
        (sequence, resyncs): (u64, u64),
        base: Digest,
        changes: Changes,
        feed: &Feed,
    ) -> Self {
        Self {
            sequence,
            resyncs,
            revision: feed.revision(),
            base,
            target: feed.digest(),
            upserts: changes.upserts.into_iter().peekable(),
            removals: changes.removals.into_iter().peekable(),
            seal: Some(feed.seal().clone()),
        }
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn target(&self) -> Digest {
        self.target
    }

    /// Whether the last part has been made.
    pub(super) fn are_sent(&self) -> bool {
        self.seal.is_none()
    }

    /// The next part, or nothing after the last.
    pub(super) fn next(&mut self) -> Option<DeltaPart> {
        self.seal.as_ref()?;
        let mut part = DeltaPart {
            sequence: self.sequence,
            revision: self.revision,
            base: self.base,
            target: self.target,
            upserts: Vec::new(),
            removals: Vec::new(),
            seal: None,
            resyncs: self.resyncs,
        };
        let mut bytes = 0;
        while bytes < PART_BYTES_AIM {
            let Some(resource) = self.upserts.next() else { break };
            bytes += resource.encoded().len();
            part.upserts.push(resource);
        }
        while bytes < PART_BYTES_AIM && part.removals.len() < PART_ITEMS_MAX {
            let Some(key) = self.removals.next() else { break };
            bytes += key.name.len() + REMOVAL_BYTES;
            part.removals.push(key);
        }
        if self.upserts.peek().is_none() && self.removals.peek().is_none() {
            part.seal = self.seal.take();
        }
        Some(part)
    }
}

// Bytes alone close a part before it has too many resources, of which each has a version.
const _: () = assert!(PART_BYTES_AIM / 32 < PART_ITEMS_MAX);

/// The most that a removal takes beside its name.
const REMOVAL_BYTES: usize = 9;
