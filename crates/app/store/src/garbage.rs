//! Collecting garbage: what is reached from roots that are kept is marked, what is older and not marked is removed.
//!
//! A collection begins by changing the head: it counts one more sweep. Chunks are written under the head that their commit
//! expects, so from then on:
//!
//! - a commit that began before cannot succeed; it writes its chunks again, with later stamps;
//! - chunks written under the new head have later stamps than the head, and are left alone.
//!
//! What a later commit takes over from its base is reached from the head that was swapped in, and so is marked. Chunks are
//! deleted only if their stamp is still the one that was listed, so one that is written again meanwhile stays.

use crate::backend::{Listed, Stamp, Swap, SwapError, TRANSACTION_OPERATIONS_MAX};
use crate::chunk::ChunkId;
use crate::commit::now_ms;
use crate::error::{Damage, StoreError};
use crate::head::Head;
use crate::inner::Inner;
use crate::page::Page;
use crate::root::Root;
use crate::value::ValueRef;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How often the head is tried to be changed while others commit.
const ATTEMPTS_MAX: u32 = 100;
/// How often a collection is begun while other processes collect.
const COLLECTIONS_MAX: u32 = 16;
/// Chunks listed at a time.
const LISTED_MAX: usize = 1000;
/// Chunks deleted at a time: each is compared and deleted.
const DELETED_MAX: usize = TRANSACTION_OPERATIONS_MAX / 2;

/// What a collection has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Chunks that were removed.
    pub removed: u64,
    /// Chunks that are reached from what is kept.
    pub kept: u64,
    /// The oldest commit that is kept.
    pub floor: u64,
}

pub(crate) fn collect(inner: &Arc<Inner>, grace: Duration) -> Result<Collected, StoreError> {
    let _one = inner.collecting.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..COLLECTIONS_MAX {
        match collect_once(inner, grace) {
            // Another process collects too, and keeps less.
            Err(StoreError::Expired { .. }) => {}
            other => return other,
        }
    }
    Err(inner.contended(COLLECTIONS_MAX))
}

fn collect_once(inner: &Inner, grace: Duration) -> Result<Collected, StoreError> {
    let (head, begun, live) = begin(inner, grace)?;
    let mut marks = Marks { inner, marked: HashSet::new() };
    inner.expired(head.floor, marks.history(head))?;
    for id in live {
        match marks.root(id) {
            // Another process removed it before this one looked.
            Err(StoreError::Damaged { damage: Damage::Missing(_), .. }) => {}
            other => drop(other?),
        }
    }
    let removed = sweep(inner, &marks.marked, begun)?;
    Ok(Collected { removed, kept: marks.marked.len() as u64, floor: head.floor })
}

/// Counts one more sweep in the head; gives it, its stamp, and the roots in use at that time.
fn begin(inner: &Inner, grace: Duration) -> Result<(Head, Stamp, Vec<ChunkId>), StoreError> {
    let backend = &inner.chunks.backend;
    let mut last = None;
    for _ in 0..ATTEMPTS_MAX {
        let (_, head) = inner.head()?;
        // Before the gate is shut, since it may take long.
        let floor = inner.expired(head.floor, floor(inner, head, grace))?;
        let _gate = inner.shut_gate();
        let (record, head) = inner.head()?;
        let floor = floor.max(head.floor);
        let swept = Head { sweeps: head.sweeps.wrapping_add(1), floor, ..head };
        match backend.compare_and_swap_head(Some(&record.bytes), &swept.encode()) {
            Ok(Swap::Moved) => {}
            Ok(Swap::Done(begun)) => return Ok((swept, begun, inner.live_roots())),
            Err(SwapError::Ended(error) | SwapError::Unsettled(error)) => {
                last = Some(error);
                let (after, now) = inner.head()?;
                if now == swept {
                    return Ok((swept, after.written, inner.live_roots()));
                }
            }
            Err(SwapError::Refused(error) | SwapError::Doubtful(error)) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| inner.contended(ATTEMPTS_MAX)))
}

/// The oldest commit that was the newest within `grace`.
fn floor(inner: &Inner, head: Head, grace: Duration) -> Result<u64, StoreError> {
    let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    let since = now_ms().saturating_sub(grace);
    let mut root = inner.chunks.root(head.root)?;
    // A commit was the newest until the one after it was made.
    while root.number > head.floor && root.at_ms > since {
        let Some(parent) = root.parent else { break };
        root = inner.chunks.root(parent)?;
    }
    Ok(root.number)
}

/// Chunks that are reached.
struct Marks<'a> {
    inner: &'a Inner,
    marked: HashSet<ChunkId>,
}

impl Marks<'_> {
    /// From the head back to the oldest commit that is kept.
    fn history(&mut self, head: Head) -> Result<(), StoreError> {
        let mut next = Some(head.root);
        while let Some(id) = next {
            let root = self.root(id)?;
            next = root.parent.filter(|_| root.number > head.floor);
        }
        Ok(())
    }

    fn root(&mut self, id: ChunkId) -> Result<Root, StoreError> {
        let root = self.inner.chunks.root(id)?;
        if self.marked.insert(id) {
            root.sections.iter().try_for_each(|section| self.page(section.page))?;
        }
        Ok(root)
    }

    fn page(&mut self, id: ChunkId) -> Result<(), StoreError> {
        if !self.marked.insert(id) {
            return Ok(());
        }
        match &*self.inner.chunks.page(id)? {
            Page::Leaf(entries) => entries.iter().try_for_each(|entry| self.value(entry.value)),
            Page::Inner(_, children) => children.iter().try_for_each(|child| self.page(child.id)),
        }
    }

    fn value(&mut self, value: ValueRef) -> Result<(), StoreError> {
        let is_new = value.chunk().is_some_and(|id| self.marked.insert(id));
        if is_new && matches!(value, ValueRef::Indexed(..)) {
            let chunks = self.inner.chunks.value_chunks(value)?;
            self.marked.extend(chunks.into_iter().map(|(id, _)| id));
        }
        Ok(())
    }
}

/// Removes what is not marked and was written before the sweep began.
fn sweep(inner: &Inner, marked: &HashSet<ChunkId>, begun: Stamp) -> Result<u64, StoreError> {
    let backend = &inner.chunks.backend;
    let mut removed = 0;
    let mut after = None;
    loop {
        let listed = backend.list_chunks(after, LISTED_MAX)?;
        let Some(last) = listed.last() else { return Ok(removed) };
        after = Some(last.id);
        let is_garbage = |listed: &&Listed| listed.written < begun && !marked.contains(&listed.id);
        let garbage: Vec<Listed> = listed.iter().filter(is_garbage).copied().collect();
        for batch in garbage.chunks(DELETED_MAX) {
            removed += backend.delete_chunks(batch)?;
        }
    }
}
