//! Commits whose answer was lost: finding out whether they hold.
//!
//! The swap is repeated with the same bytes until the head gives an answer. A head that is the new one, or has its root among
//! its ancestors, shows that the commit holds. Any other head shows that it does not and never will, since the head that
//! it expects never comes back: each has a number of its own.

use crate::backend::{Swap, SwapError};
use crate::chunk::ChunkId;
use crate::error::{CommitError, StoreError};
use crate::head::Head;
use crate::inner::Inner;
use crate::root::Root;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// A commit of which is not known whether it holds.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The head before.
    pub(crate) expected: Vec<u8>,
    /// The head after.
    pub(crate) new: Vec<u8>,
    /// The name of the commit's root.
    pub(crate) root: ChunkId,
    /// The root, so that a commit that holds can be told of even where others have removed it since.
    pub(crate) manifest: Root,
}

/// What is known of a commit.
enum Fate {
    Holds,
    /// It does not hold, and never will. This is the number of the commit that does.
    Fails(u64),
    /// Its swap is over, and the head is the one before.
    Undone,
    /// Ask again.
    Open(StoreError),
}

impl Pending {
    /// The number that the commit has if it holds.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.manifest.number
    }

    /// The root that the commit has if it holds.
    #[must_use]
    pub fn root(&self) -> ChunkId {
        self.root
    }
}

/// Asks again about a commit that was left unknown.
pub(crate) fn settle(inner: &Arc<Inner>, pending: &Pending) -> Result<Snapshot, CommitError> {
    // Its swap may still be on the way.
    ask(inner, pending, false, None)
}

/// Finds out about a commit whose swap has just failed.
pub(crate) fn after_failure(
    inner: &Arc<Inner>,
    pending: &Pending,
    error: SwapError,
) -> Result<Snapshot, CommitError> {
    match error {
        SwapError::Ended(cause) => ask(inner, pending, true, Some(cause)),
        SwapError::Refused(cause) | SwapError::Unsettled(cause) | SwapError::Doubtful(cause) => {
            ask(inner, pending, false, Some(cause))
        }
    }
}

fn ask(
    inner: &Arc<Inner>,
    pending: &Pending,
    is_over: bool,
    mut cause: Option<StoreError>,
) -> Result<Snapshot, CommitError> {
    let start = Instant::now();
    loop {
        let gate = inner.gate();
        match fate(inner, pending, is_over) {
            Fate::Holds => return Ok(inner.hold(pending.root, pending.manifest.clone())),
            Fate::Fails(current) => return Err(CommitError::Conflict { current }),
            Fate::Undone => {
                // Only a swap that failed is over, and it has a cause.
                let current = pending.number() - 1;
                return Err(cause.map_or(CommitError::Conflict { current }, CommitError::Store));
            }
            Fate::Open(error) => cause = Some(error),
        }
        drop(gate);
        if start.elapsed() >= inner.settings.settle_timeout {
            let place = inner.chunks.backend.place();
            let silence =
                || StoreError::Unavailable { place, cause: "no answer in time".to_owned() };
            let cause = Box::new(cause.unwrap_or_else(silence));
            return Err(CommitError::Unknown { pending: Box::new(pending.clone()), cause });
        }
        std::thread::sleep(PAUSE);
    }
}

fn fate(inner: &Inner, pending: &Pending, is_over: bool) -> Fate {
    let (record, head) = match inner.head() {
        Ok(found) => found,
        Err(error) => return Fate::Open(error),
    };
    if head.root == pending.root {
        return Fate::Holds;
    }
    if record.bytes == pending.expected {
        return if is_over { Fate::Undone } else { repeat(inner, pending) };
    }
    if head.number < pending.number() {
        // The head before, counted as that of a collection of garbage: the swap cannot succeed any more.
        return Fate::Fails(head.number);
    }
    match ancestor(inner, head, pending.number()) {
        Ok(root) if root == pending.root => Fate::Holds,
        Ok(_) => Fate::Fails(head.number),
        Err(error) => Fate::Open(error),
    }
}

/// The same swap once more: if the first one took effect, or another one, this one has none.
fn repeat(inner: &Inner, pending: &Pending) -> Fate {
    let swapped = inner.chunks.backend.compare_and_swap_head(Some(&pending.expected), &pending.new);
    match swapped {
        Ok(Swap::Done(_)) => Fate::Holds,
        // The head says why, the next time it is read.
        Ok(Swap::Moved) => {
            Fate::Open(StoreError::Contended { place: inner.chunks.backend.place(), attempts: 1 })
        }
        Err(
            SwapError::Refused(error)
            | SwapError::Ended(error)
            | SwapError::Unsettled(error)
            | SwapError::Doubtful(error),
        ) => Fate::Open(error),
    }
}

/// The root of commit `number`, from a head that is not before it.
fn ancestor(inner: &Inner, head: Head, number: u64) -> Result<ChunkId, StoreError> {
    let mut id = head.root;
    for _ in number..head.number {
        if number < head.floor {
            return Err(StoreError::Expired { version: number, floor: head.floor });
        }
        let root = inner.chunks.root(id)?;
        let Some(parent) = root.parent else {
            return Err(StoreError::Expired { version: number, floor: root.number });
        };
        id = parent;
    }
    Ok(id)
}
